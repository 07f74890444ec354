"""The page in a real browser."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispim_ij.report import Report
from crispim_ij.report.page import report_page
from tests.report.conftest import HOSTILE, with_evaluation

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

# Every visible text with its colour and the colour behind it, as [text, r, g, b, r, g, b].
TEXTS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim();
    const element = walker.currentNode.parentElement;
    if (!text || element.closest("script") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    found.push([text, ...rgb(ink).slice(0, 3), ...behind(element)]);
  }
  return found;
}"""

TABBABLE = """() => [...document.querySelectorAll(
  'a[href], summary, select, input, [tabindex="0"]'
)].filter((one) => one.checkVisibility())"""

CELLS = """(table) => [...table.querySelectorAll('tbody tr')].map((row) =>
  [...row.children].map((cell) => cell.querySelector('data')?.value ?? cell.textContent))"""


@pytest.fixture
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto((folder / "report.html").as_uri())
    yield page
    page.close()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def luminance(rgb: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[float], other: list[float]) -> float:
    """WCAG's ratio of two colours of 0 to 255."""
    dark, light = sorted(luminance([c / 255 for c in rgb]) for rgb in (one, other))
    return (light + 0.05) / (dark + 0.05)


def readouts(plots: Locator) -> list[str]:
    return [text.strip() for text in plots.locator(".readout").all_text_contents()]


def test_it_loads_quietly_and_alone(browser: Browser, folder: Path) -> None:
    page = browser.new_page()
    said: list[Any] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(error))
    page.on("request", lambda request: asked.append(request.url))
    address = (folder / "report.html").as_uri()
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    loaded = page.evaluate("[...document.images].map((one) => one.naturalWidth > 0)")
    assert len(loaded) > 20
    assert all(loaded)
    page.close()


class Reader(HTMLParser):
    """Keeps what is read: tags in their order, labels, and the text of each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags = [""]
        self.labels: list[str | None] = []
        self.text: dict[str, str] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.labels.append(dict(attrs).get("aria-label"))

    def handle_data(self, data: str) -> None:
        self.text[self.tags[-1]] = self.text.get(self.tags[-1], "") + data


def named(report: Report, title: str, text: str) -> Reader:
    """Read a page without pictures that says something in each place where users' words stand."""
    one = with_evaluation(replace(report.experiments[1], title=title), shown=[])
    recipes = {title: {text: text}}
    said = replace(
        report, title=title, command=text, notes=[text], experiments=[one], recipes=recipes
    )
    return Reader(report_page(said, [[]], {"processor": text}))


def test_models_that_a_model_came_from_have_tables_of_their_own(report: Report) -> None:
    recipe: dict[str, object] = {"recipe": {"seed": 0}}
    for k in range(3):
        origin = {"name": f"net-{k}", "stride": 4, "provenance": recipe}
        recipe = {"recipe": {"seed": k + 1}, "started_from": origin}
    one = with_evaluation(report.experiments[1], shown=[])
    said = replace(report, experiments=[one], recipes={"net-3": recipe})
    page = report_page(said, [[]], {})
    titles = re.findall(r"<summary>(Recipe of .*)</summary>", page)
    assert titles == [
        "Recipe of net-3",
        *(f"Recipe of net-{k}, the start of net-{k + 1}" for k in (2, 1, 0)),
    ]
    assert page.count("started_from") == 3
    assert page.count('<th scope="row">recipe.seed</th>') == 4


texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]))


def test_text_stays_text(report: Report) -> None:
    tags = named(report, "x", "y").tags

    @settings(max_examples=20)
    @given(texts, texts)
    def check(title: str, text: str) -> None:
        reader = named(report, title, text)
        assert reader.tags == tags
        assert reader.text["h1"].startswith(title)
        assert reader.text["code"].startswith(text)
        assert f"{title}: means" in reader.labels

    check()


def test_nothing_could_be_loaded_or_run(page: Page) -> None:
    page.evaluate("""() => {
      addEventListener("securitypolicyviolation", (event) => {
        (window.refused ??= []).push(event.effectiveDirective);
      });
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      const image = new Image();
      image.src = "http://127.0.0.1:9/x.png";
      document.body.append(script, image);
    }""")
    page.wait_for_function("window.refused?.length === 2")
    assert sorted(page.evaluate("refused")) == ["img-src", "script-src-elem"]
    assert page.evaluate("window.hacked") is None


