"""What is chosen in the widget: a layer, a model, and how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from magicgui.widgets import (
    ComboBox,
    Container,
    FileEdit,
    FloatSlider,
    Label,
    LineEdit,
    SpinBox,
    create_widget,
)
from napari.layers import Image

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model, list_models
from crispim_ij.napari.layers import axes_of, check_layer, guess_slices, pixels_of
from crispim_ij.napari.work import LayerRequest
from crispim_ij.networks.architectures import Precision
from crispim_ij.noise import MEASURED, NoiseOptions, parse_noise
from crispim_ij.noise.stack_noise import STRENGTHS

DEFAULT = "crispim-2d"
FOLDER = "a folder …"

_LABEL_WIDTH = 90  # px
_NO_LAYER = "Open an image first, or File > Open Sample > crispim-ij."


class Choices(Container):  # type: ignore[misc]
    """What is denoised, by which model, and how.

    Parameters
    ----------
    on_other : callable
        Called when another layer or model is chosen.
    on_strength : callable
        Called when another strength is.

    Attributes
    ----------
    takes_noise : bool
        Whether the model is told the noise, as it was when this was refreshed.
    """

    takes_noise = False

    def __init__(self, on_other: Callable[[], None], on_strength: Callable[[], None]) -> None:
        self._layer = create_widget(
            annotation=Image,
            options={"tooltip": "The image to denoise, in raw counts as the camera gave them."},
        )
        self._model = ComboBox(
            choices=_names(),
            value=DEFAULT,
            tooltip="The network: one that ships, one of your own, or a folder with one.",
        )
        self._folder = FileEdit(
            mode="d",
            tooltip="A folder that `crispim-ij train` or `crispim-ij models import` wrote.",
        )
        self._slices = ComboBox(
            choices=self._axes,
            tooltip="The axis whose planes lie above one another: this model looks at neighbours.",
        )
        self._precision = ComboBox(
            choices=get_args(Precision),
            tooltip="bfloat16 is faster on processors that have it, and less exact.",
        )
        self._noise = LineEdit(
            value="auto",
            tooltip="auto measures it; or its standard deviation in counts, or a camera's "
            "GAIN:OFFSET:READ, such as 2.1:100:9.8.",
        )
        self._strength = FloatSlider(
            value=1.0,
            min=STRENGTHS[0],
            max=STRENGTHS[1],
            step=0.05,
            tooltip="How strong the noise is taken to be: less leaves some in, more smooths.",
        )
        self._minutes = SpinBox(
            value=10,
            min=1,
            max=24 * 60,
            tooltip="About how long Adapt may train the model on this layer.",
        )
        self._folder_row = _row("Folder", self._folder)
        self._slices_row = _row("Slices along", self._slices)
        self._noise_rows = (
            _row("Noise", self._noise),
            _row("Strength", self._strength),
            _row("Minutes", self._minutes),
        )
        rows = [
            _row("Layer", self._layer),
            _row("Model", self._model),
            self._folder_row,
            self._slices_row,
            _row("Precision", self._precision),
            *self._noise_rows,
        ]
        super().__init__(labels=False, widgets=rows)
        self._layer.changed.connect(self._offer_axes)
        for choice in (self._layer, self._model, self._folder):
            choice.changed.connect(on_other)
        self._strength.changed.connect(on_strength)
        self._offer_axes()

    @property
    def minutes(self) -> float:
        """How long adapting may take."""
        return float(self._minutes.value)

    @property
    def strength(self) -> float:
        """How much stronger the noise is taken to be."""
        return float(self._strength.value)

    def choose_model(self, model: Model) -> None:
        """Choose a model of the user's own, a new one too."""
        self._model.choices = _names()
        self._model.value = model.folder.name

    @property
    def layer(self) -> Image | None:
        """The layer to denoise."""
        return self._layer.value

    def request(self) -> LayerRequest:
        """Gather what is chosen; CrispimError if there is no layer or model, or an unfit one."""
        pixels = pixels_of(self._checked_layer())
        settings = DenoiseSettings(self._precision.value)
        model = self._chosen_model()
        return LayerRequest(pixels, self._slices.value, model, settings, self._noise_of(model))

    def refresh(self, is_idle: bool) -> str:
        """Show what the model needs to be told, not editable during work; say what is wrong."""
        is_deep, self.takes_noise, fault = False, False, ""
        try:
            spec = self._chosen_model().spec
            is_deep, self.takes_noise = spec.depth > 1, spec.takes_noise
            self._checked_layer()
        except CrispimError as error:
            fault = str(error)
        self._folder_row.visible = self._model.value == FOLDER
        self._slices_row.visible = is_deep and bool(self._slices.choices)
        for row in self._noise_rows:
            row.visible = self.takes_noise
        for row in self:
            row.enabled = is_idle
        return fault

    def _noise_of(self, model: Model) -> NoiseOptions:
        """Return what is said of the noise, where the model is told it."""
        if not model.spec.takes_noise:
            return MEASURED
        return NoiseOptions(parse_noise(self._noise.value), self._strength.value)

    def _checked_layer(self) -> Image:
        """Return the layer, if it can be denoised."""
        if self.layer is None:
            raise CrispimError(_NO_LAYER)
        check_layer(self.layer)
        return self.layer

    def _chosen_model(self) -> Model:
        """Find the model."""
        if self._model.value != FOLDER:
            return find_model(self._model.value)
        if self._folder.value == Path():
            raise CrispimError("Choose the folder that holds the model.")
        return find_model(str(self._folder.value))

    def _axes(self, _: Any) -> list[tuple[str, int]]:
        """Offer the axes that the layer has."""
        names = [] if self.layer is None else axes_of(self.layer)
        return [(words, axis) for axis, words in enumerate(names)]

    def _offer_axes(self) -> None:
        """Offer the layer's axes, the likeliest first chosen."""
        self._slices.reset_choices()
        if self.layer is not None and self._slices.choices:
            self._slices.value = guess_slices(self.layer)


def _names() -> list[str]:
    """Name the models that there are, and that one of another folder may be chosen."""
    return [*(model.folder.name for model in list_models()), FOLDER]


def _row(label: str, choice: Any) -> Container:
    """Lay a choice beside its name; magicgui's own labels don't line up in napari's font."""
    name = Label(value=label, tooltip=choice.tooltip)
    name.min_width = _LABEL_WIDTH
    row = Container(layout="horizontal", labels=False, widgets=[name, choice])
    row.margins = (0, 0, 0, 0)
    return row
