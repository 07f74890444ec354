"""Settings of the documentation site.

    pip install -e ".[docs]"
    sphinx-build -W --keep-going -n -c docs . build/site

The repository's root is the source, so that the site's links are those that a git host follows.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from command_reference import reference
from pygments.lexers.javascript import JavascriptLexer

from crispim_ij import __version__

project = "crispim-ij"
author = "The crispim-ij developers"
copyright = author  # noqa: A001 - Sphinx's name
release = __version__

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "models/*/README.md",
    "distribution/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
myst_heading_anchors = 4

# Docstrings name parameters in single backticks as well; what is no object stays plain.
default_role = "autolink"
autodoc_typehints = "none"
autosummary_generate = False
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"crispim-ij {release}"
html_extra_path = ["site"]
html_copy_source = False
html_show_sphinx = False

ELSEWHERE = re.compile(r'<(?:script|img|link|iframe)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*')
COMMANDS = "<!-- commands: docs/command_reference.py -->"


def fill_in(_: Any, name: str, source: list[str]) -> None:
    """Put the commands into their page."""
    if name == "docs/commands":
        if COMMANDS not in source[0]:
            raise ValueError(f"docs/commands.md lacks the line {COMMANDS}")
        source[0] = source[0].replace(COMMANDS, reference())


def refuse_other_places(app: Any, failure: Exception | None) -> None:
    """Refuse pages that load anything from elsewhere: the site is read without network, too."""
    if failure or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        if found := ELSEWHERE.search(page.read_text(encoding="utf-8")):
            raise ValueError(f"{page} loads from elsewhere: {found[0]}")


def setup(app: Any) -> None:
    """Connect both, and let ImageJ's macros be coloured as the JavaScript that they resemble."""
    app.add_lexer("ijm", JavascriptLexer)
    app.connect("source-read", fill_in)
    app.connect("build-finished", refuse_other_places)
