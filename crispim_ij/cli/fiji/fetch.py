"""`crispim-ij fiji fetch`."""

from __future__ import annotations

from crispim_ij.cli.console import console


def fetch() -> None:
    """Fill the cache with the embedded ImageJ's jars.

    For a machine without network, run this on one that has it and copy the folder that it prints
    to the same place there, or to any place whose parent the variable CRISPIM_CACHE names. Needs
    neither Java nor Maven.

    Example: `crispim-ij fiji fetch`
    """
    from crispim_ij.imagej.jars import cache_folder, ensure_jars

    for cached in ensure_jars():
        state = "fetched" if cached.downloaded else "in the cache"
        console.print(f"{cached.jar.coordinate}  {state}: {cached.path}", soft_wrap=True)
    console.print(f"The embedded ImageJ is complete in {cache_folder()}", soft_wrap=True)
