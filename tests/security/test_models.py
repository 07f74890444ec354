"""A model file is read as numbers: it runs nothing, reaches no other file, and fills no memory."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.models import load_model, weights
from crispim_ij.models.keras2 import import_model
from crispim_ij.models.weights import ARCHIVED, checked_weights, opened_hdf5

SECRET = np.arange(9, dtype=np.float32)


class Marks:
    """Unpickled, makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, int]]:
        return os.mkdir, (str(self.mark), 0o700)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What must not be there at the end."""
    return tmp_path / "it-ran"


def hdf5(path: Path, fill: Callable[[h5py.File], None]) -> bytes:
    """The bytes of an HDF5 file."""
    with h5py.File(path, "w") as file:
        fill(file)
    return path.read_bytes()


def keras_file(path: Path, content: bytes, **others: str | bytes) -> Path:
    """A `.keras` archive of these weights."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ARCHIVED, content)
        for name, text in others.items():
            archive.writestr(name.replace("_", ".", 1), text)
    return path


def model_folder(folder: Path, content: bytes) -> Path:
    """A folder whose description vouches for a file of weights, as an attacker's would."""
    folder.mkdir()
    values = {
        "name": "evil", "architecture": "paper-2d", "axes": "YXC", "receptive_field": 23,
        "stride": 4, "parameters": 332_641, "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(values))
    (folder / "model.keras").write_bytes(content)
    return folder


def secret_file(folder: Path) -> Path:
    """Another user's HDF5 file."""
    path = folder / "secret.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = SECRET
        file["group/numbers"] = SECRET
    return path


def by_external_link(file: h5py.File, secret: Path) -> None:
    file["layers"] = h5py.ExternalLink(str(secret), "/group")


def by_soft_link(file: h5py.File, secret: Path) -> None:
    file["real"] = SECRET
    file["layers"] = h5py.SoftLink("/real")


def by_external_storage(file: h5py.File, secret: Path) -> None:
    file.create_dataset("layers", (9,), "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def by_virtual_dataset(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((9,), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "numbers", (9,))
    file.create_virtual_dataset("layers", layout)


def in_a_deep_group(file: h5py.File, secret: Path) -> None:
    file.create_group("a/b/c")["d"] = h5py.ExternalLink(str(secret), "/group")


REACHES = [
    by_external_link,
    by_soft_link,
    by_external_storage,
    by_virtual_dataset,
    in_a_deep_group,
]


@pytest.mark.parametrize("reach", REACHES)
def test_weights_that_lie_in_other_files_are_refused(tmp_path: Path, reach: Callable) -> None:
    secret = secret_file(tmp_path)
    content = hdf5(tmp_path / "w.h5", lambda file: reach(file, secret))
    with pytest.raises(ValueError, match=r"another (place|file)"), opened_hdf5(content):
        pytest.fail("it was opened")


@pytest.mark.parametrize("reach", REACHES)
def test_imports_refuse_them_too(tmp_path: Path, reach: Callable) -> None:
    secret = secret_file(tmp_path)
    hdf5(tmp_path / "w.h5", lambda file: reach(file, secret))
    with pytest.raises(CrispimError, match=r"w.h5 can't be read as a Keras model .*another"):
        import_model(tmp_path / "w.h5", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_hard_link_is_no_fault(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["a/vars/0"] = SECRET
        file["b"] = file["a"]
        file["a/back"] = file["/"]

    with opened_hdf5(hdf5(tmp_path / "w.h5", fill)) as file:
        np.testing.assert_array_equal(file["b/vars/0"], SECRET)


def test_a_claim_of_many_gigabytes_is_refused(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file.create_dataset("layers", (2**40,), "f4", chunks=(2**10,), compression="gzip")

    content = hdf5(tmp_path / "w.h5", fill)
    assert len(content) < 10_000
    with pytest.raises(ValueError, match="would fill more than"), opened_hdf5(content):
        pytest.fail("it was opened")


def test_many_small_claims_are_added_up(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        for k in range(5):
            file.create_dataset(f"layers/{k}", (2**26,), "f4", chunks=(2**10,))

    with pytest.raises(ValueError, match="would fill"), opened_hdf5(hdf5(tmp_path / "w.h5", fill)):
        pytest.fail("it was opened")


def test_objects_are_no_numbers(tmp_path: Path, mark: Path) -> None:
    payload = pickle.dumps(Marks(mark))

    def fill(file: h5py.File) -> None:
        file["layers"] = np.void(payload)

    with pytest.raises(ValueError, match="not numbers"), opened_hdf5(hdf5(tmp_path / "w", fill)):
        pytest.fail("it was opened")
    assert not mark.exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MOST_BYTES", 2**20)
    bomb = keras_file(tmp_path / "m.keras", b"\0" * 2**22)
    assert bomb.stat().st_size < 2**14
    with (
        pytest.raises(ValueError, match=r"model.weights.h5 is larger than"),
        checked_weights(bomb.read_bytes()),
    ):
        pytest.fail("it was unpacked")
    with pytest.raises(CrispimError, match="is larger than"):
        import_model(
            keras_file(tmp_path / "i.keras", b"", config_json=b" " * 2**22), tmp_path / "o"
        )


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MOST_BYTES", 2**20)
    folder = model_folder(tmp_path / "m", b"")
    with (folder / "model.keras").open("wb") as file:
        file.truncate(2**22)
    with pytest.raises(CrispimError, match=r"model.keras can't be read \(it is larger than"):
        load_model(folder).network()


def evil_config(mark: Path) -> str:
    """Config of a model of the paper's kind with a Lambda layer and a foreign module in it."""
    import base64
    import marshal

    code = compile(f"__import__('os').mkdir({str(mark)!r})", "evil", "exec")
    function = [base64.b64encode(marshal.dumps(code)).decode(), None, None]
    layers = [
        {"class_name": "InputLayer", "config": {"name": "i"}, "inbound_nodes": []},
        {
            "class_name": "Lambda",
            "module": "os",
            "registered_name": "system",
            "config": {"name": "l", "function": function, "function_type": "lambda"},
            "inbound_nodes": [[["i", 0, 0, {}]]],
        },
    ]
    return json.dumps({"class_name": "Functional", "config": {"layers": layers}})


def test_a_lambda_layer_is_refused_and_never_run(tmp_path: Path, mark: Path) -> None:
    config = evil_config(mark)
    weights_file = hdf5(tmp_path / "w.h5", lambda file: file.create_group("layers") and None)
    keras_file(tmp_path / "evil.keras", weights_file, config_json=config)

    def fill(file: h5py.File) -> None:
        file.attrs["model_config"] = config
        for name in "il":
            file.create_group(f"model_weights/{name}").attrs["weight_names"] = []

    hdf5(tmp_path / "evil.h5", fill)
    for name in ("evil.keras", "evil.h5"):
        with pytest.raises(CrispimError, match=r"isn't a paper-2d network: its layer"):
            import_model(tmp_path / name, tmp_path / "mine")
    assert not mark.exists()


def test_a_model_folder_runs_nothing_of_its_config(tmp_path: Path, mark: Path) -> None:
    """What Keras itself would run, with its safe mode off, is not even read."""
    content = hdf5(tmp_path / "w.h5", lambda file: file.create_group("layers") and None)
    keras_file(
        tmp_path / "evil.keras",
        content,
        config_json=evil_config(mark),
        metadata_json="{}",
        **{"assets_x/evil.pkl": pickle.dumps(Marks(mark))},
    )
    folder = model_folder(tmp_path / "m", (tmp_path / "evil.keras").read_bytes())
    with pytest.raises(CrispimError, match="doesn't hold the weights of 'paper-2d'"):
        load_model(folder).network()
    assert not mark.exists()


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_pickle_is_not_loaded(tmp_path: Path, mark: Path, as_zip: bool) -> None:
    content = pickle.dumps(Marks(mark))
    if as_zip:
        content = keras_file(tmp_path / "p.keras", content).read_bytes()
    with pytest.raises(CrispimError, match="doesn't hold the weights"):
        load_model(model_folder(tmp_path / "m", content)).network()
    assert not mark.exists()
    (tmp_path / "p.h5").write_bytes(content)
    with pytest.raises(CrispimError, match="can't be read as a Keras model"):
        import_model(tmp_path / "p.h5", tmp_path / "mine")
    assert not mark.exists()


def test_the_harmless_pickle_would_have_run(mark: Path) -> None:
    """The payload of these tests works."""
    pickle.loads(pickle.dumps(Marks(mark)))  # noqa: S301
    assert mark.exists()


def test_names_in_an_archive_name_no_place(tmp_path: Path) -> None:
    """Only the weights are unpacked, under a name of our own."""
    content = hdf5(tmp_path / "w.h5", lambda file: file.create_dataset("x", data=SECRET) and None)
    path = keras_file(tmp_path / "slip.keras", content)
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("../slipped", "/slipped", "assets/../../slipped"):
            archive.writestr(name, b"x")
    with checked_weights(path.read_bytes()) as unpacked:
        assert [entry.name for entry in unpacked.parent.iterdir()] == [ARCHIVED]
    assert not list(tmp_path.rglob("slipped"))
    assert not list(unpacked.parent.parent.glob("slipped"))


@pytest.mark.skipif(os.name == "nt", reason="Windows' own folder of temporary files is private")
def test_unpacked_weights_are_private_and_go(tmp_path: Path) -> None:
    content = hdf5(tmp_path / "w.h5", lambda file: file.create_dataset("x", data=SECRET) and None)
    path = keras_file(tmp_path / "m.keras", content)
    with checked_weights(path.read_bytes()) as unpacked:
        assert stat.S_IMODE(unpacked.parent.stat().st_mode) == 0o700
    assert not unpacked.parent.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"architecture": ["paper-2d"]},
        {"receptive_field": "23"},
        {"receptive_field": 10**9},
        {"stride": 0},
        {"stride": True},
        {"provenance": []},
        {"format": None},
    ],
)
def test_a_description_of_wrong_kinds_is_refused(tmp_path: Path, changed: dict) -> None:
    folder = model_folder(tmp_path / "m", b"")
    values = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(values | changed))
    with pytest.raises(CrispimError, match="has entries of the wrong kind or size"):
        load_model(folder)


def test_a_description_nested_without_end_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m", b"")
    (folder / "model.json").write_text("[" * 100_000)
    with pytest.raises(CrispimError, match=r"model.json can't be read"):
        load_model(folder)