def test_names_are_text(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == 1
    assert page.locator("body b, body i, body u").count() == page.locator(".panel b").count()
    assert page.title() == "A & <b>"
    assert page.locator("#experiment-1 .means tbody th").all_text_contents().count(HOSTILE) == 1
    assert page.locator("pre").text_content() == "crispim-ij x --y '<z>'"


@pytest.mark.parametrize(
    ("table", "file", "columns"),
    [
        ("means", "summary", "method rmse robust_psnr robust_ssim pcc frc_cutoff psnr ssim"),
        ("pairs", "comparison", "method other difference low high p planes"),
        (
            "planes",
            "evaluation",
            "plane sd method rmse robust_psnr robust_ssim pcc frc_cutoff psnr ssim",
        ),
    ],
)
def test_tables_equal_the_csv(
    page: Page, folder: Path, table: str, file: str, columns: str
) -> None:
    cells = page.locator(f"#experiment-2 .{table}").evaluate(CELLS)
    rows = [[row[name] for name in columns.split()] for row in read(folder / f"table-2-{file}.csv")]
    assert len(rows) >= 4
    assert cells == rows


def test_the_papers_figures_stand_beside_ours(page: Page, folder: Path) -> None:
    cells = page.locator("#experiment-1 .means").evaluate(CELLS)
    ours = {row["method"]: row for row in read(folder / "table-1-summary.csv")}
    assert [row[0] for row in cells] == list(ours)
    assert [row[1] for row in cells] == [row["psnr"] for row in ours.values()]
    papers = {row[0]: [row[2], row[4], row[6]] for row in cells}
    assert papers["tv"] == ["69.629", "0.9998", "0.9718"]
    assert papers["noisy"] == ["nan"] * 3
    table = page.locator("#experiment-1 .means")
    shown = table.locator("tbody tr", has_text="cv2").locator("td").nth(1)
    assert shown.text_content() == "60.35"


def test_the_best_of_a_column_is_marked_in_words_and_weight(page: Page, folder: Path) -> None:
    best = page.locator("#experiment-2 .means td:first-of-type strong")
    assert (
        best.text_content()
        == f"{float(read(folder / 'table-2-summary.csv')[0]['rmse']):.2f} (best)"
    )
    style = best.evaluate(
        "(one) => [getComputedStyle(one).fontWeight, getComputedStyle(one).textDecorationLine]"
    )
    assert style == ["700", "underline"]


def test_tables_say_what_they_are(page: Page) -> None:
    assert page.locator("table").count() == page.locator("table > caption").count() >= 8
    assert page.locator("th:not([scope])").count() == 0


def test_pointing_at_a_plane_reads_it_in_all_four_plots(page: Page, folder: Path) -> None:
    plots = page.locator("#experiment-1 .facets:not(.small) .plot")
    row = read(folder / "table-1-evaluation.csv")[1]
    assert row["method"] == "tv"
    point = plots.first.locator(f'[data-method="tv"][data-group="{row["plane"]}"]')
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    psnr, ssim, pcc, robust = readouts(plots)
    assert psnr == f"tv, plane {row['plane']}, noise sd {row['sd']}: {float(row['psnr']):.2f}"
    assert ssim.endswith(f"{float(row['ssim']):.5f}")
    assert pcc.endswith(f"{float(row['pcc']):.4f}")
    assert robust.endswith(f"{float(row['robust_ssim']):.4f}")
    page.mouse.move(0, 0)
    assert readouts(plots) == [""] * 4


def test_arrow_keys_read_planes_and_methods(page: Page) -> None:
    plots = page.locator("#experiment-1 .facets:not(.small) .plot")
    plots.first.locator('[tabindex="0"]').focus()
    seen = [readouts(plots)[0]]
    for key in ("End", "ArrowLeft", "ArrowDown", "ArrowUp", "Home"):
        page.keyboard.press(key)
        seen.append(readouts(plots)[0])
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == seen[-1]
    assert seen[2] == seen[4]
    values = [float(text.rsplit(" ", 1)[1]) for text in seen]
    assert values[5] <= values[2] <= values[1]
    below = page.locator("#experiment-1 .means tbody th").nth(1).text_content()
    assert seen[3].startswith(f"{below}, plane ")
    assert seen[3].split(", plane ")[1].split(",")[0] == seen[2].split(", plane ")[1].split(",")[0]
    # One stop a plot: the next is another plot's.
    page.keyboard.press("Tab")
    assert readouts(plots)[1] == page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_bias_is_read_by_keyboard(page: Page, folder: Path) -> None:
    rows = [row for row in read(folder / "table-1-bias.csv") if row["method"] == "cv2"]
    plot = page.locator("#experiment-1 .facets.small .plot", has_text="cv2")
    plot.locator('[tabindex="0"]').focus()
    page.keyboard.press("End")
    (said,) = readouts(plot)
    error = f"{float(rows[-1]['error']):+.2f}".replace("-", "\N{MINUS SIGN}")
    assert said.startswith("Tenth 10, ")
    assert f"error {error} counts" in said


def test_the_slider_uncovers_the_other_picture(page: Page, folder: Path) -> None:
    best = read(folder / "table-1-summary.csv")[0]["method"]
    slider = page.locator("#compare-1-split")
    stage = page.locator("#experiment-1 .stage")
    slider.focus()
    half = stage.screenshot()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "51"
    assert slider.get_attribute("aria-valuetext") == f"51 % noisy, 49 % {best}"
    assert stage.screenshot() != half
    page.keyboard.press("Home")
    right = stage.screenshot()
    page.keyboard.press("End")
    left = stage.screenshot()
    assert right != left


def test_the_slider_compares_what_is_chosen(page: Page) -> None:
    compared = "[...document.querySelectorAll('#experiment-1 .stage img')].map((one) => one.src)"
    shown = """([view, name]) => [...document.querySelectorAll('#experiment-1 img[data-view]')]
      .find((one) => one.dataset.view === view && one.dataset.name === name).src"""
    right, left = page.evaluate(compared)
    assert left == page.evaluate(shown, ["0", "noisy"]) != right
    page.locator("#compare-1-left").select_option("cv2")
    page.locator("#compare-1-right").select_option(HOSTILE)
    page.locator("#compare-1-plane").select_option(index=1)
    right, left = page.evaluate(compared)
    assert left == page.evaluate(shown, ["1", "cv2"])
    assert right == page.evaluate(shown, ["1", HOSTILE])


def test_the_picture_itself_can_be_dragged(page: Page) -> None:
    stage = page.locator("#experiment-2 .stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    assert abs(int(page.locator("#compare-2-split").input_value()) - 25) <= 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    texts = page.evaluate(TEXTS)
    assert len(texts) > 300
    ratios = {text[0]: contrast(text[1:4], text[4:7]) for text in texts}
    assert {text: ratio for text, ratio in ratios.items() if ratio < 4.5} == {}
    paper = luminance([c / 255 for c in texts[0][4:7]])
    assert paper > 0.9 if scheme == "light" else paper < 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_focus_is_seen(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    width, colour, paper = page.evaluate("""() => {
      const style = getComputedStyle(document.activeElement);
      const rgb = (text) => text.match(/[\\d.]+/g).map(Number).slice(0, 3);
      return [parseFloat(style.outlineWidth), rgb(style.outlineColor),
        rgb(getComputedStyle(document.body).backgroundColor)];
    }""")
    assert width >= 2
    assert contrast(colour, paper) >= 3


def test_the_tab_key_reaches_everything_in_order(page: Page) -> None:
    expected = page.evaluate(f"window.stops = ({TABBABLE})(); stops.length")
    assert expected > 30
    reached = []
    for _ in range(expected):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("stops.indexOf(document.activeElement)"))
    assert reached == list(range(expected))


def test_nothing_sticks_out_of_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_what_is_folded_away_is_printed(page: Page) -> None:
    folded = page.locator("details:not([open])")
    assert folded.count() >= 3
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.count() >= 3
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator(".compare").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_motion_can_be_refused(page: Page) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert page.evaluate(behaviour) == "smooth"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(behaviour) == "auto"


def test_it_reads_without_scripts(browser: Browser, folder: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto((folder / "report.html").as_uri())
    assert page.locator("#experiment-1 .means tbody tr").count() == 4
    assert page.locator("#experiment-1 img").first.is_visible()
    assert not page.locator(".compare").first.is_visible()
    page.close()
