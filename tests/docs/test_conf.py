"""What docs/conf.py adds to Sphinx."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def conf(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(ROOT / "docs")
    return runpy.run_path(str(ROOT / "docs/conf.py"))


@pytest.mark.parametrize(
    ("tag", "refused"),
    [
        ('<script async="async" src="https://cdn.example/x.js">', True),
        ('<link rel="stylesheet" href="//fonts.example/css">', True),
        ('<img alt="x" src="http://example/x.png">', True),
        ('<script src="../_static/x.js">', False),
        ('<a class="reference external" href="https://imagej.net">', False),
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(
    tag: str, refused: bool, conf: dict[str, Any], tmp_path: Path
) -> None:
    class App:
        outdir = tmp_path

        class builder:  # noqa: N801 - Sphinx's name
            format = "html"

    (tmp_path / "page.html").write_text(f"<html>{tag}</html>")
    if refused:
        with pytest.raises(ValueError, match=r"page\.html loads from elsewhere"):
            conf["refuse_other_places"](App, None)
    else:
        conf["refuse_other_places"](App, None)


def test_commands_are_put_into_their_page(conf: dict[str, Any]) -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    source = [page]
    conf["fill_in"](None, "docs/other", source)
    assert source == [page]
    conf["fill_in"](None, "docs/commands", source)
    assert "## `crispim-ij denoise`" in source[0]
    with pytest.raises(ValueError, match="lacks the line"):
        conf["fill_in"](None, "docs/commands", ["# Every command"])
