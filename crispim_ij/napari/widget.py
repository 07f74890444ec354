"""The widget 'Denoise (crispim-ij)'."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Label, ProgressBar, PushButton
from napari.layers import Image
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy

from crispim_ij.errors import CrispimError
from crispim_ij.models.folder import library_folder
from crispim_ij.napari.choices import Choices
from crispim_ij.napari.layers import in_layer, place_shown, shown_like
from crispim_ij.napari.process import AdaptStep, shared_process
from crispim_ij.napari.work import (
    Failure,
    LayerRequest,
    LayerResult,
    PlanePreview,
    adapt_to_layer,
    denoise_all,
    preview_plane,
    watched,
    with_strength,
)
from crispim_ij.previewing import Looked
from crispim_ij.report.numbers import shown_time
from crispim_ij.training import Adapted

if TYPE_CHECKING:
    import napari

PREVIEW = "preview (crispim-ij)"
"""Name of the layer that shows the preview."""

_READY = "Preview denoises the plane that you see; Denoise all of the layer."
_NO_NAME = '<>:"/\\|?*'  # in file names


class DenoiseWidget(Container):  # type: ignore[misc]
    """Choose a layer and a model, look at one plane, denoise all.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where layers are taken from and put.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        self._viewer = napari_viewer
        self._stop: Event | None = None
        self._shown: Image | None = None
        self._previewed: tuple[LayerRequest, PlanePreview] | None = None
        self._shown_strength = 1.0
        self._is_redoing = False
        self._begun = self._since = 0.0
        self._says = ""
        self._notes: tuple[str, ...] = ()
        self._choices = Choices(self._on_other, self._on_strength)
        self._make_actions()
        actions = Container(
            layout="horizontal",
            labels=False,
            widgets=[self._preview, self._denoise, self._adapt, self._cancel],
        )
        answers = Container(labels=False, widgets=[self._bar, self._text])
        parts = [self._choices, actions, answers]
        for part in parts:
            part.margins = (0, 0, 0, 0)
        super().__init__(labels=False, widgets=parts)
        # What is left of the height is the text's, or it would be cut off where it is wrapped.
        self._text.native.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Expanding)
        self.native.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Expanding)
        self.native.destroyed.connect(self._on_destroyed)
        self._refresh()

    def _make_actions(self) -> None:
        """Make what is pressed, and what answers."""
        self._preview = PushButton(
            text="Preview", tooltip="Denoise the plane that is shown, and measure its noise."
        )
        self._denoise = PushButton(
            text="Denoise", tooltip="Denoise all planes of the layer into a new layer."
        )
        self._adapt = PushButton(
            text="Adapt",
            tooltip="Train the model on this layer for some minutes, without a clean plane; then "
            "the new one is chosen.",
        )
        self._cancel = PushButton(text="Cancel", tooltip="Stop after the plane at work.")
        self._bar = ProgressBar(min=0, visible=False)
        self._text = Label()
        self._text.native.setWordWrap(True)
        self._text.native.setTextFormat(Qt.PlainText)
        self._text.native.setAlignment(Qt.AlignTop)
        self._preview.changed.connect(self._on_preview)
        self._denoise.changed.connect(self._on_denoise)
        self._adapt.changed.connect(self._on_adapt)
        self._cancel.changed.connect(self._on_cancel)

    def _on_other(self) -> None:
        """Take another layer or model."""
        self._notes = ()
        self._previewed = None
        self._refresh()

    def _on_strength(self) -> None:
        """Let the preview follow the slider; its plane is neither read nor measured again."""
        strength = self._choices.strength
        if self._previewed is None or self._stop is not None or self._is_redoing:
            return
        if strength == self._shown_strength:
            return
        self._is_redoing, self._shown_strength = True, strength
        create_worker(
            watched,
            with_strength(shared_process(), *self._previewed, strength),
            Event(),
            _connect={"returned": partial(self._show_again, self._previewed)},
        )

    def _refresh(self, says: str = "") -> None:
        """Enable what can be used, and say why something can't."""
        is_idle = self._stop is None
        fault = self._choices.refresh(is_idle)
        self._preview.enabled = self._denoise.enabled = is_idle and not fault
        self._adapt.enabled = is_idle and not fault and self._choices.takes_noise
        self._cancel.enabled = not is_idle
        self._bar.visible = not is_idle
        self._say(says or fault or _READY)

    def _on_preview(self) -> None:
        """Denoise the plane that is shown."""
        with self._complaining():
            layer, request = self._choices.layer, self._choices.request()
            work = preview_plane(shared_process(), request, place_shown(self._viewer, layer))
            self._start(work, 0, self._say, partial(self._show_preview, layer, request))

    def _on_denoise(self) -> None:
        """Denoise the layer."""
        with self._complaining():
            layer, request = self._choices.layer, self._choices.request()
            self._say("Starting the network …")
            self._start(
                denoise_all(shared_process(), request),
                request.planes,
                partial(self._count, request.planes),
                partial(self._show_result, layer, request),
            )

    def _on_adapt(self) -> None:
        """Adapt the model to the layer."""
        with self._complaining():
            layer, request = self._choices.layer, self._choices.request()
            assert layer is not None
            folder = _new_folder(f"{layer.name} adapted")
            self._say("Starting the network …")
            self._start(
                adapt_to_layer(shared_process(), request, folder, self._choices.minutes),
                0,
                self._show_step,
                partial(self._show_adapted, request),
            )

    def _on_cancel(self) -> None:
        """Ask the work to stop."""
        if self._stop is not None:
            self._stop.set()

    def _on_destroyed(self) -> None:
        """Stop, and wait for nothing: what would show it is gone."""
        self._on_cancel()
        self._stop = self._previewed = None

    def _start(
        self,
        work: Generator[Any, None, Any],
        total: int,
        on_step: Callable[[Any], None],
        on_result: Callable[[Any], str],
    ) -> None:
        """Begin work in a thread; napari's activity dock shows it as well."""
        self._stop, self._begun = Event(), time.perf_counter()
        self._bar.max = self._bar.value = 0
        self._refresh(self._says)
        create_worker(
            watched,
            work,
            self._stop,
            _progress={"total": total, "desc": "crispim-ij"},
            _connect={
                "yielded": partial(self._step, on_step),
                "returned": partial(self._end, on_result),
                "aborted": partial(self._end, on_result, None),
            },
        )

    def _step(self, on_step: Callable[[Any], None], step: Any) -> None:
        """Show how far the work is."""
        if self._stop is not None:
            on_step(step)

    def _end(self, on_result: Callable[[Any], str], outcome: Any) -> None:
        """Show what came of the work."""
        if self._stop is None:
            return
        self._stop = None
        match outcome:
            case None:
                self._refresh("Cancelled.")
            case Failure(error):
                self._refresh(str(error))
                with self._complaining():
                    raise error
            case _:
                self._refresh(on_result(outcome))

    def _count(self, total: int, _: float) -> None:
        """Show how many planes are done."""
        if self._bar.max != total:
            self._bar.max, self._since = total, time.perf_counter()
        self._bar.value += 1
        done = self._bar.value
        says = f"{done} of {total} planes"
        if 1 < done < total:
            left = (time.perf_counter() - self._since) / (done - 1) * (total - done)
            says += f", about {shown_time(left)} left"
        self._say(says)

    def _show_step(self, step: AdaptStep) -> None:
        """Show how far an adaptation is, and what it has gained."""
        plan = step.plan
        self._bar.max, self._bar.value = plan.steps, step.done
        time_left = ""
        if plan.seconds is not None and step.done < plan.steps:
            left = plan.seconds * (1 - step.done / plan.steps)
            time_left = f", about {shown_time(left)} left"
        now = "" if step.error is None else f", now {step.error:.3g} {plan.unit} (estimated)"
        self._say(
            f"Adapting: {step.done} of {plan.steps} steps{time_left}. Noisy {plan.noisy:.3g}{now}"
        )

    def _show_adapted(self, request: LayerRequest, adapted: Adapted) -> str:
        """Choose the adapted model, and say what it is worth."""
        self._choices.choose_model(adapted.model)
        begun, unit = request.model.folder.name, adapted.unit
        return adapted.why_kept(begun) or (
            f"Estimated error: noisy {adapted.noisy:.3g}, {begun} {adapted.before:.3g}, adapted "
            f"{adapted.after:.3g} {unit}. The model is in {adapted.model.folder}."
        )

    def _show_preview(self, layer: Image, request: LayerRequest, found: PlanePreview) -> str:
        """Lay the plane over the layer, in place of the last one."""
        if self._shown is not None and self._shown in self._viewer.layers:
            self._viewer.layers.remove(self._shown)
        pixels = in_layer(found.pixels, layer)
        self._shown = Image(pixels, name=PREVIEW, rgb=False, **shown_like(layer, found.corner))
        self._viewer.add_layer(self._shown)
        self._notes = _notes(found.looked)
        self._shown_strength = request.noise.strength
        self._previewed = (request, found) if self._choices.takes_noise else None
        return "Hide and show the preview's layer to compare."

    def _show_again(self, previewed: tuple[LayerRequest, PlanePreview], outcome: Any) -> None:
        """Show a previewed plane at the strength of the slider, if it is still to be seen."""
        self._is_redoing = False
        if previewed is not self._previewed:
            return
        if isinstance(outcome, Failure):
            with self._complaining():
                raise outcome.error
        elif self._shown is not None and self._shown in self._viewer.layers:
            self._shown.data = in_layer(outcome, self._shown)
            self._on_strength()  # it may have moved on

    def _show_result(self, layer: Image, request: LayerRequest, result: LayerResult) -> str:
        """Add the result above the layer, and say why to mistrust it."""
        name = f"{layer.name} denoised by {request.model.folder.name}"
        self._viewer.add_layer(Image(result.pixels, name=name, rgb=False, **shown_like(layer)))
        self._notes = tuple(dict.fromkeys((*self._notes, *result.problems)))
        return f"Done: {request.planes} planes in {shown_time(time.perf_counter() - self._begun)}."

    def _say(self, words: str) -> None:
        """Show what is going on."""
        self._says = words
        self._text.value = "\n\n".join((words, *self._notes))

    @contextmanager
    def _complaining(self) -> Iterator[None]:
        """Show a fault that the user can mend as a sentence."""
        try:
            yield
        except CrispimError as error:
            self._say(str(error))
            show_error(str(error))


def _new_folder(name: str) -> Path:
    """Return a folder for a model of the user's own, of a name that none has."""
    plain = "".join("_" if letter in _NO_NAME else letter for letter in name)
    folder, number = library_folder() / plain, 1
    while folder.exists():
        number += 1
        folder = library_folder() / f"{plain} {number}"
    return folder


def _notes(looked: Looked) -> tuple[str, ...]:
    """Say what was found about the plane."""
    says = tuple(
        words
        for words in (f"Noise: {looked.noise.in_figures()}.", looked.doubt, looked.fit.says)
        if words
    )
    if looked.alternatives:
        return (*says, f"These models fit: {', '.join(looked.alternatives)}.")
    if looked.fit.fits is False and not looked.noise.is_correlated:
        return (*says, "`crispim-ij train --recipe blind` makes one of these planes' own.")
    if looked.noise.is_correlated:
        return (*says, "Adapt learns how they share it.")
    return says
