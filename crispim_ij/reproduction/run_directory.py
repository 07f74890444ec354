"""The run directory of a reproduction: whose it is, and which stages are done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import make_folders, write_faults, write_json
from crispim_ij.report import PAGE

RUN_FILE = "run.json"
STAGES_FILE = "stages.json"
FOLDERS = ("clean", "noisy", "models", "report")


class RunDirectory:
    """The folder of one reproduction, with its parts; needn't be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clean, self.noisy, self.models, self.report = (folder / name for name in FOLDERS)

    @property
    def page(self) -> Path:
        """The report to be read."""
        return self.report / PAGE

    def check(self, *, resume: bool, overwrite: bool) -> None:
        """Refuse a folder that holds other things, a run that must stay, or none to be resumed."""
        folder = self.folder
        if folder.exists() and not folder.is_dir():
            raise CrispimError(f"'{folder}' is a file: give a folder for the reproduction.")
        has_run = (folder / RUN_FILE).is_file()
        if resume and not has_run:
            raise CrispimError(
                f"'{folder}' holds no run to resume: leave --resume out to begin one."
            )
        if has_run and not (resume or overwrite):
            raise CrispimError(
                f"'{folder}' holds a run already: give --resume to continue it, --overwrite to "
                "replace it, or another folder."
            )
        if not has_run and folder.is_dir() and any(folder.iterdir()):
            raise CrispimError(
                f"'{folder}' holds other files, which a reproduction might replace: give a new or "
                "empty folder."
            )

    def check_stacks(self, stacks: Iterable[Path]) -> None:
        """Refuse stacks that lie in the folder, or that the folder lies in."""
        folder = self.folder.resolve()
        for stack in stacks:
            origin = stack.resolve()
            if folder in (origin, *origin.parents) or origin in folder.parents:
                raise CrispimError(
                    f"'{self.folder}' and the stack '{stack}' lie within one another: give a "
                    "folder for the reproduction that is apart from its input."
                )

    def begin(self, run: Mapping[str, Any]) -> None:
        """Make room for a run, and write down what it is."""
        make_folders(self.folder)
        with write_faults(self.folder):
            (self.folder / STAGES_FILE).unlink(missing_ok=True)
            for name in FOLDERS:
                if (self.folder / name).is_dir():
                    shutil.rmtree(self.folder / name)
        self._write(RUN_FILE, run)

    def resume(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was written down of the run here, which must be the same."""
        written = self._read(RUN_FILE)
        for key, value in json.loads(json.dumps(run)).items():
            if written.get(key) != value:
                raise CrispimError(
                    f"'{self.folder / RUN_FILE}' has other {key} than this run: resume with the "
                    "same stacks and options, or give another folder."
                )
        return written

    def done(self) -> dict[str, float]:
        """Return the seconds that each finished stage took."""
        return self._read(STAGES_FILE) if (self.folder / STAGES_FILE).is_file() else {}

    def finish(self, stage: str, seconds: float) -> None:
        """Write down that a stage is done."""
        self._write(STAGES_FILE, {**self.done(), stage: seconds})

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        write_json(content, self.folder / name)

    def _read(self, name: str) -> dict[str, Any]:
        file = self.folder / name
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CrispimError(
                f"'{file}' can't be read ({error}): start over with --overwrite."
            ) from error
        if not isinstance(content, dict):
            raise CrispimError(f"'{file}' isn't what a run writes: start over with --overwrite.")
        return content
