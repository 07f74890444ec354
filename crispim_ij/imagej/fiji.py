"""A user's own Fiji, started through pyimagej."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.gateway import GatewaySettings
from crispim_ij.imagej.java import check_heap, use_java

if TYPE_CHECKING:
    from crispim_ij.imagej.ij1 import ImageJ1

logger = logging.getLogger(__name__)

_NEEDED = {
    "ij": "ImageJ",
    "imagej": "ImageJ2",
    "imagej-legacy": "link from ImageJ2 to the original ImageJ",
}
_PYIMAGEJ_RAISES = (RuntimeError, TypeError, OSError, ValueError, AttributeError)
_COORDINATE = r"[A-Za-z0-9_-][\w.-]+(:[\w.-]+)+"
_ENDPOINT = re.compile(rf"{_COORDINATE}(\+{_COORDINATE})*")


def check_fiji_home(home: str) -> str:
    """Refuse what can't be a Fiji, before Java starts and without a network.

    Parameters
    ----------
    home : str
        A folder, or a Maven endpoint such as ``sc.fiji:fiji:2.15.0``.

    Returns
    -------
    str
        The absolute path of the folder, or the endpoint as it was given.

    Raises
    ------
    CrispimError
        If it is neither an endpoint nor a folder with ImageJ and ImageJ2 in its
        ``jars``.
    """
    path = Path(home).expanduser()
    if _ENDPOINT.fullmatch(home) and not path.exists():
        return home
    if not path.exists():
        raise _refusal(home, "does not exist")
    if not path.is_dir():
        raise _refusal(home, "is a file")
    try:
        empty = not any(path.iterdir())
    except PermissionError as error:
        raise _refusal(home, "can't be read for lack of permission") from error
    if empty:
        raise _refusal(home, "is an empty folder")
    jars = path / "jars"
    if not jars.is_dir():
        raise _refusal(home, f"has no folder 'jars' in it{_within(path)}")
    for artifact, what in _NEEDED.items():
        if not any(jars.glob(f"{artifact}-[0-9]*.jar")):
            raise _refusal(home, f"has no {what} ({artifact}-*.jar) in its folder 'jars'")
    return str(path.resolve())


def _within(path: Path) -> str:
    """Name a Fiji that lies in the folder, where there is one."""
    inner = next((jars.parent for jars in sorted(path.glob("*/jars")) if jars.is_dir()), None)
    return f" ('{inner}' does)" if inner else ""


def _refusal(home: str, what: str) -> CrispimError:
    """Say what is wrong with a Fiji folder."""
    return CrispimError(
        f"The Fiji {home!r} (--fiji-home or CRISPIM_FIJI) {what}: name the folder that holds "
        "Fiji's 'jars' and 'plugins', or a Maven endpoint such as sc.fiji:fiji."
    )


def start_fiji(settings: GatewaySettings) -> ImageJ1:
    """Start a user's Fiji, headless.

    Parameters
    ----------
    settings : GatewaySettings
        `fiji_home` and `heap` are used.

    Returns
    -------
    ImageJ1
        The running ImageJ of that Fiji.

    Raises
    ------
    CrispimError
        If the folder is no Fiji, or if pyimagej can't start it.
    """
    from crispim_ij.imagej.ij1 import ImageJ1

    home = check_fiji_home(settings.fiji_home or "")
    start_pyimagej(home, settings.heap)
    return ImageJ1(home)


def start_pyimagej(home: str, heap: str | None, options: Sequence[str] = ()) -> Any:
    """Start a Fiji through ``imagej.init``.

    Parameters
    ----------
    home : str
        What `check_fiji_home` returned.
    heap : str or None
        Largest Java heap, for example ``2g``.
    options : sequence of str
        Further options for Java.

    Returns
    -------
    net.imagej.ImageJ
        pyimagej's gateway.

    Raises
    ------
    CrispimError
        If pyimagej can't start it.
    """
    java = use_java(fetch="auto")
    import imagej
    import jpype
    import scyjava

    if _brings_imglyb(home):
        # imglyb asks for its jars over the network even where the Fiji has them.
        scyjava.config.endpoints.clear()
    if heap:
        check_heap(java.home, heap)
        scyjava.config.add_option(f"-Xmx{heap}")
    for option in options:
        scyjava.config.add_option(option)
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


def _brings_imglyb(home: str) -> bool:
    """Tell whether a local Fiji has the jars that pyimagej needs beside ImageJ's."""
    jars = Path(home) / "jars"
    return all(any(jars.glob(f"{name}-*.jar")) for name in ("imglib2-imglyb", "imglib2-unsafe"))


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
    """Turn what pyimagej raised into one sentence.

    Parameters
    ----------
    error : Exception
        What ``imagej.init`` raised.
    home : str
        The Fiji's folder or endpoint.

    Returns
    -------
    str
        A sentence that names the Fiji, what is wrong and what to do.
    """
    text = f"{type(error).__name__}: {error}"
    for pattern, cause in _CAUSES:
        if re.search(pattern, text):
            return f"The Fiji {home} {cause}."
    reason = " ".join(text.split()).rstrip(".")
    return (
        f"The Fiji {home} does not start ({reason}): leave --fiji-home out to use the embedded "
        "ImageJ."
    )
