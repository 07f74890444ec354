"""Figures as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """Replace what JSON has no form for.

    NaN becomes null, an infinite number the text ``inf`` or ``-inf``, paths and members of an Enum
    their text; in mappings and sequences, too.
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
