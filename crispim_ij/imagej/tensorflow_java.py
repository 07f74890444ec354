"""Whether the TensorFlow of a Fiji can load, found out before anything tries.

A try that fails has a price: where Fiji's own tool has put a TensorFlow library into 'lib',
imagej-tensorflow takes the failure for a crash of that library and deletes it. So no Fiji is
started in which that could happen.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.installation import Installation, Runtime, version_numbers

IMAGEJ_TENSORFLOW = "imagej-tensorflow"
TENSORFLOW = "libtensorflow"
TENSORFLOW_LIBRARY = "libtensorflow_jni"
PROTOBUF = "protobuf-java"

# Up to 1.1.8 it casts the class loader to one that Java has not had since version 9.
_LOADS_ON_JAVA_9 = (1, 1, 9)
_BREAKS_TENSORFLOW = 4
_LOADING_TIMEOUT_S = 120

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


def library_loss(fiji: Installation, java: Runtime) -> Fault | None:
    """Tell why imagej-tensorflow would delete the TensorFlow in a Fiji's 'lib' under a Java.

    It does so at the first call for TensorFlow, be it a plugin's or a macro's, where neither that
    library nor the one in the jar loads.
    """
    if fiji.marked is None or IMAGEJ_TENSORFLOW not in fiji.jars or _jar_loads(fiji, java):
        return None
    if fiji.native is None:
        why = "no library is left in it"
    else:
        why = next(map(_why_not_loaded, sorted(fiji.native.folder.glob("*tensorflow_jni*"))))
    if not why:
        return None
    return Fault(
        f"the TensorFlow in '{fiji.marked}' does not load ({why}), and imagej-tensorflow "
        f"{fiji.jars[IMAGEJ_TENSORFLOW][0]} would delete what is there",
        "choose one that loads in that Fiji's Edit > Options > TensorFlow..., or move the folder "
        "out of 'lib'",
    )


def refuse_library_loss(fiji: Installation, java: Runtime) -> None:
    """Refuse a start of a Fiji that could cost its user the TensorFlow in 'lib'."""
    loss = library_loss(fiji, java)
    if loss is not None:
        raise CrispimError(f"The Fiji {fiji.folder} is not started, as {loss.what}: {loss.remedy}.")


def _jar_loads(fiji: Installation, java: Runtime) -> bool:
    """Tell whether TensorFlow loads from its jar, whatever is in 'lib'."""
    oldest = fiji.jars[IMAGEJ_TENSORFLOW][0]
    can_load = java.version < 9 or version_numbers(oldest) >= _LOADS_ON_JAVA_9
    return can_load and java.is_x86_64 and not fiji.missing(TENSORFLOW, TENSORFLOW_LIBRARY)


@functools.cache
def _why_not_loaded(library: Path) -> str:
    """Load a library in a process of its own, as it may crash; say what is wrong, if anything."""
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    try:
        answer = subprocess.run(  # noqa: S603 - our own interpreter, no shell
            [sys.executable, "-c", code, str(library)],
            capture_output=True,
            text=True,
            timeout=_LOADING_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return f"{library.name} takes too long"
    if not answer.returncode:
        return ""
    last = answer.stderr.strip().splitlines()[-1:] or [f"{library.name} crashes"]
    return last[0].removeprefix("OSError: ").rstrip(".")


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
