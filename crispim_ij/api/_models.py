"""Find a model."""

from __future__ import annotations

import os

from crispim_ij.api._images import AnyPath
from crispim_ij.models import Model, find_model


def load_model(name: AnyPath) -> Model:
    """Find a model and read its description.

    Parameters
    ----------
    name : str or path
        Name of a model that ships or of one of your own, or the path of a model folder.

    Returns
    -------
    Model
        Its ``spec`` says what is known of it, and ``network()`` builds it in Keras.
        `denoise` and `evaluate` take it in place of a name.

    Raises
    ------
    CrispimError
        If there is none of that name, or its description can't be read.

    Examples
    --------
    >>> model = load_model("crispim-2d")
    >>> model.spec.architecture, model.spec.parameters
    ('stabilised-2d', 896769)
    """
    return find_model(os.fspath(name))
