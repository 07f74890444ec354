"""Which input pixels one output pixel of a network can depend on."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ReceptiveField:
    """Reach of a network in Y and X, in px.

    An output pixel depends on no input pixel farther than `radius`. `stride` is the side of the
    coarsest pooling cell: input sides must be multiples of it, and tiles must start at multiples of
    it.
    """

    radius: int
    stride: int

    @property
    def halo(self) -> int:
        """The radius rounded up to the pooling grid, in px."""
        return -(-self.radius // self.stride) * self.stride


@dataclass(frozen=True)
class _Reach:
    """Sample j of a tensor sees input pixels ``step * j - before`` to ``step * j + after``."""

    step: int
    before: int
    after: int


def receptive_field(network: keras.Model) -> ReceptiveField:
    """Work out a network's receptive field in X, in pixels, from its layers.

    Every layer is followed in the order of the graph: a convolution of width k
    widens the reach by (k - 1) / 2 samples on each side, pooling by p - 1 samples
    on the far side, up-sampling by the part of a coarse cell that lies on the near
    side, or between the centres of two, and layers with several inputs take the widest.
    The network is a functional model made of convolutions, pooling, up-sampling,
    concatenation and element-wise operations; those here are the same in Y and X.
    """
    reach = {id(network.inputs[0]): _Reach(1, 0, 0)}
    stride = 1
    for operation in _in_order(network):
        for node in operation._inbound_nodes:
            sources = [reach[id(t)] for t in node.input_tensors if id(t) in reach]
            if not sources:
                continue
            seen = _apply(operation, _widest(sources))
            stride = lcm(stride, seen.step)
            reach.update({id(t): seen for t in node.output_tensors})
    result = reach[id(network.outputs[0])]
    return ReceptiveField(radius=max(result.before, result.after), stride=stride)


def _in_order(network: keras.Model) -> list[Any]:
    """All operations, each after those it takes its input from."""
    return [
        op
        for depth in sorted(network._nodes_by_depth, reverse=True)
        for op in (node.operation for node in network._nodes_by_depth[depth])
    ]


def _widest(reaches: list[_Reach]) -> _Reach:
    return _Reach(reaches[0].step, max(r.before for r in reaches), max(r.after for r in reaches))


def _apply(operation: Any, reach: _Reach) -> _Reach:
    from keras import layers

    averages = layers.AveragePooling2D | layers.AveragePooling3D
    poolings = layers.MaxPooling2D | layers.MaxPooling3D | averages
    step, before, after = reach.step, reach.before, reach.after
    if isinstance(operation, layers.Conv2D | layers.Conv3D):
        if operation.strides[-1] > 1:
            return _pool(reach, operation.kernel_size[-1], operation.strides[-1])
        wing = step * (operation.kernel_size[-1] - 1) // 2
        return _Reach(step, before + wing, after + wing)
    if isinstance(operation, poolings):
        return _pool(reach, operation.pool_size[-1], operation.strides[-1])
    if isinstance(operation, layers.UpSampling2D | layers.UpSampling3D):
        finer = step // operation.size[-1]
        if getattr(operation, "interpolation", "nearest") == "bilinear":
            half = step // 2
            return _Reach(finer, before + step + half - finer, after + half)
        return _Reach(finer, before + step - finer, after)
    return reach


def _pool(reach: _Reach, size: int, stride: int) -> _Reach:
    """Pooling cells start at their sample, sliding windows ('same') are centred on it."""
    if stride == size:
        return _Reach(reach.step * stride, reach.before, reach.after + reach.step * (size - 1))
    wing = reach.step * (size - 1) // 2
    return _Reach(reach.step, reach.before + wing, reach.after + wing)
