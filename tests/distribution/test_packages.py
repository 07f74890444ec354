"""What is built installs and runs elsewhere, and holds nothing of the machine that built it."""

from __future__ import annotations

import configparser
import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from tests.distribution.project import ROOT

MOST_BYTES = 30e6

# A home folder, a temporary folder, an address in a private network, a registry that is not the
# public one: what a machine leaves in what is built on it.
TRACES = re.compile(
    rb"/(?:home|Users)/(?!me/)\w+/|/root/\.|/tmp/(?:bash_jobs|pytest)|C:\\+Users\\+\w|"
    rb"(?<![=.\d])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}(?![.\d])|"
    rb"(?:index|extra-index|find-links)[-_]?(?:url)?\s*=?\s*https?://"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and the wheel that is built from what is in it."""
    from hatchling.build import build_sdist, build_wheel

    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        sdist = build_sdist(str(folder))
        with tarfile.open(folder / sdist) as archive:
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(folder / "source", **safely)  # noqa: S202 - our own
        (unpacked,) = (folder / "source").iterdir()
        patch.chdir(unpacked)
        build_wheel(str(folder))
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    return next(built.glob("*.tar.gz"))


def files_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in a wheel or an sdist."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)
        return
    with tarfile.open(path) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            if content is not None:
                yield entry.name.partition("/")[2], content.read()


def test_sizes(wheel: Path, sdist: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES
    assert sdist.stat().st_size < MOST_BYTES


def test_the_wheel_is_the_same_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    from hatchling.build import build_wheel

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        name = build_wheel(str(tmp_path))
    assert name == wheel.name
    assert dict(files_of(tmp_path / name)) == dict(files_of(wheel))


def test_what_the_wheel_holds(wheel: Path) -> None:
    names = {name for name, _ in files_of(wheel)}
    shipped = {
        *(f"crispim_ij/_bundled/macros/{path.name}" for path in (ROOT / "macros").glob("*.ijm")),
        "crispim_ij/_bundled/models/crispim-2d/model.keras",
        "crispim_ij/_bundled/models/crispim-2d/model.json",
        "crispim_ij/py.typed",
        *(
            f"crispim_ij/{path.relative_to(ROOT / 'crispim_ij').as_posix()}"
            for path in (ROOT / "crispim_ij").rglob("*.py")
        ),
        *(f"crispim_ij/training/recipes/{path.name}" for path in recipes()),
        *(f"crispim_ij/report/templates/{path.name}" for path in templates()),
    }
    assert shipped <= names
    assert {name.split("/")[0] for name in names} == {
        "crispim_ij",
        f"crispim_ij-{version()}.dist-info",
    }
    assert not [name for name in names if re.search(r"\.py[cod]$|__pycache__|\.nb[ci]$", name)]


def test_what_the_sdist_holds(sdist: Path) -> None:
    names = {name for name, _ in files_of(sdist)}
    assert {
        "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "SECURITY.md",
        "PKG-INFO", "distribution/requirements.lock", "tests/distribution/test_packages.py",
    } <= names  # fmt: skip
    tops = {name.split("/")[0] for name in names if "/" in name}
    assert tops == {
        "crispim_ij", "macros", "models", "tests", "benchmarks", "distribution", "docs",
    }  # fmt: skip
    assert not [name for name in names if re.search(r"\.py[cod]$|_cache|\.nb[ci]$", name)]


def recipes() -> list[Path]:
    return list((ROOT / "crispim_ij/training/recipes").glob("*.toml"))


def templates() -> list[Path]:
    return list((ROOT / "crispim_ij/report/templates").iterdir())


def version() -> str:
    import crispim_ij

    return crispim_ij.__version__


@pytest.mark.parametrize("which", ["wheel", "sdist"])
def test_no_trace_of_the_machine_is_inside(
    which: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = {os.fsencode(path) for path in (ROOT, sys.prefix, tmp_path_factory.getbasetemp())}
    for name, content in files_of(request.getfixturevalue(which)):
        if name == "tests/distribution/test_packages.py":
            continue
        found = TRACES.search(content) if b"\0" not in content[:1024] else None
        assert found is None, f"{name}: {found and found[0]!r}"
        assert not [path for path in own if path in content], name


@pytest.mark.parametrize(
    "trace",
    [
        b"/home/ann/x",
        b"/root/.cache",
        b"C:\\Users\\ann",
        b"at 10.1.2.3:80",
        b"--index-url https://x",
    ],
)
def test_traces_would_be_found(trace: bytes) -> None:
    assert TRACES.search(b"words " + trace + b" words")


def metadata_of(wheel: Path) -> Message:
    """What an index shows of a wheel."""
    place = f"crispim_ij-{version()}.dist-info"
    return email.message_from_string(dict(files_of(wheel))[f"{place}/METADATA"].decode())


def test_metadata(wheel: Path) -> None:
    files = dict(files_of(wheel))
    place = f"crispim_ij-{version()}.dist-info"
    metadata = metadata_of(wheel)
    assert metadata["Version"] == version()
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"].replace(" ", "") in ("<3.14,>=3.11", ">=3.11,<3.14")
    pythons = {f"Programming Language :: Python :: 3.{k}" for k in (11, 12, 13)}
    assert pythons <= set(metadata.get_all("Classifier", []))
    assert {"export", "gpu", "test"} <= set(metadata.get_all("Provides-Extra", []))
    scripts = configparser.ConfigParser()
    scripts.read_string(files[f"{place}/entry_points.txt"].decode())
    assert dict(scripts["console_scripts"]) == {"crispim-ij": "crispim_ij.cli.main:run"}
    assert files[f"{place}/WHEEL"].decode().count("Tag: py3-none-any") == 1
    assert f"{place}/licenses/LICENSE" in files


def test_the_wheel_runs_from_where_it_is_unpacked(wheel: Path, tmp_path: Path) -> None:
    """Nothing is taken from the checkout: macros and models come out of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own
    code = (
        "import crispim_ij, sys; from crispim_ij.models import list_models;"
        "from crispim_ij.imagej.macro_files import shipped_macros;"
        "print(crispim_ij.__file__, *(m.folder for m in list_models()), *shipped_macros())"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "CRISPIM_MODELS": str(tmp_path / "no"),
    }
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert len(said) >= 1 + 1 + len(list((ROOT / "macros").glob("*.ijm")))
    assert all(Path(path).is_relative_to(tmp_path) for path in said)


def test_a_release_links_to_its_repository(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyPI shows the README alone, where links to files of the project lead nowhere."""
    from hatchling.build import build_wheel

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CRISPIM_REPOSITORY", "https://git.example/us/crispim-ij/")
    released = metadata_of(tmp_path / build_wheel(str(tmp_path)))
    links = re.findall(r"\]\(([^)]+)\)", str(released.get_payload()))
    assert not [link for link in links if not link.startswith(("https://", "#"))]
    assert "(https://git.example/us/crispim-ij/raw/HEAD/docs/images/readme.gif)" in str(released)
    for link in links:
        if own := re.match(r"https://git\.example/us/crispim-ij/(?:raw|blob)/HEAD/([^#]+)", link):
            assert (ROOT / own[1]).exists()
    assert "Source, https://git.example/us/crispim-ij" in released.get_all("Project-URL", [])
    elsewhere = metadata_of(wheel)
    assert elsewhere.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Project-URL" not in elsewhere
