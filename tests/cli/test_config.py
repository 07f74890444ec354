from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
import typer

from crispim_ij.cli.config import ANYWHERE, OWN, options_of
from crispim_ij.cli.main import app
from crispim_ij.planes import open_source
from tests.cli.conftest import Call
from tests.docs.blocks import read_blocks
from tests.test_help import walk

REFUSED = {
    "adapt": "writes a model beside the results",
    "check": "turns a command into another",
    "clean": "names an input, or an output",
    "cluster": "starts jobs on other machines",
    "compare": "changes what the exit code means",
    "crop": "is chosen for one plane",
    "dry-run": "keeps a run from writing",
    "json": "changes what a script reads that did not ask for it",
    "no-clean": "turns a command into another",
    "noisy": "names an input",
    "note": "is said of one report",
    "only": "names inputs",
    "out": "says where results go",
    "overwrite": "lets results be lost",
    "plane": "is chosen for one look",
    "profile": "writes a file",
    "quick": "makes a reproduction that is none",
    "result": "names an input",
    "resume": "goes on with results instead of refusing them",
    "scheduler": "names a cluster that may be gone",
    "series": "names an input",
    "test": "names an input",
    "uncertainty": "says where results go",
    "uninstall": "removes files",
}


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, two below where files are looked for; the user's own is elsewhere."""
    folder = tmp_path / "data" / "work"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        "crispim_ij.cli.config.users_file", lambda: tmp_path / "own" / "crispim.toml"
    )
    monkeypatch.delenv("CRISPIM_FIJI", raising=False)
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def shown(call: Call, *options: object) -> dict[str, str]:
    """Where each of the options of `denoise` comes from."""
    answer = call(*options, "--show-config")
    assert answer.status == 0, answer.err
    _, _, rest = answer.out.partition("[denoise]\n")
    lines = rest.partition("\n\n")[0].splitlines()
    return {line.partition(" = ")[0]: line.partition(" = ")[2] for line in lines if " = " in line}


def test_the_nearer_file_wins(call: Call, work: Path, tmp_path: Path) -> None:
    assert shown(call)["tile"] == "1024  # built in"
    own = write(tmp_path / "own/crispim.toml", "[denoise]\ntile = 64\nprecision = 'bfloat16'")
    near = write(tmp_path / "crispim.toml", "[denoise]\ntile = 128\nmodel = 'crispim-3d'")
    assert shown(call)["tile"] == f"128  # {near}"
    assert shown(call)["precision"] == f'"bfloat16"  # {own}'
    assert shown(call)["model"] == f'"crispim-3d"  # {near}'
    nearest = write(work / "crispim.toml", "[denoise]\ntile = 256")
    assert shown(call)["tile"] == f"256  # {nearest}"
    assert shown(call)["model"] == '"crispim-2d"  # built in'
    named = write(tmp_path / "named.toml", "[denoise]\ntile = 512")
    assert shown(call, "--config", named)["tile"] == f"512  # {named}"
    assert shown(call, "--config", named)["precision"] == f'"bfloat16"  # {own}'


def test_the_example_of_the_docs_is_taken(call: Call, work: Path) -> None:
    page = Path(__file__).parents[2] / "docs/command-line.md"
    (example,) = (block.text for block in read_blocks(page) if block.language == "toml")
    file = write(work / "crispim.toml", example)
    assert shown(call)["model"] == f'"crispim-3d"  # {file}'


def test_defaults_act_and_are_told_and_the_command_line_wins(
    call: Call, work: Path, noisy: Path
) -> None:
    write(work / "crispim.toml", "[preprocess]\nfactor = 1\nnoise-sd = 0\naverage = false")
    answer = call("preprocess", noisy, "same")
    assert answer.status == 0, answer.err
    said = "Defaults from 'crispim.toml': factor = 1, average = false, noise-sd = \"0\""
    assert answer.err.splitlines()[0] == said
    assert "Defaults" not in answer.out
    with open_source(noisy) as before, open_source("same") as after:
        assert (before.read(2) == after.read(2)).all()
    answer = call("preprocess", noisy, "half", "--factor", 2)
    assert answer.err.splitlines()[0] == said.replace("factor = 1, ", "")
    with open_source("half") as after:
        assert after.shape == (3, 20, 30)


