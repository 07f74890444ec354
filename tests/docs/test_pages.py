"""Every code block of README.md and docs/ runs as it is written, or says why it doesn't.

A page's blocks run one after the other in a folder of its own, which holds the results of
`crispim-ij demo` and the same planes under the names that the pages use. The tutorials run one
after the other in one folder, as they are read. Plain commands run in this process, where
TensorFlow is loaded already; all else is given to Bash.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from crispim_ij.cli.main import run
from tests.docs.blocks import RUN, SHOWN, Block, read_blocks, split

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DEMO = ("demo", "crispim-demo", "--planes", "4", "--height", "512", "--width", "640")
PATIENCE_S = 300
# Java looks for relative paths in the folder in which it was started: a macro needs a process.
PLAIN = re.compile(r"(crispim-ij (?!fiji macro)[\w .,:=\[\]/'\"-]+\n)+")


def runs(block: Block) -> bool:
    return block.language in RUN and block.reason is None


TUTORIALS = [
    ROOT / f"docs/{name}.md"
    for name in re.findall(r"^tutorials/\w+$", (ROOT / "docs/index.md").read_text(), re.MULTILINE)
]
"""In the order in which they are read."""

EXTRAS = {
    "--cluster ": "cluster",
    "--scheduler ": "cluster",
    "import dask": "dask",
    "crispim-ij export ": "export",
    "--tensorboard": "tensorboard",
    "napari.": "napari",
}
"""What needs more than is installed by default."""

WITH_CODE = [page for page in PAGES if any(map(runs, read_blocks(page))) and page not in TUTORIALS]


def crispim(*arguments: str, folder: Path) -> object:
    """Run the command in this process, and return its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["crispim-ij", *arguments])
        patch.chdir(folder)
        with pytest.raises(SystemExit) as end:
            run()
    return end.value.code


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo, and its planes as a scan, clean brains and an OME-Zarr."""
    folder = tmp_path_factory.mktemp("made")
    assert not crispim(*DEMO, folder=folder)
    demo = folder / "crispim-demo"
    for name in ("scan", "my scan", "noisy"):
        shutil.copytree(demo / "noisy", folder / name)
    for name in ("clean", "brain1"):
        shutil.copytree(demo / "clean", folder / name)
    noisy, clean, denoised = (
        np.stack([tifffile.imread(path) for path in sorted((demo / name).glob("*.tif"))])
        for name in ("noisy", "clean", "denoised")
    )
    tifffile.imwrite(folder / "scan.ome.tif", noisy, ome=True, metadata={"axes": "ZYX"})
    stacks = {"brain": clean, "brain2": clean, "brain-denoised": denoised}
    for name, stack in stacks.items():
        tifffile.imwrite(folder / f"{name}.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    small = np.broadcast_to(noisy[None, :2, None, :96, :96], (10, 2, 2, 96, 96))
    tifffile.imwrite(folder / "hyper.tif", small, imagej=True, metadata={"axes": "TZCYX"})
    unchanged = ("--factor", "1", "--noise-sd", "0")
    assert not crispim("preprocess", "hyper.tif", "brain.zarr", *unchanged, folder=folder)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_blocks_run(
    page: Path, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    if page.name == "start.md":  # which makes the demo itself
        folder.mkdir()
    else:
        shutil.copytree(request.getfixturevalue("made"), folder)
    run_pages([page], folder, monkeypatch)


@pytest.mark.long
def test_tutorials_run_in_the_order_they_are_read(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder in which the first page made the demo, and nothing else."""
    folder = tmp_path / "work"
    shutil.copytree(made / DEMO[1], folder / DEMO[1])
    assert {page.stem for page in TUTORIALS} == {
        page.stem for page in (ROOT / "docs/tutorials").glob("*.md")
    }
    run_pages(TUTORIALS, folder, monkeypatch)
    text = (ROOT / "docs/tutorials/denoise.md").read_text(encoding="utf-8")
    pictures = re.findall(r"`(preview-[\w-]+\.png)`", text)  # that it tells to open
    assert pictures
    assert all((folder / picture).is_file() for picture in pictures)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_needs_an_extra_says_how_to_install_it(page: Path) -> None:
    code = "".join(block.text for block in read_blocks(page) if block.language in RUN)
    needed = {extra for word, extra in EXTRAS.items() if word in code}
    named = re.findall(r"pip install ['\"]crispim-ij\[([\w,]+)\]", page.read_text(encoding="utf-8"))
    assert needed <= {extra for group in named for extra in group.split(",")}


