"""A run's course for TensorBoard."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from crispim_ij.planes.atomic import make_folders, whole_file
from crispim_ij.training.history import Record

if TYPE_CHECKING:
    import tensorflow as tf


def forget_events(folder: Path, done: int) -> None:
    """Take out what was written of steps beyond `done`, which are trained again.

    Parameters
    ----------
    folder : Path
        Holds TensorBoard's files; needn't be there.
    done : int
        The last step to keep.
    """
    for file in sorted(folder.glob("events.out.tfevents.*")):
        _forget_in(file, done)


def _forget_in(file: Path, done: int) -> None:
    import tensorflow as tf

    kept: list[bytes] = []
    # The last entry of a run that was killed may be cut off.
    with suppress(tf.errors.DataLossError):
        kept.extend(
            entry
            for entry in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
            if tf.compat.v1.Event.FromString(entry).step <= done
        )
    if len(kept) <= 1:  # Each file begins with its version.
        file.unlink()
        return
    with whole_file(file) as part, tf.io.TFRecordWriter(str(part)) as writer:
        for entry in kept:
            writer.write(entry)


def open_events(folder: Path) -> tf.summary.SummaryWriter:
    """Begin a new file in `folder`; TensorBoard reads all of them as one run."""
    import tensorflow as tf

    make_folders(folder)
    return tf.summary.create_file_writer(str(folder))


def write_scalars(writer: tf.summary.SummaryWriter, record: Record) -> None:
    """Write a line of the history, one curve a column."""
    import tensorflow as tf

    curves = {
        "loss/training": record.loss,
        "loss/validation": record.validation_loss,
        "learning_rate": record.learning_rate,
        "share_of_time_waited_for_data": record.waited / record.seconds,
    }
    with writer.as_default(record.step):
        for name, value in curves.items():
            tf.summary.scalar(name, value)
    writer.flush()


def write_picture(writer: tf.summary.SummaryWriter, png: bytes, step: int) -> None:
    """Write the picture of the samples."""
    import tensorflow as tf

    with writer.as_default(step):
        tf.summary.image("samples", tf.io.decode_png(png, channels=3)[tf.newaxis])
    writer.flush()
