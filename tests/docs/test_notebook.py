"""The notebook of the tutorials runs in a kernel, cell by cell, and shows what it is to show."""

from __future__ import annotations

import json
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import tifffile

NOTEBOOK = Path(__file__).parents[2] / "docs/tutorials/notebook.ipynb"
PATIENCE_S = 300


def cells(kind: str) -> list[str]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell["source"] for cell in content["cells"] if cell["cell_type"] == kind]


def run_cell(client: Any, source: str) -> list[dict[str, Any]]:
    """Run a cell, and return what it shows or prints."""
    asked = client.execute(source)
    shown = []
    while True:
        try:
            message = client.get_iopub_msg(timeout=PATIENCE_S)
        except Empty:
            pytest.fail(f"no answer to:\n{source}")
        kind, content = message["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != asked:
            continue
        assert kind != "error", "\n".join(content["traceback"])
        if kind in ("display_data", "execute_result", "stream", "update_display_data"):
            shown.append(content.get("data", content))
        if kind == "status" and content["execution_state"] == "idle":
            return shown


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(cwd=str(tmp_path))
    try:
        shown = [output for source in cells("code") for output in run_cell(client, source)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    pages = [output["text/html"] for output in shown if "text/html" in output]
    for begins in ("denoising: 6 of 6 planes", "evaluating: 4 of"):
        assert any(begins in page for page in pages)
    assert any("<summary>Card</summary>" in page for page in pages)
    assert sum("image/png" in output for output in shown) == 2
    printed = "".join(output.get("text", "") for output in shown)
    for noise in ("E0000", "I0000", "WARNING", "cuda"):
        assert noise not in printed
    with tifffile.TiffFile(tmp_path / "denoised.tif") as written:
        assert written.series[0].axes == "ZYX"


def test_the_notebook_holds_no_results() -> None:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in content["cells"])
