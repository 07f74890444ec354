from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.models import (
    Model,
    find_model,
    list_models,
    load_model,
    save_model,
    weights,
)
from crispim_ij.networks import build


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("models") / "mine"
    return save_model(build("paper-2d"), "paper-2d", folder, {"recipe": {"seed": 7}})


@pytest.fixture
def copied(saved: Model, tmp_path: Path) -> Path:
    for path in saved.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_round_trip(saved: Model) -> None:
    again = load_model(saved.folder)
    assert again.spec == saved.spec
    assert again.spec.provenance == {"recipe": {"seed": 7}}
    assert again.spec.halo == 24
    assert sorted(path.name for path in saved.folder.iterdir()) == ["model.json", "model.keras"]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_form_has_the_saved_weights(saved: Model, precision: Any, padding: Any) -> None:
    weights = saved.network().get_weights()
    form = saved.network(precision=precision, padding=padding)
    for ours, theirs in zip(form.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "name",
    [
        "stabilised-2d",
        *(
            pytest.param(one, marks=pytest.mark.long)
            for one in ("residual-2.5d", "stabilised-2d-fast")
        ),
    ],
)
def test_weights_come_in_their_order_whatever_the_padding(name: str, tmp_path: Path) -> None:
    network, rng = build(name), np.random.default_rng(1)
    drawn = [rng.normal(size=numbers.shape) for numbers in network.get_weights()]
    network.set_weights(drawn)
    loaded = save_model(network, name, tmp_path, {}).network(padding="valid").get_weights()
    for ours, theirs in zip(loaded, drawn, strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(np.float32))


def test_changed_weights_are_refused(copied: Path) -> None:
    with (copied / "model.keras").open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(CrispimError, match=r"model.keras is not the file .*SHA-256"):
        load_model(copied).network()


def test_a_fault_of_ours_is_not_called_a_damaged_file(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> int:
        raise TypeError("ours")

    monkeypatch.setattr(weights, "_checked_size", fault)
    with pytest.raises(TypeError, match="ours"):
        load_model(copied).network()


def test_missing_weights_are_refused(copied: Path) -> None:
    (copied / "model.keras").unlink()
    with pytest.raises(CrispimError, match=r"model.keras is missing"):
        load_model(copied).network()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "paper-4d"}, "paper-4d"),
        ({"format": 99}, "format 99"),
        ({"surprise": 1}, "doesn't know"),
        ({"sha256": None, "name": None, "axes": None}, "incomplete"),
    ],
)
def test_descriptions_that_do_not_fit(copied: Path, change: dict[str, Any], message: str) -> None:
    values = json.loads((copied / "model.json").read_text()) | change
    kept = {key: value for key, value in values.items() if value is not None}
    (copied / "model.json").write_text(json.dumps(kept))
    with pytest.raises(CrispimError, match=message):
        load_model(copied)


def test_a_broken_description_is_refused(copied: Path) -> None:
    (copied / "model.json").write_text("{")
    with pytest.raises(CrispimError, match=r"model.json can't be read"):
        load_model(copied)


def test_the_library_is_searched_by_name(
    saved: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRISPIM_MODELS", str(saved.folder.parent))
    assert find_model("mine").folder == saved.folder
    assert find_model(str(saved.folder)).folder == saved.folder
    assert "mine" in [model.folder.name for model in list_models()]
    with pytest.raises(CrispimError, match=r"no model 'mime': did you mean 'mine'\?"):
        find_model("mime")
    with pytest.raises(CrispimError, match=r"not a model folder"):
        find_model(str(tmp_path))
