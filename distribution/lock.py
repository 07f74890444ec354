"""Pin all dependencies, with hashes, for every Python and system: `requirements.lock`."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "distribution/requirements.lock"
EXTRAS = ("export", "test")


def main() -> None:
    """Write the lock with uv; where packages were fetched from is not written down."""
    extras = [part for name in EXTRAS for part in ("--extra", name)]
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate"]
    command = ["uv", "pip", "compile", "--quiet", "--no-header", "--upgrade", *options, *extras]
    command += ["pyproject.toml", "--output-file", str(LOCK)]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - nothing in it is from outside


if __name__ == "__main__":
    main()
