from __future__ import annotations

import re

import yaml

from tests.distribution.project import PROJECT, ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_workflows_test_each_python_on_each_system() -> None:
    text = (ROOT / ".github/workflows/tests.yml").read_text()
    matrix = yaml.safe_load(text)["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "windows-latest", "macos-latest"]
    pythons = {f"Programming Language :: Python :: {version}" for version in matrix["python"]}
    assert pythons == {one for one in PROJECT["classifiers"] if " :: Python :: 3." in one}
    assert len(pythons) == 3


def test_a_tag_publishes_what_was_built_and_no_secret_is_kept() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads 'on' so
    publish = workflow["jobs"]["publish"]
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets" not in text
    assert CITATION["version"] in (ROOT / "CHANGELOG.md").read_text()


def test_the_paper_is_linked_where_its_title_stands() -> None:
    paper = CITATION["preferred-citation"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"[{paper['title']}]({paper['url']})" in readme


def test_workflows_run_pinned_actions_with_few_rights() -> None:
    """A tag can be moved to other code; a commit can't."""
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            used = [step["uses"] for step in job["steps"] if "uses" in step]
            assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used), path
