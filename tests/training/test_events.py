from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from crispim_ij.training.events import forget_events, open_events, write_scalars
from crispim_ij.training.history import Record


def told(folder: Path) -> dict[str, list[int]]:
    """Return the steps of each curve or picture that TensorBoard finds in a folder."""
    steps: dict[str, list[int]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for entry in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(entry)
            for value in event.summary.value:
                steps.setdefault(value.tag, []).append(event.step)
    return steps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = open_events(tmp_path / "tensorboard")
    for step in range(1, 6):
        write_scalars(writer, Record(step, 9.0, 8.0, 0.01, seconds=2.0, waited=0.5))
    writer.close()
    return tmp_path / "tensorboard"


def test_each_column_is_a_curve(folder: Path) -> None:
    curves = {"loss/training", "loss/validation", "learning_rate", "share_of_time_waited_for_data"}
    assert told(folder) == {curve: [1, 2, 3, 4, 5] for curve in curves}


def test_later_steps_are_forgotten(folder: Path) -> None:
    forget_events(folder, 3)
    assert told(folder)["loss/training"] == [1, 2, 3]
    forget_events(folder, 0)
    assert list(folder.iterdir()) == []


def test_a_file_that_was_cut_off(folder: Path) -> None:
    """As SIGKILL or a full disk leave it."""
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    forget_events(folder, 5)
    steps = told(folder)
    assert steps["loss/training"] == [1, 2, 3, 4, 5]
    assert min(map(len, steps.values())) == 4


def test_no_events_no_folder(tmp_path: Path) -> None:
    forget_events(tmp_path / "tensorboard", 0)
    assert not (tmp_path / "tensorboard").exists()
