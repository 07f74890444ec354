"""What hatchling asks for the README and the addresses of a package.

PyPI shows the README alone: there, its links to files of the project lead nowhere. With
``CRISPIM_REPOSITORY=https://git.example/us/crispim-ij``, as the release sets it, they lead to the
files in that repository, and the package names it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"(!\[[^\]]*\]\()(?!https?:)")
LINK = re.compile(r"(\]\()(?!https?:|#)")


class RepositoryHook(MetadataHookInterface):
    """Fills in the fields that pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README, and where the project is if that is known."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        repository = os.environ.get("CRISPIM_REPOSITORY", "").rstrip("/")
        if repository:
            text = PICTURE.sub(rf"\g<1>{repository}/raw/HEAD/", text)
            text = LINK.sub(rf"\g<1>{repository}/blob/HEAD/", text)
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{repository}/blob/HEAD/docs/index.md",
                "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
