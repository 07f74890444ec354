"""A stand-in for Slurm: `sbatch` starts the job's script as a process, `scancel` kills it."""

from __future__ import annotations

import sys
from pathlib import Path

_SBATCH = """#!{python}
import itertools, os, pathlib, subprocess, sys
if "NO_SUCH_QUEUE" in os.environ:
    sys.exit("sbatch: error: invalid partition specified")
jobs = pathlib.Path({jobs!r})
number = next(k for k in itertools.count(1000) if not (jobs / str(k)).exists())
script = jobs / f"{{number}}.sh"
script.write_text(pathlib.Path(sys.argv[-1]).read_text())
with (jobs / f"{{number}}.log").open("wb") as log:
    files = dict(stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    job = subprocess.Popen(["bash", str(script)], **files, start_new_session=True)
(jobs / str(number)).write_text(str(job.pid))
print(f"Submitted batch job {{number}}")
"""
_SCANCEL = """#!{python}
import os, pathlib, signal, sys
for number in sys.argv[1:]:
    try:
        os.killpg(int((pathlib.Path({jobs!r}) / number).read_text()), signal.SIGTERM)
    except ProcessLookupError:
        print("no such job", number)
"""


def install(folder: Path) -> Path:
    """Write the commands into a folder for PATH; return where jobs leave their process ids."""
    jobs = folder / "jobs"
    jobs.mkdir()
    for name, text in (("sbatch", _SBATCH), ("scancel", _SCANCEL)):
        file = folder / name
        file.write_text(text.format(python=sys.executable, jobs=str(jobs)))
        file.chmod(0o755)
    return jobs


def pids(jobs: Path) -> list[int]:
    """Return the process groups of the jobs, oldest first."""
    return [int(file.read_text()) for file in sorted(jobs.iterdir()) if not file.suffix]
