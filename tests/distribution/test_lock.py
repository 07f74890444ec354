from __future__ import annotations

import re

from tests.distribution.project import PROJECT, ROOT

LOCK = ROOT / "distribution/requirements.lock"


def locked() -> dict[str, list[str]]:
    """Each package's versions in the lock."""
    found: dict[str, list[str]] = {}
    for name, pinned in re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text(), re.MULTILINE):
        found.setdefault(name.lower(), []).append(pinned)
    return found


def test_the_lock_fits_the_project() -> None:
    """Run `python distribution/lock.py` where this fails."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = {canonicalize_name(name): versions for name, versions in locked().items()}
    extras = PROJECT["optional-dependencies"]
    for line in (*PROJECT["dependencies"], *extras["export"], *extras["test"]):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name == "crispim-ij":
            continue
        assert name in pins, f"{requirement} is not in the lock"
        assert all(requirement.specifier.contains(v) for v in pins[name]), (
            f"{requirement}: {pins[name]}"
        )


def test_the_lock_pins_by_hash_and_names_no_place() -> None:
    text = LOCK.read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 50
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "index" not in text
