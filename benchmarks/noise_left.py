"""How much noise ImageJ leaves in a plane that it shrinks: the table of docs/parity.md.

    python benchmarks/noise_left.py

Adds noise of sd 100 to an even 16-bit plane, shrinks it by each of ImageJ's methods, and prints
the standard deviation that is left, in percent.
"""

from __future__ import annotations

import numpy as np

from crispim_ij.parity import Interpolation, JavaRandom, add_noise, resize

SD = 100.0
SIDE = 2400
FACTORS = (2, 3, 4, 8)


def main() -> None:
    """Print the table."""
    even = np.full((SIDE, SIDE), 30_000, np.uint16)
    noisy = add_noise(even, SD, JavaRandom(0))
    print(f"| interpolation | averaging | {' | '.join(f'{factor}x' for factor in FACTORS)} |")
    print("|---|---|" + "---:|" * len(FACTORS))
    for average in (True, False):
        for interpolation in Interpolation:
            left = [noise_left(noisy, factor, interpolation, average) for factor in FACTORS]
            cells = " | ".join(f"{100 * part:.1f} %" for part in left)
            print(f"| {interpolation.value} | {'on' if average else 'off'} | {cells} |")
    cells = " | ".join(f"{100 / factor:.1f} %" for factor in FACTORS)
    print(f"| *a block mean* | | {cells} |")


def noise_left(
    noisy: np.ndarray, factor: int, interpolation: Interpolation, average: bool
) -> float:
    """Return the part of the standard deviation that is left away from the edges."""
    small = resize(noisy, SIDE // factor, SIDE // factor, interpolation, average)
    return float(small[4:-4, 4:-4].std()) / SD


if __name__ == "__main__":
    main()
