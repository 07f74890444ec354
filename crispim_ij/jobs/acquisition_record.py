"""The file that says how far an acquisition is: `crispim-acquisition.json` in its output."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from natsort import natsorted

from crispim_ij import __version__
from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import make_folders, remove_folders, write_json
from crispim_ij.planes.journal import OutputLock, check_same, sync_file, sync_folder

NAME = "crispim-acquisition.json"

State = Literal["waiting", "finished", "failed"]


@dataclass
class AcquisitionRecord:
    """What is known of a run over an acquisition, kept on disk.

    It holds no times and nothing of the output's place, so that a run that was killed and resumed
    ends with the bytes of one that wasn't.

    Attributes
    ----------
    output : Path
        The output's outermost folder.
    source : Path
        The input's.
    options : mapping
        What must be the same where a run is resumed, JSON-ready.
    noise : dict
        What was measured, by the channels' names.
    stacks : dict
        What became of each stack, by its path in the tree.
    """

    output: Path
    source: Path
    options: Mapping[str, Any]
    noise: dict[str, Any] = field(default_factory=dict)
    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, stack: str, state: State, **more: Any) -> None:
        """Say what became of a stack."""
        self.stacks[stack] = {"state": state, **more}

    def save(self) -> None:
        """Write the file, whole and safe from a power cut."""
        path = self.output / NAME
        content = {
            "crispim-ij": __version__,
            "input": str(self.source.absolute()),
            "options": self.options,
            "noise": self.noise,
            "stacks": [{"path": path, **self.stacks[path]} for path in natsorted(self.stacks)],
        }
        write_json(content, path)
        sync_file(path)
        sync_folder(path.parent)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Lock the output and keep the file in it."""
        made = make_folders(self.output)
        lock = lock_of(self.output)
        try:
            lock.acquire()
            self.save()
            yield
        finally:
            lock.release()
            remove_folders(made)


def lock_of(output: Path) -> OutputLock:
    """Return the lock of an acquisition's output."""
    return OutputLock(output / ".crispim-acquisition.lock", output)


def begin_record(
    output: Path,
    source: Path,
    options: Mapping[str, Any],
    stacks: Sequence[str],
    *,
    resume: bool,
    overwrite: bool,
) -> AcquisitionRecord:
    """Return what is known of a run that is begun or resumed; refuse to mix it with another's."""
    plain = json.loads(json.dumps(options))  # as it will be read back
    past = _read(output / NAME)
    record = AcquisitionRecord(output, source, plain)
    if past is not None and resume:
        new = {"crispim-ij": __version__, "options": plain}
        check_same(output, {key: past.get(key) for key in new}, new)
        record.noise = past["noise"]
        record.stacks = {
            one["path"]: {key: value for key, value in one.items() if key != "path"}
            for one in past["stacks"]
        }
    elif past is not None and not overwrite:
        raise CrispimError(
            f"'{output}' holds the results of a run over a tree: give --resume to continue it, or "
            "--overwrite to start over."
        )
    for stack in stacks:
        if record.stacks.get(stack, {}).get("state") != "finished":
            record.note(stack, "waiting")
    return record


def _read(path: Path) -> dict[str, Any] | None:
    """Read the file; None where there is none that is whole: each stack has a journal, too."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(content, dict) and {"crispim-ij", "options", "noise", "stacks"} <= set(
        content
    )
    return content if whole else None
