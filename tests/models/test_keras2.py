from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.models import load_model
from crispim_ij.models.keras2 import import_model
from tests.models.keras2_files import write_paper_2d, write_paper_3d

AUTHORS = Path(os.environ.get("CRISPIM_DATA", "")) / "published/model_ds_20231203_182307.keras"

# Keras 2 calls functions that newer NumPy and TensorFlow have deprecated, and its .h5
# format too.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_paper_2d(tmp_path: Path, suffix: str) -> None:
    weights = write_paper_2d(tmp_path / f"old.{suffix}")
    model = import_model(tmp_path / f"old.{suffix}", tmp_path / "mine")
    assert model == load_model(tmp_path / "mine")
    assert (model.spec.architecture, model.spec.parameters) == ("paper-2d", 332_641)
    assert (model.spec.receptive_field, model.spec.stride, model.spec.axes) == (23, 4, "YXC")
    assert model.spec.provenance["imported_from"] == f"old.{suffix}"
    for ours, theirs in zip(model.network().get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_paper_3d(tmp_path: Path) -> None:
    weights = write_paper_3d(tmp_path / "old.keras")
    model = import_model(tmp_path / "old.keras", tmp_path / "mine")
    assert (model.spec.architecture, model.spec.parameters) == ("paper-3d", 5_836_033)
    for ours, theirs in zip(model.network().get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_network_is_refused_by_its_first_layer(tmp_path: Path) -> None:
    write_paper_2d(tmp_path / "other.keras", third=48)
    with pytest.raises(CrispimError, match=r"its layer 4.*filters=48.* not .*filters=64"):
        import_model(tmp_path / "other.keras", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_the_order_of_a_concatenation_matters(tmp_path: Path) -> None:
    write_paper_2d(tmp_path / "other.keras", swap=True)
    with pytest.raises(CrispimError, match=r"layer 10.* after layer 9 and 5, not .* 5 and 9"):
        import_model(tmp_path / "other.keras", tmp_path / "mine")


def test_files_that_hold_no_model(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("hello")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    for name in ("text.keras", "empty.keras"):
        with pytest.raises(CrispimError, match=f"{name} can't be read as a Keras model"):
            import_model(tmp_path / name, tmp_path / "mine")
    with pytest.raises(CrispimError, match=r"absent.keras doesn't exist"):
        import_model(tmp_path / "absent.keras", tmp_path / "mine")


@pytest.mark.skipif(not AUTHORS.is_file(), reason="needs CRISPIM_DATA with the authors' model")
def test_the_authors_own_file(tmp_path: Path) -> None:
    """Its PSNR on the paper's terms lies in the range that was measured independently."""
    import tifffile

    model = import_model(AUTHORS, tmp_path / "authors")
    stack = tifffile.imread(AUTHORS.parents[1] / "dev/cellfinder-cells.tif")[::3, :508, :664]
    clean = np.clip(100 + 0.412 * (stack.astype(np.float32) - 9), 0, 65535)
    rng = np.random.default_rng(0)
    noisy = np.clip(clean + rng.normal(0, 35, clean.shape), 0, 65535).astype(np.float32)
    error = model.network().predict(noisy[..., None], batch_size=1, verbose=0)[..., 0] - clean
    psnr = 96.33 - 10 * np.log10((error**2).mean(axis=(1, 2)))
    assert 69.7 <= psnr.mean() <= 74.3
