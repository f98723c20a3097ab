"""A packaged Dovecot in a cloud of the tenants file is proven by the session, the command and the notebook."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import papermill
import pytest
from click.testing import CliRunner

from mailauth import cli
from practice.cloud import Cloud
from tests import leaks
from tests.practice import mailing
from tests.practice.mailing import ADA
from tests.practice.provable import Lab, kept, provable
from tests.practice.woodgrove import Woodgrove
from tests.real.dovecot import Server, dovecot

ROOT = Path(__file__).resolve().parents[2]


class World:
    """The run, and what no file but one may hold."""

    def __init__(self, lab: Lab, canaries: Mapping[str, str]) -> None:
        self.lab = lab
        self.canaries = canaries


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("proving")
    canaries: dict[str, str] = {}

    def flows(practice: Cloud, made: Woodgrove, _: str) -> Sequence[Mapping[str, Any]]:
        token = mailing.delegated(practice, made)
        canaries["token"] = token.partition(".")[2]
        return [{"kind": "token", "token": kept(folder, "brought.token", token)}]

    with (
        provable(folder, flows=flows, client=True, reads=False, mailboxes=[{"address": ADA}]) as lab,
        dovecot(lab.practice) as server,
    ):
        _point_at(lab.config, server)
        yield World(lab, canaries)


def _point_at(config: Path, server: Server) -> None:
    """Have the tenants file name Dovecot's servers, as somebody's own cloud."""
    whole = json.loads(config.read_text(encoding="utf-8"))
    hosts = {"imap": server.imap, "pop": server.pop, "smtp": server.smtp, "ca_file": str(server.ca_file)}
    whole["clouds"]["here"] |= hosts
    config.write_text(json.dumps(whole), encoding="utf-8")


def run(world: World, *arguments: str) -> tuple[int, str]:
    folder = world.lab.config.parent
    where = ["--tenant", "woodgrove", "--config", str(world.lab.config), "--out", str(folder / "out")]
    done = CliRunner().invoke(cli.commands, ["prove", *where, *arguments], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.return_value, done.stdout


def test_the_command_proves_all_three_protocols(world: World) -> None:
    status, shown = run(world, "--json")
    attempts = json.loads(shown)["data"]["attempts"]
    assert [(each["protocol"], each["outcome"]) for each in attempts] == [
        ("imap", "ok"),
        ("pop", "ok"),
        ("smtp", "ok"),
    ], shown
    assert status == 0
    assert {each["tls"]["version"] for each in attempts} <= {"TLSv1.2", "TLSv1.3"}
    assert leaks.search(world.canaries, texts={"json": shown}) == []


def test_the_command_says_what_a_mailbox_of_somebody_else_answers(world: World) -> None:
    status, shown = run(world, "--mailbox", "bob@woodgrove.example", "--protocol", "imap")
    assert status == 1
    assert "refused" in shown


def test_the_notebook_proves_it_headless_and_leaves_evidence_without_the_token(world: World) -> None:
    folder = world.lab.config.parent
    given = {"tenant": "woodgrove", "config": str(world.lab.config), "out": str(folder / "out")}
    book = ROOT / "notebooks" / "50-prove-mail-oauth.ipynb"
    done = papermill.execute_notebook(str(book), None, parameters=given, progress_bar=False, cwd=str(ROOT))
    shown = json.dumps([cell.get("outputs", []) for cell in done.cells])
    assert "OAuth works: 1 mailbox" in shown
    record = json.loads((folder / "out/woodgrove/evidence/50-prove-mail-oauth.json").read_text(encoding="utf-8"))
    assert record["data"]["outcome"] == "ok"
    assert len(record["data"]["attempts"]) == 3
    assert (folder / "out/woodgrove/tables/attempts.csv").read_bytes().count(b"\r\n") == 4
    assert leaks.search(world.canaries, folders=[folder / "out"], texts={"notebook": shown}) == []
