"""The one ImageJ of a process: which one, how it is started, and what it is asked for."""

from __future__ import annotations

import logging
import platform
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.installation import IMGLYB, Runtime, check_fiji_home, read_installation
from crispim_ij.imagej.java import refuse_running_java, use_java
from crispim_ij.imagej.tensorflow_java import refuse_library_loss
from crispim_ij.parity import Engine

if TYPE_CHECKING:
    from crispim_ij.imagej.ij1 import ImageJ1

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GatewaySettings:
    """Which ImageJ to start.

    Attributes
    ----------
    fiji_home : str, optional
        Folder of a Fiji or ImageJ2, or a Maven endpoint such as
        ``sc.fiji:fiji``. The embedded ImageJ 1.53q where it is not given.
    heap : str, optional
        Largest Java heap as Java writes it, for example ``2g`` or ``512m``.
        Java's own default (a quarter of the memory) where it is not given.

    Raises
    ------
    CrispimError
        If `heap` is not a size.
    """

    fiji_home: str | None = None
    heap: str | None = None

    def __post_init__(self) -> None:
        if self.heap is not None and not re.fullmatch(r"[1-9][0-9]*[kKmMgGtT]", self.heap):
            raise CrispimError(
                f"The heap size {self.heap!r} (--heap) is not a number with k, m, g or t after it: "
                "write for example 2g or 512m."
            )


class ImageJGateway(Engine, Protocol):
    """A running ImageJ.

    Calls from several threads are allowed; `noise` and `run_macro` each run one
    at a time, because ImageJ keeps its noise generator and its macro
    interpreter in static fields.
    """

    def run_macro(self, macro: str, argument: str = "") -> str:
        """Run a macro in ImageJ's macro language.

        Parameters
        ----------
        macro : str
            The macro's text.
        argument : str
            What the macro reads with ``getArgument()``.

        Returns
        -------
        str
            What the macro returns, or ``''``.

        Raises
        ------
        CrispimError
            If the macro does not reach its end, or ImageJ reports an error on
            the way.
        """
        ...


_lock = threading.Lock()
_opened: tuple[GatewaySettings, ImageJGateway] | None = None


def open_gateway(settings: GatewaySettings | None = None) -> ImageJGateway:
    """Start ImageJ, or return the one that runs already.

    A Java virtual machine can be started once in a process and not changed
    afterwards, so there is one gateway a process.

    Parameters
    ----------
    settings : GatewaySettings, optional
        Which ImageJ; the embedded one by default.

    Returns
    -------
    ImageJGateway
        The running ImageJ.

    Raises
    ------
    CrispimError
        If ImageJ can't be started, or runs already with other settings.
    """
    global _opened
    settings = settings or GatewaySettings()
    with _lock:
        if _opened is None:
            _opened = (settings, _start(settings))
        running, gateway = _opened
    if running != settings:
        raise CrispimError(
            f"ImageJ already runs in this process with {running}, not with {settings}: start a new "
            "process for other settings, since a Java virtual machine can't be restarted."
        )
    return gateway


def _start(settings: GatewaySettings) -> ImageJ1:
    """Start the ImageJ that the settings name."""
    if settings.fiji_home is None:
        return _start_embedded(settings.heap)
    home = check_fiji_home(settings.fiji_home)
    start_fiji(home, settings.heap)
    from crispim_ij.imagej.ij1 import ImageJ1

    return ImageJ1(home)


def _start_embedded(heap: str | None) -> ImageJ1:
    """Start ImageJ 1.53q itself, headless, from pinned jars."""
    refuse_running_java()
    import jpype
    import scyjava

    from crispim_ij.imagej.ij1 import ImageJ1
    from crispim_ij.imagej.jars import PATCHER, ensure_jars

    paths = {cached.jar: str(cached.path) for cached in ensure_jars()}
    java = use_java(heap)
    # Whatever other imports put there would be resolved over the network.
    scyjava.config.endpoints.clear()
    scyjava.config.add_classpath(*paths.values())
    scyjava.config.enable_headless_mode()
    # The patcher must run as an agent: it has to reach ImageJ's classes before
    # they are loaded, or every dialog throws HeadlessException.
    scyjava.config.add_option("--add-opens=java.base/java.lang=ALL-UNNAMED")
    scyjava.config.add_option(f"-javaagent:{paths[PATCHER]}=init")
    try:
        scyjava.start_jvm()
    except (jpype.JVMNotFoundException, jpype.JVMNotSupportedException, RuntimeError, OSError) as e:
        if "cannot be restarted" in str(e):
            raise CrispimError(
                "A Java virtual machine was stopped in this process, and another can't be started "
                "there: start a new process."
            ) from e
        reason = " ".join(str(e).split()).rstrip(".")
        raise CrispimError(
            f"Java in {java.home} does not start ({reason}): unset JAVA_HOME to use the Java that "
            "comes with crispim-ij."
        ) from e
    return ImageJ1("embedded")