def test_tutorials_write_each_model_once() -> None:
    """Those of blocks that aren't run, too: a second one would stop at 'exists already'."""
    commands = re.compile(r"crispim-ij (?:train|adapt \S+) (\S+)")
    texts = (block.text for page in TUTORIALS for block in read_blocks(page))
    models = [name for text in texts for name in commands.findall(text)]
    assert {"my-model/", "adapted-model/", "blind-model/"} <= set(models)
    assert len(models) == len(set(models))


def run_pages(pages: list[Path], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the blocks of pages in a folder."""
    if os.name != "posix":
        pytest.skip("the blocks are written for a POSIX shell")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CRISPIM_MODELS", str(folder.parent / "models"))
    binaries = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", binaries + os.pathsep + os.environ["PATH"])
    for page in pages:
        names: dict[str, Any] = {}
        for block in filter(runs, read_blocks(page)):
            if block.language == "python":
                run_python(block, names, page.name)
            else:
                run_shell(block, page.name)


def run_shell(block: Block, page: str) -> None:
    if PLAIN.fullmatch(block.text):
        for line in block.text.splitlines():
            status = crispim(*shlex.split(line)[1:], folder=Path())
            assert not status, f"{page}, line {block.line}: {line} ended with {status}"
        return
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL
    )
    said = f"{done.stdout}\n{done.stderr}"[-3000:]
    assert done.returncode == 0, f"{page}, line {block.line}:\n{block.text}\n{said}"


def run_python(block: Block, names: dict[str, Any], page: str) -> None:
    if ">>>" not in block.text:
        exec(compile(block.text, f"{page}, line {block.line}", "exec"), names)  # noqa: S102
        return
    example = doctest.DocTestParser().get_doctest(block.text, names, page, page, block.line)
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append, clear_globs=False)
    names.update(example.globs)
    assert result.attempted
    assert not result.failed, "".join(said)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_nothing_is_passed_over_in_silence(page: Path) -> None:
    for block in read_blocks(page):
        at = f"{page.name}, line {block.line}"
        assert block.language in RUN | SHOWN, f"{at}: {block.language or 'no language'}"
        if block.language in SHOWN:
            assert block.reason is None, f"{at} is never run, so it needs no reason"
        elif block.reason is not None:
            assert len(block.reason.split()) >= 2, f"{at}: 'not run' without a reason"
    text = page.read_text(encoding="utf-8")
    marks = sum(block.reason is not None for block in read_blocks(page))
    assert text.count("<!-- not run") == marks, f"{page.name}: a mark with no block right below"


def test_blocks_are_found() -> None:
    page = """
```bash
one
```
<!-- not run: needs
     Slurm -->
```python
two
```
- item
  ````text
  ```bash
  three
  ````
""".splitlines()
    assert list(split(page)) == [
        Block(2, "bash", "one\n", None),
        Block(7, "python", "two\n", "needs Slurm"),
        Block(11, "text", "```bash\nthree\n", None),
    ]


@pytest.mark.parametrize("wrong", ["false", "crispim-ij denoise nowhere/ out/\n", "true | false"])
def test_a_block_that_fails_would_be_seen(wrong: str) -> None:
    with pytest.raises(AssertionError, match="line 3"):
        run_shell(Block(3, "bash", wrong, None), "page.md")
    with pytest.raises(AssertionError, match="Expected"):
        run_python(Block(3, "python", ">>> 1 + 1\n3\n", None), {}, "page.md")


def test_links_of_the_readme_lead_somewhere() -> None:
    """Sphinx checks those of the other pages."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert len(links) > 20
    assert not [link for link in links if not (ROOT / link).exists()]
