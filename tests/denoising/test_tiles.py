from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.denoising.tiles import TileGrid


@st.composite
def grids(draw: st.DrawFn) -> tuple[TileGrid, int, int]:
    plane = draw(st.tuples(st.integers(4, 200), st.integers(4, 200)))
    stride = draw(st.sampled_from([1, 2, 4, 8]))
    halo = stride * draw(st.integers(0, 8))
    largest = draw(st.integers(1, 250))
    return TileGrid.plan(plane, largest, halo, stride), largest, stride


@given(grids())
def test_cores_cover_the_plane_once(case: tuple[TileGrid, int, int]) -> None:
    grid, _, _ = case
    seen = np.zeros(grid.plane, int)
    for _, core in grid.tiles():
        seen[core] += 1
    assert (seen == 1).all()


@given(grids())
def test_tiles_fit_the_network(case: tuple[TileGrid, int, int]) -> None:
    grid, largest, stride = case
    extended = grid.extend(np.zeros(grid.plane, np.uint8))
    for window, core in grid.tiles():
        assert extended[window].shape == tuple(side + 2 * grid.halo for side in grid.core)
        for part, tile_core in zip(window, core, strict=True):
            assert part.start == tile_core.start
            assert part.start % stride == 0
    assert all(side % stride == 0 for side in grid.core)
    assert all(side <= max(largest, stride) for side in grid.core)


@given(grids())
def test_extended_is_a_mirror(case: tuple[TileGrid, int, int]) -> None:
    grid, _, _ = case
    plane = np.arange(np.prod(grid.plane)).reshape(grid.plane)
    extended = grid.extend(plane)
    inner = tuple(slice(grid.halo, grid.halo + side) for side in grid.plane)
    np.testing.assert_array_equal(extended[inner], plane)
    margins = [(inner[k].start, extended.shape[k] - inner[k].stop) for k in (0, 1)]
    np.testing.assert_array_equal(extended, np.pad(plane, margins, mode="symmetric"))


def test_the_fewest_and_smallest_tiles() -> None:
    grid = TileGrid.plan((400, 500), largest=1024, halo=24, stride=4)
    assert (grid.core, grid.count) == ((400, 500), (1, 1))
    grid = TileGrid.plan((1601, 2000), largest=1024, halo=24, stride=4)
    assert (grid.core, grid.count) == ((804, 1000), (2, 2))
