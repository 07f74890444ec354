"""The doctor's rows on a Fiji's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.doctor_row import Row, State
from crispim_ij.imagej.installation import Installation, Runtime
from crispim_ij.imagej.installing import is_as_installed, read_manifest
from crispim_ij.imagej.plugin_traces import is_broken, stored_model, unpacked_models
from crispim_ij.imagej.tensorflow_java import (
    IMAGEJ_TENSORFLOW,
    PROTOBUF,
    SITES,
    TENSORFLOW,
    TENSORFLOW_LIBRARY,
    tensorflow_fault,
)

CSBDEEP = "csbdeep"


def fiji_rows(fiji: Installation, java: Runtime | None) -> Iterator[Row]:
    """Look at a Fiji.

    Parameters
    ----------
    fiji : Installation
        What lies in its folder.
    java : Runtime or None
        The Java that crispim-ij would run it under.

    Yields
    ------
    Row
        ImageJ, then what CSBDeep's plugin needs, then what crispim-ij installed.
    """
    yield _imagej(fiji)
    yield _imglyb(fiji)
    yield _sites(fiji)
    yield _plugin(fiji)
    yield Row("TensorFlow in Fiji", _libraries(fiji), State.OK)
    if CSBDEEP in fiji.jars:
        if fiji.java:
            yield _loads("TensorFlow, Fiji started by hand", fiji, fiji.java)
        if java:
            yield _loads("TensorFlow, `crispim-ij fiji denoise`", fiji, java)
        yield from _traces(fiji)
    yield _installed(fiji.folder)


def _imagej(fiji: Installation) -> Row:
    """ImageJ itself, and the Java that came with it."""
    topic, versions = "Fiji", fiji.jars["ij"]
    found = f"ImageJ {' and '.join(versions)}, ImageJ2 {fiji.version('imagej')} in {fiji.folder}"
    if fiji.java:
        found += f", with its own Java {fiji.java.version} ({fiji.java.machine})"
    if len(versions) > 1:
        remedy = "move the older ij-*.jar out of its folder 'jars'."
        return Row(topic, found, State.BROKEN, remedy)
    return Row(topic, found, State.OK)


def _imglyb(fiji: Installation) -> Row:
    """Jars that pyimagej fetches where a Fiji lacks them."""
    topic = "pyimagej's jars in Fiji"
    missing = [name for name in ("imglib2-imglyb", "imglib2-unsafe") if name not in fiji.jars]
    if not missing:
        return Row(topic, "imglib2-imglyb and imglib2-unsafe", State.OK)
    return Row(
        topic,
        f"{' and '.join(missing)} missing",
        State.NOTE,
        "they are fetched from the SciJava Maven repository, so --fiji-home needs the network "
        "unless you copy them into the Fiji's folder 'jars'.",
    )


def _sites(fiji: Installation) -> Row:
    """Update sites that are turned on."""
    names = ", ".join(sorted(fiji.update_sites)) or "none known"
    return Row("Update sites", names, State.OK)


def _plugin(fiji: Installation) -> Row:
    """CSBDeep's plugin, which runs exported models."""
    topic, version = "Plugin CSBDeep", fiji.version(CSBDEEP)
    if version:
        return Row(topic, version, State.OK)
    remedy = f"to run exported models in this Fiji, {SITES}, then update and restart it."
    return Row(topic, "not installed", State.NOTE, remedy)


def _libraries(fiji: Installation) -> str:
    """The parts that TensorFlow has in this Fiji."""
    names = (IMAGEJ_TENSORFLOW, TENSORFLOW, TENSORFLOW_LIBRARY, PROTOBUF)
    parts = [f"{name} {' and '.join(fiji.jars[name])}" for name in names if name in fiji.jars]
    if fiji.native:
        parts.append(f"a library {fiji.native.version} in {fiji.native.folder}")
    return ", ".join(parts) or "none"


def _loads(topic: str, fiji: Installation, java: Runtime) -> Row:
    """Whether TensorFlow can load under a Java."""
    under = f"under Java {java.version} ({java.machine})"
    fault = tensorflow_fault(fiji, java)
    if fault:
        found = f"can't load {under}: {fault.what}"
        return Row(topic, found, State.BROKEN, f"{fault.remedy}.")
    place = fiji.native.folder if fiji.native else "its jar"
    found = f"should load from {place} {under}"
    if fiji.crashed:
        remedy = "if it still does not load, choose another in Edit > Options > TensorFlow..."
        return Row(topic, f"{found}, but did not the last time", State.NOTE, remedy)
    return Row(topic, found, State.OK)


def _traces(fiji: Installation) -> Iterator[Row]:
    """What earlier runs of the plugin left that spoils later ones."""
    stored = stored_model(Path.home())
    if stored and Path(stored).exists():
        yield Row(
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
        yield Row("Unpacked models", found, State.BROKEN, f"delete the folder {folder}.")
    if not broken:
        yield Row("Unpacked models", f"{len(unpacked)}, all whole", State.OK)


def _installed(folder: Path) -> Row:
    """Macros and models that crispim-ij put there."""
    topic, install = "CRISPIM in Fiji", f"`crispim-ij fiji install '{folder}'`"
    try:
        files = read_manifest(folder)
    except CrispimError as error:
        what, _, remedy = str(error).partition(": ")
        return Row(topic, what, State.BROKEN, remedy)
    if not files:
        return Row(topic, "not installed", State.NOTE, f"{install} puts macros and models there.")
    changed = [
        place for place, sha256 in files.items() if not is_as_installed(folder / place, sha256)
    ]
    if changed:
        found = f"{len(files)} files, of which {', '.join(changed)} changed or missing"
        return Row(topic, found, State.NOTE, f"{install} brings back what is missing.")
    return Row(topic, f"{len(files)} files as they were installed", State.OK)
