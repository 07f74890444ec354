"""Networks by the names of their architectures, and the planes that they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from crispim_ij.quiet import start_tensorflow

if TYPE_CHECKING:
    import keras

Precision = Literal["float32", "bfloat16"]
Padding = Literal["same", "valid"]
Scaling = Literal["none", "noise"]


@dataclass(frozen=True)
class Architecture:
    """One network design.

    Attributes
    ----------
    builder : str
        Function that makes it, as ``module:function`` of this package.
    parameters : int
        Number of weights, asserted at every build.
    stride : int
        Side of the coarsest pooling cell in px: Y and X must be multiples of it.
    summary : str
        One line for people.
    depth : int
        Planes that go in for the one that comes out.
    has_valid_padding : bool
        Whether there is a form with padding 'valid', see `build`.
    input_scaling : {'none', 'noise'}
        What goes in and comes out: counts as they are, or values whose noise has a standard
        deviation of 1 (see `crispim_ij.noise.stabilise`).
    """

    builder: str
    parameters: int
    stride: int
    summary: str
    depth: int = 1
    has_valid_padding: bool = True
    input_scaling: Scaling = "none"

    @property
    def axes(self) -> str:
        """Axes of one input, 'YXC' or 'ZYXC'."""
        return "YXC" if self.depth == 1 else "ZYXC"

    def load(self) -> Callable[..., keras.Model]:
        """Import the builder, and Keras with it."""
        from importlib import import_module

        module, function = self.builder.split(":")
        builder: Callable[..., Any] = getattr(import_module(f"{__package__}.{module}"), function)
        return builder


ARCHITECTURES = {
    "paper-2d": Architecture(
        builder="unet:paper_2d",
        parameters=332_641,
        stride=4,
        summary="the paper's 2D U-Net: raw counts in, raw counts out",
    ),
    "paper-3d": Architecture(
        builder="unet:paper_3d",
        parameters=5_836_033,
        stride=8,
        summary="the paper's 3D U-Net: 16 planes in, one plane out",
        depth=16,
        has_valid_padding=False,
    ),
    "residual-2d": Architecture(
        builder="unet:residual_2d",
        parameters=332_641,
        stride=4,
        summary="the paper's 2D U-Net, predicting the noise from locally centred counts",
    ),
    "residual-2.5d": Architecture(
        builder="unet:residual_25d",
        parameters=369_505,
        stride=4,
        summary="the same with five planes in: the plane and two neighbours on each side",
        depth=5,
    ),
    "stabilised-2d": Architecture(
        builder="stabilised:stabilised_2d",
        parameters=896_769,
        stride=8,
        summary="a residual U-Net that is told the noise: its sd is 1 in what goes in",
        input_scaling="noise",
    ),
    "stabilised-2d-fast": Architecture(
        builder="stabilised:stabilised_2d_fast",
        parameters=378_609,
        stride=8,
        summary="the same with a third of the work, little of it at full resolution",
        input_scaling="noise",
    ),
    "stabilised-2.5d": Architecture(
        builder="stabilised:stabilised_25d",
        parameters=916_993,
        stride=8,
        summary="the same with seven planes in: the plane and three neighbours on each side",
        depth=7,
        input_scaling="noise",
    ),
}


@contextmanager
def precision_policy(precision: Precision) -> Iterator[None]:
    """Let layers made inside compute in `precision`, with float32 weights."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build(
    architecture: str, *, precision: Precision = "float32", padding: Padding = "same"
) -> keras.Model:
    """Build a network with fresh weights.

    Parameters
    ----------
    architecture : str
        A key of `ARCHITECTURES`.
    precision : {'float32', 'bfloat16'}
        Arithmetic of the convolutions. Weights, input and output stay float32.
    padding : {'same', 'valid'}
        'same' gives as many pixels as go in. 'valid' gives those alone whose whole receptive
        field went in, without a halo on each side (see `receptive_field`), and skips work on
        pixels that none of them depends on. Same weights, in the same order.

    Returns
    -------
    keras.Model
        Float32 in and out, counts or what `Architecture.input_scaling` says: (batch, Y, X, 1), or
        (batch, depth, Y, X, 1) in and (batch, Y, X, 1) out for 3D architectures.

    Raises
    ------
    ValueError
        If there is no form with such padding of the architecture.
    """
    design = ARCHITECTURES[architecture]
    if padding == "valid" and not design.has_valid_padding:
        raise ValueError(f"{architecture} has no form with valid padding")
    start_tensorflow()
    with precision_policy(precision):
        network = design.load()() if padding == "same" else design.load()(padding=padding)
    if network.count_params() != design.parameters:
        raise AssertionError(
            f"{architecture} has {network.count_params()} weights, not {design.parameters}"
        )
    return network


def neighbours(stacks: NDArray[np.int64], index: int, depth: int, gap: int = 1) -> list[int]:
    """Return the planes of a plane's mini-stack, of its own channel and time point.

    `stacks`, (stacks, Z), says which planes lie above one another, see
    `crispim_ij.planes.z_stacks`; `depth` and `gap` are those of `mini_stack`.
    """
    ((number, z),) = np.argwhere(stacks == index)
    around: list[int] = stacks[number, mini_stack(int(z), stacks.shape[1], depth, gap)].tolist()
    return around


def mini_stack(index: int, count: int, depth: int, gap: int = 1) -> list[int]:
    """Return the `depth` planes that a network is given to make one of, that at ``depth // 2``.

    Of 16, 8 lie below the wanted one and 7 above, `gap` planes of the stack apart. Beyond its ends
    the stack of `count` planes is mirrored, the last plane repeated (NumPy's 'symmetric'), however
    short it is.
    """
    around = ((index + gap * (k - depth // 2)) % (2 * count) for k in range(depth))
    return [min(place, 2 * count - 1 - place) for place in around]
