"""The one ImageJ of this process, started when it is first asked for."""

from __future__ import annotations

import threading

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.gateway import GatewaySettings, ImageJGateway
from crispim_ij.imagej.java import refuse_running_java

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


def _start(settings: GatewaySettings) -> ImageJGateway:
    """Start the engine that the settings name."""
    refuse_running_java()
    if settings.fiji_home is None:
        from crispim_ij.imagej.embedded import start_embedded

        return start_embedded(settings)
    from crispim_ij.imagej.fiji import start_fiji

    return start_fiji(settings)