def test_help_shows_them(call: Call, work: Path) -> None:
    write(work / "crispim.toml", "[denoise]\ntile = 77")
    assert "[default: 77]" in call("denoise", "--help").out


def test_the_environment_wins(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write(tmp_path / "own/crispim.toml", "[fiji.doctor]\nfiji-home = '/here'")
    assert f'fiji-home = "/here"  # {own}' in call("--show-config").out
    monkeypatch.setenv("CRISPIM_FIJI", "/there")
    said = call("--show-config").out
    assert 'fiji-home = "/there"  # environment variable CRISPIM_FIJI' in said
    assert "/here" not in said


def test_what_is_shown_is_a_file_of_the_same_defaults(call: Call, work: Path) -> None:
    write(work / "crispim.toml", "[denoise]\nchannel = 2\n[evaluate]\nmethod = ['tv', 'noisy']")
    said = call("--show-config").out
    values = tomllib.loads(said)
    assert values["denoise"]["channel"] == "2"
    assert values["evaluate"]["method"] == ["tv", "noisy"]
    assert values["preprocess"]["native"] is True
    copy = write(work / "copy.toml", said)
    again = call("--config", copy, "--show-config")
    assert again.status == 0, again.err
    assert tomllib.loads(again.out) == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[denoize]", "has the table [denoize], which is no command: did you mean 'denoise'?"),
        ("[models.lst]", "has the table [models.lst], which is no command: did you mean 'list'?"),
        ("denoise = 1", "has a value for 'denoise', which is a command: write the table [denoise]"),
        ("[denoise]\nmodl = 'x'", "'modl' in [denoise], which is no option there: did you mean"),
        ("[fiji.check]\nx = 1", "'x' in [fiji.check], which is no option there: there are fiji-h"),
        ("[denoise]\ntile = 'x'", "has 'x' for 'tile' in [denoise]: give a whole number."),
        ("[denoise]\ntile = true", "has True for 'tile' in [denoise]: give a whole number."),
        ("[denoise]\ntile = 0", "has 0 for 'tile' in [denoise], which can't be ("),
        ("[denoise]\npyramid = 1", "has 1 for 'pyramid' in [denoise]: give true or false."),
        ("[denoise]\nprecision = 'x'", "'precision' in [denoise]: give one of float32, bfloat16."),
        ("[denoise]\nmodel = ['x']", "'model' in [denoise]: give a text, in quotes."),
        ("[train]\ncache = 'x'", "'cache' in [train]: give a number."),
        ("[evaluate]\nmethod = 'x'", "'method' in [evaluate]: give a list, each a text, in quo"),
        ("[denoise]\noverwrite = true", "sets 'overwrite' in [denoise], which is for the command"),
        ("[evaluate]\nout = 'x'", "sets 'out' in [evaluate], which is for the command line alone"),
        ("[fiji.macro]\nfiji-home = 'x'", "which a file that may have come with data must not"),
        ("[denoise", "can't be read as a file of defaults"),
    ],
)
def test_what_can_not_be(call: Call, work: Path, text: str, says: str) -> None:
    path = write(work / "crispim.toml", text)
    answer = call("models", "list")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith(f"Error: '{path}' ")
    assert says in answer.err


def test_a_named_file_that_is_missing(call: Call) -> None:
    answer = call("--config", "nowhere.toml", "models", "list")
    assert answer.status == 2
    assert "'nowhere.toml' can't be read as a file of defaults" in answer.err


def test_a_named_file_may_name_a_fiji(call: Call, work: Path) -> None:
    named = write(work / "mine.toml", "[fiji.doctor]\nfiji-home = 'x'")
    assert call("--config", named, "--show-config").status == 0


def test_a_current_folder_that_is_gone(call: Call, work: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows keeps the current folder")
    work.rmdir()
    assert call("--show-config").status == 0


def test_every_option_was_thought_of() -> None:
    """An option that is new is refused in files until someone has decided."""
    commands = [one for _, one in walk(typer.main.get_command(app)) if not hasattr(one, "commands")]
    there = {name for command in commands for name in options_of(command)}
    assert there - ANYWHERE - OWN == set(REFUSED)
    assert there >= ANYWHERE | OWN
    assert not ANYWHERE & OWN
