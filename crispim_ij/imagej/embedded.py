"""The embedded engine: ImageJ 1.53q itself, headless, from pinned jars."""

from __future__ import annotations

import jpype
import scyjava

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.gateway import GatewaySettings
from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.imagej.jars import PATCHER, ensure_jars
from crispim_ij.imagej.java import check_heap, use_java


def start_embedded(settings: GatewaySettings) -> ImageJ1:
    """Start the Java virtual machine with ImageJ 1.53q in it.

    Parameters
    ----------
    settings : GatewaySettings
        `heap` is used.

    Returns
    -------
    ImageJ1
        The running ImageJ.

    Raises
    ------
    CrispimError
        If the jars are missing and can't be fetched, or Java does not start.
    """
    paths = {cached.jar: str(cached.path) for cached in ensure_jars()}
    java = use_java()
    if settings.heap:
        check_heap(java.home, settings.heap)
        scyjava.config.add_option(f"-Xmx{settings.heap}")
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
