"use strict";

/* Plots: a point is read by pointing near it, or by focus; arrow keys move the focus. */
for (const facets of document.querySelectorAll(".facets")) {
  const plots = [...facets.querySelectorAll(".plot")].map((plot) => ({
    frame: plot,
    svg: plot.querySelector("svg"),
    readout: plot.querySelector(".readout"),
    points: [...plot.querySelectorAll(".point")],
  }));

  const read = (point) => {
    for (const plot of plots) {
      const peers = plot.points.filter((one) => one.dataset.group === point?.dataset.group);
      const twin =
        peers.find((one) => one === point) ??
        peers.find((one) => one.dataset.method === point.dataset.method) ??
        (peers.length === 1 ? peers[0] : undefined);
      for (const one of plot.points) {
        one.classList.toggle("peer", peers.includes(one));
        one.classList.toggle("read", one === twin);
      }
      plot.readout.textContent = twin?.getAttribute("aria-label") ?? "\u00a0";
    }
  };

  const focused = () => {
    const point = document.activeElement;
    return facets.contains(point) && point.classList.contains("point") ? point : undefined;
  };

  const move = (points, point) => {
    if (!point) return;
    for (const one of points) one.tabIndex = one === point ? 0 : -1;
    point.focus();
  };

  for (const { frame, svg, points } of plots) {
    const x = (point) => point.cx.baseVal.value;
    const y = (point) => point.cy.baseVal.value;

    svg.addEventListener("pointermove", (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
        svg.getScreenCTM().inverse(),
      );
      let nearest;
      let least = 14;
      for (const point of points) {
        const distance = Math.hypot(x(point) - at.x, y(point) - at.y);
        if (distance < least) [nearest, least] = [point, distance];
      }
      read(nearest ?? focused());
    });
    svg.addEventListener("pointerleave", () => read(focused()));
    /* Not on the drawing: Chromium lets the tab key stop at one that listens for focus. */
    frame.addEventListener("focusin", (event) => read(event.target));
    frame.addEventListener("focusout", () => read());

    frame.addEventListener("keydown", (event) => {
      const here = event.target;
      const along = points
        .filter((one) => one.dataset.method === here.dataset.method)
        .sort((a, b) => x(a) - x(b));
      const across = points.filter((one) => one.dataset.group === here.dataset.group);
      const k = along.indexOf(here);
      const level = across.indexOf(here);
      const target = {
        ArrowRight: along[k + 1],
        ArrowLeft: along[k - 1],
        Home: along[0],
        End: along[along.length - 1],
        ArrowDown: across[level + 1],
        ArrowUp: across[level - 1],
      };
      if (!(event.key in target)) return;
      event.preventDefault();
      move(points, target[event.key]);
    });
  }
}

/* The slider takes its pictures from the page, so that none is in the file twice. */
for (const figure of document.querySelectorAll("[data-compare]")) {
  const pictures = [...figure.closest("section").querySelectorAll("img[data-view]")];
  const [plane, left, right] = ["plane", "left", "right"].map((name) =>
    document.getElementById(`${figure.dataset.compare}-${name}`),
  );
  const stage = figure.querySelector(".stage");
  const slider = figure.querySelector("input");

  const show = () => {
    const shown = pictures.filter((one) => one.dataset.view === (plane?.value ?? "0"));
    for (const [choice, side] of [[left, ".left"], [right, ".right"]]) {
      const source = shown[Number(choice.value)];
      const image = stage.querySelector(side);
      image.src = source.src;
      image.alt = source.alt;
      image.width = source.width;
      image.height = source.height;
    }
    split();
  };

  const split = () => {
    stage.style.setProperty("--split", `${slider.value}%`);
    const name = (choice) => choice.selectedOptions[0].textContent;
    slider.setAttribute(
      "aria-valuetext",
      `${slider.value} % ${name(left)}, ${100 - slider.value} % ${name(right)}`,
    );
  };

  const drag = (event) => {
    if (event.buttons !== 1) return;
    const box = stage.getBoundingClientRect();
    slider.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    split();
  };

  for (const choice of [plane, left, right]) choice?.addEventListener("change", show);
  slider.addEventListener("input", split);
  stage.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", drag);
  show();
  figure.hidden = false;
}

/* What is folded away is printed all the same. */
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of folded) one.open = false;
});
