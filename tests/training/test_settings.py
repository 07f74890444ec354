from __future__ import annotations

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.training import RunSettings, settings


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("devices", 0, "--devices is 0; it must be 1 or more"),
        ("sample_every", -1, "--sample-every is -1; it must be 0 or more"),
        ("workers", 0, "--workers is 0; it must be 1 or more"),
        ("cache", -0.5, "--cache is -0.5; it must be 0 or more"),
    ],
)
def test_values_that_can_not_be(name: str, value: float, says: str) -> None:
    with pytest.raises(CrispimError, match=says):
        RunSettings(**{name: value})


def test_tensorboard_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    assert not RunSettings().tensorboard
    with pytest.raises(CrispimError, match=r"pip install crispim-ij\[tensorboard\]"):
        RunSettings(tensorboard=True)
