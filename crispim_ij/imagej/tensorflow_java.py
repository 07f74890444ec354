"""Whether the TensorFlow of a Fiji can load, found out before anything tries.

A try that fails has a price: where Fiji's own tool has put a TensorFlow library into 'lib',
imagej-tensorflow takes the failure for a crash of that library and deletes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from crispim_ij.imagej.installation import Installation, Runtime, version_numbers

IMAGEJ_TENSORFLOW = "imagej-tensorflow"
TENSORFLOW = "libtensorflow"
TENSORFLOW_LIBRARY = "libtensorflow_jni"
PROTOBUF = "protobuf-java"

# Up to 1.1.8 it casts the class loader to one that Java has not had since version 9.
_LOADS_ON_JAVA_9 = (1, 1, 9)
_BREAKS_TENSORFLOW = 4

WITHOUT_IT = "denoise without it, by `crispim-ij denoise` or the macro CRISPIM_Denoise_CLI.ijm"
SITES = "turn on the update sites CSBDeep and TensorFlow (Help > Update... > Manage update sites)"


@dataclass(frozen=True)
class Fault:
    """What keeps TensorFlow from loading, and what to do about it."""

    what: str
    remedy: str


def tensorflow_fault(fiji: Installation, java: Runtime) -> Fault | None:
    """Tell why the TensorFlow of a Fiji can't load under a Java: the first thing to mend."""
    for look in (_missing_jars, _no_library_for, _wrong_protobuf, _class_loader, _no_library):
        fault = look(fiji, java)
        if fault is not None:
            return fault
    return None


def _missing_jars(fiji: Installation, java: Runtime) -> Fault | None:
    """Look for what TensorFlow is made of, once each."""
    del java
    missing = fiji.missing(IMAGEJ_TENSORFLOW, TENSORFLOW, PROTOBUF)
    if missing:
        return Fault(f"the Fiji has no jar {' or '.join(missing)}", f"{SITES} and update")
    for name in (IMAGEJ_TENSORFLOW, TENSORFLOW):
        if len(fiji.jars[name]) > 1:
            versions = " and ".join(fiji.jars[name])
            return Fault(
                f"the Fiji has {name} twice, as {versions}",
                "move the older jar out of its folder 'jars'",
            )
    return None


def _no_library_for(fiji: Installation, java: Runtime) -> Fault | None:
    """TensorFlow 1 was only ever built for one kind of processor."""
    del fiji
    if java.is_x86_64:
        return None
    return Fault(
        f"TensorFlow 1 has no library for this Java's processor ({java.machine}; of Apple's only "
        "Intel's)",
        f"{WITHOUT_IT}, or use the Intel version of Fiji",
    )


def _wrong_protobuf(fiji: Installation, java: Runtime) -> Fault | None:
    """TensorFlow 1 calls what protobuf 4 no longer has."""
    del java
    wrong = [v for v in fiji.jars[PROTOBUF] if version_numbers(v)[:1] >= (_BREAKS_TENSORFLOW,)]
    if not wrong:
        return None
    return Fault(
        f"{PROTOBUF} {', '.join(wrong)} breaks TensorFlow 1, which needs protobuf 3",
        "turn on the update site TensorFlow, which brings protobuf 3, and update (where "
        f"{PROTOBUF} {wrong[0]} stays, move its jar out of 'jars'); until then {WITHOUT_IT}",
    )


def _class_loader(fiji: Installation, java: Runtime) -> Fault | None:
    """An imagej-tensorflow that can't load its jar needs a library beside it."""
    version = fiji.jars[IMAGEJ_TENSORFLOW][-1]
    too_old = java.version >= 9 and version_numbers(version) < _LOADS_ON_JAVA_9
    if not too_old or fiji.native:
        return None
    return Fault(
        f"{IMAGEJ_TENSORFLOW} {version} can't load its jar under Java {java.version}, and there is "
        "no TensorFlow library in the Fiji's 'lib'",
        f"turn on the update site TensorFlow, which has {IMAGEJ_TENSORFLOW} 1.1.9, and update",
    )


def _no_library(fiji: Installation, java: Runtime) -> Fault | None:
    """Java's half of TensorFlow alone computes nothing."""
    del java
    if fiji.native or TENSORFLOW_LIBRARY in fiji.jars:
        return None
    return Fault(
        f"there is a {TENSORFLOW} but neither a jar {TENSORFLOW_LIBRARY} nor a library in 'lib'",
        f"{SITES} and update, or choose a version in Edit > Options > TensorFlow...",
    )