def start_fiji(home: str, heap: str | None) -> Any:
    """Start a user's Fiji, headless, through pyimagej: every start of a Fiji is this one.

    `home` is what `check_fiji_home` returned, `heap` the largest Java heap, such as ``2g``.
    CrispimError if Java runs already in this process, the start could cost the user's TensorFlow,
    or pyimagej can't start the Fiji.
    """
    refuse_running_java()
    machine = platform.machine()
    fiji = read_installation(Path(home), machine) if Path(home).is_dir() else None
    java = use_java(heap, fetch="auto")
    if fiji:
        refuse_library_loss(fiji, Runtime(java.version, machine))
    import imagej
    import jpype
    import scyjava

    if fiji and not fiji.missing(*IMGLYB):
        # imglyb asks for its jars over the network even where the Fiji has them.
        scyjava.config.endpoints.clear()
    if fiji and fiji.native:
        # Without it imagej-tensorflow would look for the library in vain, and delete it.
        scyjava.config.add_option(f"-Djava.library.path={fiji.native.folder}")
    try:
        gateway = imagej.init(home, mode="headless")
    except (*_PYIMAGEJ_RAISES, jpype.JException) as error:
        logger.debug("imagej.init failed", exc_info=True)
        raise CrispimError(explain_failure(error, home)) from error
    # It returns False where it finds no ImageJ2.
    if not (gateway and gateway.legacy and gateway.legacy.isActive()):
        raise CrispimError(
            f"The Fiji {home} starts without ImageJ2 or its link to the original ImageJ: update or "
            "reinstall it, or leave --fiji-home out to use the embedded ImageJ."
        )
    return gateway


_PYIMAGEJ_RAISES = (RuntimeError, TypeError, OSError, ValueError, AttributeError)
_CAUSES = (
    (
        r"Failed to (obtain|download) Java|Java not found",
        "finds no Java: set JAVA_HOME to the folder of a Java 11 or later",
    ),
    (
        r"UnsupportedClassVersionError",
        "is built for a newer Java than the one that runs: unset JAVA_HOME to use the Java that "
        "comes with crispim-ij, or set it to the folder of a newer one",
    ),
    (
        r"not found in remote repositories",
        "is not in the Maven repositories under that name and version: check both, or name the "
        "folder of a Fiji",
    ),
    (
        r"Could not resolve RELEASE|Max retries|ConnectionPool|resolve|Connection",
        "needs jars from the SciJava Maven repository, which can't be reached: connect to the "
        "network, or copy the jars imglib2-imglyb and imglib2-unsafe into the Fiji's 'jars'",
    ),
    (
        r"Failed to create a JVM",
        "can't be started by pyimagej: name the folder that holds Fiji's 'jars' and 'plugins'",
    ),
    (
        r"net\.imglib2\.python",
        "lacks the jar imglib2-imglyb: copy it and imglib2-unsafe into its 'jars', or connect to "
        "the network",
    ),
    (
        r"NoneType|Invalid service|cannot be restarted",
        "can't join a Java virtual machine that was started or stopped before: start a new process",
    ),
)


def explain_failure(error: Exception, home: str) -> str:
    """Turn what ``imagej.init`` raised into one sentence on a Fiji."""
    text = f"{type(error).__name__}: {error}"
    for pattern, cause in _CAUSES:
        if re.search(pattern, text):
            return f"The Fiji {home} {cause}."
    reason = " ".join(text.split()).rstrip(".")
    return (
        f"The Fiji {home} does not start ({reason}): leave --fiji-home out to use the embedded "
        "ImageJ."
    )
