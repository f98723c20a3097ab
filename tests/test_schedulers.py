"""The recipes for schedulers hold what can be held here: they parse, and every command and option in them exists."""

import ast
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from ruamel.yaml import YAML

from mailauth.cli import commands, watch_status
from mailauth.views import watching
from tests import powershell_grammar

ROOT = Path(__file__).resolve().parent.parent
RECIPES = (ROOT / "docs" / "schedulers.md").read_text(encoding="utf-8")
HOME = "/opt/mail-oauth-runbook"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", RECIPES, flags=re.DOTALL | re.MULTILINE)


def calls() -> Iterator[list[str]]:
    """Yield the words of every ``mailauth`` command in a recipe."""
    text = RECIPES.replace('"\n            "', "").replace("${{ matrix.shard }}", "1")
    for found in re.findall(r"(?:-m|run\.py) mailauth ((?:[a-z]+|--version)\b[^\n`>|&]*)", text):
        yield shlex.split(found.rstrip("'\""), posix=False)
    for listed in re.findall(r"args: \[((?:report|index)[^\]]*)\]", text):
        yield [word.strip().strip('"') for word in listed.split(", ")]


def test_every_command_and_option_of_a_recipe_exists() -> None:
    seen = set()
    for name, *words in calls():
        seen.add(name)
        if name == "--version":
            continue
        command = commands.get_command(click.Context(commands), name)
        assert command is not None, name
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known
    assert seen == {"--version", "report", "index", "watch"}


def test_the_exit_statuses_are_those_of_the_front_door() -> None:
    assert re.findall(r"^\| (\d+) \|", RECIPES, flags=re.MULTILINE) == ["0", "1", "2", "130"]


def test_the_table_of_a_watch_has_each_word_with_the_status_that_the_command_gives_it() -> None:
    rows = re.findall(r"^\| `([a-z ]+)` \|.*\| ([0-9, ]+) \|$", RECIPES, flags=re.MULTILINE)
    given = {word: {watch_status({word}), watch_status({word, "held"})} for word in get_args(watching.Told)}
    assert {word: {*map(int, statuses.split(", "))} for word, statuses in rows} == given


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_the_units_are_such_that_systemd_takes_them(tmp_path: Path) -> None:
    service, timer = blocks("ini")
    # A user and an interpreter that this machine has; the rest stays as it is written.
    here = service.replace(f"{HOME}/.venv/bin/python", shutil.which("sh") or "").replace("User=mailauth\n", "")
    (tmp_path / "mailauth.service").write_text(here, encoding="utf-8")
    (tmp_path / "mailauth.timer").write_text(timer, encoding="utf-8")
    units = [str(tmp_path / f"mailauth.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "mailauth." in line] == []
    assert done.returncode == 0, done.stderr
    [when] = re.findall(r"OnCalendar=(.*)", timer)
    done = subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_units_name_the_folders_that_the_run_writes_to() -> None:
    service = dict(re.findall(r"^(\w+)=(.*)$", blocks("ini")[0], flags=re.MULTILINE))
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] == "mailauth"
    assert "--out /var/lib/mailauth/" in service["ExecStart"]
    assert service["Environment"].startswith("MAILAUTH_HOME=/var/lib/mailauth/")


@pytest.mark.skipif(shutil.which("sh") is None, reason="no POSIX shell here")
@pytest.mark.parametrize(
    ("which", "name", "when", "status", "said"),
    [
        (which, name, when, status, said)
        for which, name, when in ((0, "mailauth", ("15", "2")), (1, "mailauth watch", ("47", "*")))
        for status, said in ((0, ""), (1, " ended with 1; see "), (130, " ended with 130"))
    ]
    # What a watch only wants to be looked at wakes nobody each hour.
    + [(1, "mailauth watch", ("47", "*"), 3, "")],
)
def test_a_line_for_cron_says_something_only_when_something_is_wrong(
    tmp_path: Path, which: int, name: str, when: tuple[str, str], status: int, said: str
) -> None:
    block = blocks("cron")[which]
    minute, hour, *days, command = block.splitlines()[1].split(" ", 5)
    assert (minute, hour, days) == (*when, ["*", "*", "*"])
    # To cron a percent sign is the end of the line.
    assert "%" not in block
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho working; echo working >&2; exit {status}\n")
    python.chmod(0o700)
    done = subprocess.run(
        ["sh", "-c", command.replace(HOME, str(tmp_path)).replace("/var/lib/mailauth", str(tmp_path))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(f"{name}{said}" if said else "")
    assert bool(done.stdout) == bool(said)
    assert done.stderr == ""


def test_the_script_for_windows_is_powershell_with_the_commands_that_register_a_task() -> None:
    [script] = blocks("powershell")
    powershell_grammar.parse(script)
    named = set(re.findall(r"\b[A-Z][a-z]+-[A-Z]\w+", script))
    parts = ("Action", "Trigger", "SettingsSet", "Principal")
    assert named == {"New-TimeSpan", "Register-ScheduledTask", *(f"New-ScheduledTask{part}" for part in parts)}


def read(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_the_workflow_joins_what_its_shards_make() -> None:
    workflow, _ = map(read, blocks("yaml"))
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    shard, index = workflow["jobs"]["shard"], workflow["jobs"]["index"]
    count = len(shard["strategy"]["matrix"]["shard"])
    steps = [step["run"] for job in (shard, index) for step in job["steps"] if "run" in step]
    assert f"--shard ${{{{ matrix.shard }}}}/{count}" in "".join(steps)
    assert index["needs"] == "shard"
    if bash := shutil.which("bash"):
        for step in steps:
            done = subprocess.run([bash, "-n"], input=step, capture_output=True, text=True, check=False)
            assert done.stderr == ""


def test_the_job_in_a_container_has_the_time_and_the_identity_it_needs() -> None:
    _, job = map(read, blocks("yaml"))
    configuration = job["properties"]["configuration"]
    assert configuration["triggerType"] == "Schedule"
    assert configuration["replicaTimeout"] >= 6 * 60 * 60
    [container] = job["properties"]["template"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    assert given["AZURE_STORAGE_ANON"] == "false"
    assert {"AZURE_STORAGE_ACCOUNT_NAME", "AZURE_CLIENT_ID", "MAILAUTH_HOME"} <= set(given)
    mounted = {each["volumeName"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in job["properties"]["template"]["volumes"]}


def test_the_dag_passes_each_notebook_parameters_that_it_declares() -> None:
    [dag] = blocks("python")
    tree = ast.parse(dag)
    [operator] = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "PapermillOperator"
    ]
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in operator.keywords}
    assert given["parameters"] == "{'tenant': tenant, **WHERE}"
    [name] = re.findall(r"notebooks/([\w-]+\.ipynb)", given["input_nb"])
    assert (ROOT / "notebooks" / name).is_file()
