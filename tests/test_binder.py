"""What Binder builds from: the report's lock, the Python it was made for, and nothing that would be read before it."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

import run

ROOT = Path(__file__).resolve().parent.parent
BINDER = ROOT / "binder"
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PINNED = set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))


def steps() -> list[list[str]]:
    lines = (BINDER / "postBuild").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def test_binder_installs_what_the_report_installs_and_no_list_of_its_own() -> None:
    [line] = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    option, path = line.split()
    lock, _ = run.COMMANDS["report"]
    assert option == "-r"  # a reference, so that Binder copies the whole repository before it installs
    assert (BINDER / path).resolve() == ROOT / lock


def test_binder_has_the_python_that_the_lock_was_made_for() -> None:
    [made_for] = re.findall(r"--python-version (\S+)", LOCK)
    assert (BINDER / "runtime.txt").read_text(encoding="utf-8").strip() == f"python-{made_for}"


def test_no_file_of_binder_goes_before_its_requirements() -> None:
    assert {path.name for path in BINDER.iterdir()} == {"requirements.txt", "runtime.txt", "postBuild"}


def test_the_runbook_is_installed_last_and_fetches_nothing() -> None:
    first, last = steps()
    assert first == ["set", "-euo", "pipefail"]
    assert last == ["python", "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."]
    with (ROOT / "pyproject.toml").open("rb") as file:
        needed = tomllib.load(file)["build-system"]["requires"]
    assert {re.split("[<>=]", each)[0] for each in needed} <= PINNED


def test_postbuild_is_a_script_that_linux_can_start() -> None:
    text = (BINDER / "postBuild").read_bytes()
    assert text.startswith(b"#!/usr/bin/env bash\n")
    assert b"\r" not in text


@pytest.mark.parametrize("package", ["jupyterlab", "ipykernel", "ipywidgets"])
def test_what_shows_a_notebook_in_binder_is_pinned(package: str) -> None:
    assert package in PINNED


def test_the_notebook_that_the_readme_opens_in_binder_is_there() -> None:
    [path] = re.findall(r"\?urlpath=lab/tree/([^`]+)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert (ROOT / path).is_file()
