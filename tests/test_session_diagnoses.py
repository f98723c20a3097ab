"""Diagnosing what somebody pasted: by a session, by the command, by the form; nothing of a secret is left anywhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from click.testing import CliRunner

from mailauth import cli, session
from mailauth.errors import ConfigurationError
from mailauth.session import Run
from mailauth.views import diagnosing
from tests import leaks
from tests.practice.mailing import ADA
from tests.practice.mailrefusals import having
from tests.practice.provable import provable
from tests.sealing import sealed
from tests.test_pasted import PASSWORD, SASL, SECRET, SEED, SWAKS, TOKEN

REFUSED = "A01 BAD User is authenticated but not connected."
SWITCHED_OFF = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
ANSWER = json.dumps(
    {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided. Trace ID: "
        "0b6a5f5e-1111-2222-3333-444455556666 Correlation ID: 0b6a5f5e-1111-2222-3333-444455557777 "
        "Timestamp: 2026-11-27 10:00:00Z",
        "error_codes": [7000215],
    }
)
# The first parts of a token are its claims, which are shown; what makes it a token is its signature.
CANARIES = {"signature": TOKEN.rpartition(".")[2], "secret": SECRET, "password": PASSWORD}
EVERYTHING = f"{SEED}\n{SASL}\n{SWAKS}\naccess_token={TOKEN}\n{REFUSED}\n"
HOSTILE = (
    f"{'<script>alert(1)</script>' * 1000}{chr(0)}{chr(27)}[2J{chr(8238)}\n" * 100 + "x" * 3_000_000 + f"\n{REFUSED}"
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    tenant = {"name": "woodgrove", "tenant_id": "11111111-1111-1111-1111-111111111111"}
    path = tmp_path / "tenants.yaml"
    path.write_text(json.dumps({"tenants": [tenant]}), encoding="utf-8")
    return session.open(config=str(path), tenant="woodgrove", out=str(tmp_path / "out"))


def command(run: Run, *arguments: str, text: str | bytes = "") -> tuple[int, str]:
    """Run ``mailauth diagnose`` with something on its standard input."""
    given = ["diagnose", "--config", str(run.configuration.path), "--tenant", "woodgrove", *arguments]
    ran = CliRunner().invoke(cli.commands, given, input=text, standalone_mode=False)
    if ran.exception:
        raise ran.exception
    return int(ran.return_value), ran.output


# --- read and explained ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "first"),
    [
        pytest.param(ANSWER, "AADSTS7000215", id="a message of Entra's"),
        pytest.param(SWITCHED_OFF, "S1", id="a server's line"),
        pytest.param(SEED, "I10", id="the seed script"),
    ],
)
def test_it_names_what_is_behind_it(text: str, first: str, run: Run) -> None:
    ranked = run.diagnoses.diagnose(text).diagnosis.first
    assert ranked is not None
    assert ranked.cause.id == first


def test_a_token_alone_is_held_against_what_mail_asks_of_it(run: Run) -> None:
    found = run.diagnoses.diagnose(TOKEN)
    assert [cause.id for _, cause in found.by_token] == ["I1"]
    assert [bool(each.stops) for each in found.openings] == [True] * 3
    assert found.pasted.text == f"<{len(TOKEN)} characters>"


def test_nothing_and_what_nobody_knows_have_no_cause(run: Run) -> None:
    assert not run.diagnoses.diagnose().recognised
    assert not run.diagnoses.diagnose("hello, world").recognised
    assert "Nothing was pasted" in str(diagnosing.result(run.diagnoses.diagnose()).views[0])


def test_a_file_is_read_in_powershells_encoding_too(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "transcript.txt"
    path.write_text(f"{'-' * 4_000_000}\r\n{SEED}", encoding="utf-16")
    found = run.diagnoses.diagnose(file=str(path))
    assert found.pasted.tool == "Get-IMAPAccessToken.ps1"
    assert found.diagnosis.first


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({"text": "x", "file": "y"}, "^pasted and file: found both", id="both"),
        pytest.param({"file": "no/such.log"}, "^file: found 'such.log', which cannot be read", id="no file"),
        pytest.param({"mailbox": "no address"}, "no address", id="no address"),
    ],
)
def test_what_is_wrong_is_named(asked: dict[str, Any], said: str, run: Run) -> None:
    with pytest.raises(ConfigurationError, match=said):
        run.diagnoses.diagnose(**asked)


# --- with the tenant's state ----------------------------------------------------------------------


def test_with_a_look_the_tenant_decides_between_causes_that_the_line_leaves_open(tmp_path: Path) -> None:
    line = f"IMAP, {ADA}\n{REFUSED}"
    with provable(tmp_path, broken=having("ada_box", imap_enabled=False)) as lab:
        alone = lab.run.diagnoses.diagnose(line)
        looked = lab.run.diagnoses.diagnose(f"* OK The Microsoft Exchange IMAP4 service is ready.\n{line}", look=True)
        lab.run.diagnoses.keep(looked)
    assert len(alone.diagnosis.equal) > 1
    first = looked.diagnosis.first
    assert first is not None
    assert (first.cause.id, first.standing in ("confirmed", "certain")) == ("I12", True)
    assert (looked.mailbox, looked.app_id) == (ADA, lab.made.daemon.app_id)
    assert {each.state for each in looked.known.coverage} <= {"complete", "partial"}


def test_what_may_not_be_read_stays_unknown(tmp_path: Path) -> None:
    with provable(tmp_path, reads=False) as lab:
        found = lab.run.diagnoses.diagnose(f"{ADA}\n{REFUSED}", look=True)
    assert len(found.diagnosis.equal) > 1
    assert "unknown" in {each.state for each in found.known.coverage}


# --- the command ----------------------------------------------------------------------------------


def test_the_command_reads_a_pipe_and_ends_with_0_where_it_knows_something(run: Run) -> None:
    status, shown = command(run, text=ANSWER)
    assert status == 0
    assert "AADSTS7000215" in shown
    assert "0b6a5f5e-1111-2222-3333-444455557777" in shown


def test_the_command_ends_with_1_where_it_knows_nothing(run: Run) -> None:
    assert command(run, "-", text="hello")[0] == 1
    assert command(run)[0] == 1


def test_the_command_speaks_json_and_reads_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(SEED, encoding="utf-8")
    status, shown = command(run, str(path), "--json")
    record = json.loads(shown)
    assert (status, record["data"]["tool"]) == (0, "Get-IMAPAccessToken.ps1")
    assert record["data"]["causes"][0]["id"] == "I10"


def test_bytes_that_are_no_text_do_no_harm(run: Run) -> None:
    assert command(run, text=bytes(range(256)) * 400)[0] in (0, 1)


# --- hostile text, and secrets --------------------------------------------------------------------


def test_hostile_text_is_cut_and_escaped(run: Run) -> None:
    found = run.diagnoses.diagnose(HOSTILE)
    assert found.diagnosis.first
    assert found.pasted.cut > 2_000_000
    for text in (HOSTILE, HOSTILE[:20_000]):
        views = [
            *diagnosing.result(run.diagnoses.diagnose(text)).views,
            *diagnosing.pasted(run.diagnoses.diagnose(text)).views,
        ]
        html, said = "".join(view.html() for view in views), "".join(map(str, views))
        assert "<script" not in html
        assert not {"\x00", "\x1b", "\u202e"} & {*html, *said}
        assert len(html) < 500_000


def test_no_secret_is_in_anything_that_is_shown_or_left(run: Run, tmp_path: Path) -> None:
    found = run.diagnoses.diagnose(EVERYTHING)
    run.diagnoses.keep(found)
    run.bundles.of_diagnosis(found)
    (tmp_path / "canary.log").write_text(EVERYTHING, encoding="utf-8")
    views = [view for part in PARTS for view in part(found).views]
    texts = {"html": "".join(view.html() for view in views), "text": "".join(map(str, views)), "repr": repr(found)}
    texts |= {"json": command(run, "--json", text=EVERYTHING)[1], "table": command(run, text=EVERYTHING)[1]}
    assert leaks.search(CANARIES, folders=[tmp_path / "out"], texts=texts) == []
    assert leaks.search(CANARIES, folders=[tmp_path / "canary.log"])


PARTS = (diagnosing.understood, diagnosing.causes, diagnosing.token, diagnosing.pasted, diagnosing.result)


@pytest.fixture
def panel(run: Run) -> Iterator[diagnosing.Panel]:
    yield diagnosing.Panel(diagnosing.Pasting(run.diagnoses.diagnose))
    ipywidgets.Widget.close_all()


def test_the_form_explains_what_is_pasted_and_no_widget_ever_holds_it(
    panel: diagnosing.Panel, capsys: pytest.CaptureFixture[str]
) -> None:
    states: list[str] = []
    # What the browser sends, what a notebook saves of its widgets then, and what it saves afterwards.
    panel.field.inbox.observe(lambda _: states.append(json.dumps(ipywidgets.Widget.get_manager_state())), names="value")
    panel.field.inbox.set_state({"value": sealed(EVERYTHING, panel.field.key)})
    states.append(json.dumps(ipywidgets.Widget.get_manager_state()))
    shown = capsys.readouterr().out
    assert "What is behind it" in shown
    assert len(states) >= 2
    texts = {f"state {number}": state for number, state in enumerate(states)}
    assert leaks.search(CANARIES, texts={**texts, "shown": shown, "panel": repr(vars(panel))}) == []
    assert leaks.search(CANARIES, texts={"state": json.dumps({"value": EVERYTHING})})
    assert panel.field.inbox.value == ""


def test_the_form_explains_what_was_pasted(run: Run) -> None:
    form = diagnosing.Pasting(run.diagnoses.diagnose)
    assert any("AADSTS7000215" in str(view) for view in form.results(ANSWER))
    assert "Paste here" in str(form.results(" ")[0])
    assert "could not be read" in str(diagnosing.Pasting(run.diagnoses.diagnose, mailbox="x y").results("z")[0])
