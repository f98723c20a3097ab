"""Notebook 60, run after run with the cloud's clock moved on, until what it shows is closed (proven)."""

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import papermill
import pytest

from mailauth import evidence
from mailauth.errors import ConfigurationError
from mailauth.session import Run
from practice import tenants as stories
from tests.case_invented import mail
from tests.practice.closing import closing_in
from tests.practice.shutting import ADA, CANARY, Lab, leave_sign_ins, shutting, switched

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "60-close-basic.ipynb"
ERP, PRINTER = "erp@fabrikam.example", "printer@adatum.example"
LONG = timedelta(hours=25)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))


def walked(run: Run, **parameters: Any) -> str:
    """Run the notebook's cells on a run whose clock is the cloud's, and return all that they show."""
    cells = [each for each in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if each["cell_type"] == "code"]
    space: dict[str, Any] = {}
    exec("".join(cells[0]["source"]), space)
    space |= parameters
    shown: list[str] = []
    for cell in cells[1:]:
        body = ast.parse("".join(cell["source"])).body
        *first, last = [each for each in body if "session.open" not in ast.unparse(each)]
        space["run"] = run
        exec(compile(ast.Module(first, []), "cell", "exec"), space)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), space) if isinstance(last, ast.Expr) else None
        shown.append("\n".join(map(str, getattr(value, "views", [value]))))
    return "\n".join(shown)


def until_closed(opened: Callable[[], Run], pass_time: Callable[[], None], wave: str, rows: Any = ()) -> list[str]:
    """Run it with everything on, a day between two runs, until the wave is closed; return what each run showed."""
    shown: list[str] = []
    for _ in range(10):
        run = opened()
        leave_sign_ins(run, rows)
        shown.append(walked(run, wave=wave, apply=True, try_password=True))
        if f"Wave {wave}: closed (proven)" in shown[-1]:
            return shown
        pass_time()
    raise AssertionError(shown[-1])


def test_the_pilot_is_closed_and_proven_over_several_runs_and_taken_back(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        before = walked(lab.run)
        assert "nobody has looked: notebook 10 has left no evidence" in before
        assert "Nothing was changed" in before
        first, *_, last = until_closed(lambda: lab.run, lambda: lab.pass_time(hours=25), "pilot")
        assert "Wave pilot: a policy that takes no passwords: done" in first
        assert "Look again at " in first
        assert "A password is refused, as it should be" in last
        back = walked(lab.run, undo="pilot", apply=True)
        assert "Wave pilot: open" in walked(lab.run)
        secrets = [(tmp_path / name).read_text(encoding="utf-8") for name in ("canary.word", "daemon.secret")]
        left = [path.read_text(encoding="utf-8") for path in lab.folder.rglob("*") if path.is_file()]
        assert [word for word in secrets for text in (before, first, last, back, *left) if word in text] == []


def test_headless_it_shows_the_plan_and_changes_nothing(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        lab.sign_ins()
        given = {"config": str(lab.config), "out": str(lab.folder), "tenant": "woodgrove"}
        run = papermill.execute_notebook(str(NOTEBOOK), None, parameters=given, progress_bar=False, cwd=str(ROOT))
        shown = json.dumps([cell.get("outputs", []) for cell in run.cells])
        assert "Wave pilot: a policy that takes no passwords" in shown
        assert "If it is applied now, it counts at the latest at " in shown
        assert not (lab.folder / "woodgrove" / "receipts").exists()
        assert (lab.folder / "woodgrove" / "evidence" / "60-close-basic.json").is_file()


@pytest.mark.parametrize("parameter", ["wave", "undo"])
def test_a_wave_that_does_not_exist_is_refused_by_its_parameter_before_anything_is_read(
    tmp_path: Path, parameter: str
) -> None:
    with shutting(tmp_path) as lab:
        told: list[str] = []
        with pytest.raises(
            ConfigurationError, match=rf"^{parameter}: found 'nosuch'; expected one of pilot, tenant\.$"
        ):
            walked(replace(lab.run, tell=told.append), **{parameter: "nosuch"})
    assert not any("reading" in each for each in told)


def test_a_credential_that_has_ended_stands_in_the_notebook_that_calls_a_wave_closed(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        assert "No credential of the mail apps has ended" in walked(lab.run)
        with lab.practice.states.changing("woodgrove") as tenant:
            for each in tenant.directory.applications:
                if each.app_id == lab.made.daemon.app_id:
                    each.password_credentials.clear()
        assert "it has no secret" in walked(lab.run)


def excepting(name: str, address: str) -> Mapping[str, Any]:
    """Return what the tenants file says of closing a practice tenant, with one mailbox left out by name."""
    closing = stories.entry(name, ".")["closing"]
    return {**closing, "exceptions": [{"address": address, "reason": "replaced in March", "until": "2099-03-31"}]}


@pytest.mark.full  # some hundred requests
def test_adatum_is_closed_wave_by_wave(tmp_path: Path) -> None:
    with closing_in(tmp_path, "adatum", closing=excepting("adatum", PRINTER), mail_apps=[], mailboxes=[]) as lab:
        rows = [mail(PRINTER, ago=ago) for ago in range(1, 20)]
        for wave in ("pilot", "tenant"):
            shown = until_closed(lambda: lab.run, lambda: lab.pass_time(LONG), wave, rows)
        assert shown[-1].count("closed (proven)") >= 2
        assert lab.takes_passwords() == {PRINTER}


@pytest.mark.full  # some hundred requests
def test_fabrikam_is_closed_with_its_own_app_whose_token_is_proven_in_each_wave(tmp_path: Path) -> None:
    senders = {"pilot": "sara.vogel", "copiers": "scanner", "tenant": "reports"}
    boxes = [{"address": f"{each}@fabrikam.example", "protocols": ["smtp"]} for each in senders.values()]
    # How it gets tokens is for notebook 20 to say: a certificate's assertion is dated by this machine's clock.
    apps = [{"name": "relay", "client_id": stories.world_of("fabrikam").app("relay").app_id}]
    closing = excepting("fabrikam", ERP)
    with closing_in(tmp_path, "fabrikam", closing=closing, mailboxes=boxes, mail_apps=apps) as lab:
        lab.mend("relay")
        rows = [mail(ERP, ago=ago) for ago in range(1, 20)]
        for wave, account in senders.items():
            shown = until_closed(lambda: lab.run, lambda: lab.pass_time(LONG), wave, rows)
            assert any(f"{account}@fabrikam.example" in each and " ok " in each for each in shown)
        assert shown[-1].count("closed (proven)") >= 3
        assert lab.takes_passwords() == {ERP}
        path = lab.folder / "fabrikam" / "evidence" / "60-close-basic.json"
        data = json.loads(path.read_text(encoding="utf-8"))["data"]
        proven = {each["mailbox"] for each in data["proofs"] if each["kind"] == "oauth" and each["good"]}
        assert proven == {each["address"] for each in boxes}
        assert [each["provable"] for each in data["waves"]][:2] == [[each["address"]] for each in boxes[:2]]


def elsewhere(lab: Lab, folder: Path) -> Run:
    """Return a run of another engineer, on a machine that knows nothing of this one's reports and receipts."""
    return replace(lab.run, folder=folder / "woodgrove")


def test_two_engineers_on_two_machines_close_what_the_other_began_and_neither_opens_it(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        runs = [lambda: lab.run, lambda: elsewhere(lab, tmp_path / "other")]
        shown: list[str] = []
        for number in range(12):
            run = runs[number % 2]()
            leave_sign_ins(run)
            shown.append(walked(run, wave="pilot", apply=True, try_password=True))
            if number and all("Wave pilot: closed (proven)" in each for each in shown[-2:]):
                break
            lab.pass_time(hours=13)
        assert all("Wave pilot: closed (proven)" in each for each in shown[-2:])
        made = [
            len(list((folder / "woodgrove" / "receipts").glob("*.jsonl")))
            for folder in (lab.folder, tmp_path / "other")
        ]
        with lab.practice.states.reading("woodgrove") as tenant:
            names = [each.name for each in tenant.exchange.authentication_policies]
        # Whoever came second found the policy, and made none beside it.
        assert (names, made[0] >= 1) == (["Block Basic SMTP"], True)


def test_two_engineers_at_one_folder_try_the_canarys_password_once(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        leave_sign_ins(lab.run)
        walked(lab.run, wave="pilot", apply=True)
        lab.pass_time(hours=25)
        leave_sign_ins(lab.run)
        first, second = (walked(lab.run, wave="pilot", try_password=True) for _ in range(2))
        assert "A password is refused, as it should be" in first
        assert "It was tried at " in second


def test_a_try_of_which_only_the_sign_in_log_tells_counts_for_the_other_engineer(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        leave_sign_ins(lab.run)
        walked(lab.run, wave="pilot", apply=True)
        lab.pass_time(hours=25)
        leave_sign_ins(lab.run, [mail(CANARY)])
        path = lab.folder / "woodgrove" / "evidence" / "10-find-basic-auth.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        (group,) = record["data"]["groups"]
        group["last_success"] = group["last_seen"] = evidence.plain(lab.run.now() - timedelta(minutes=30))
        path.write_text(json.dumps(record), encoding="utf-8")
        shown = walked(lab.run, wave="pilot", try_password=True)
        assert "It was tried at " in shown
        assert "The sign-in log shows that it was taken." in shown
        assert "Wave pilot: closed (proven)" not in shown


LOST = ("New-AuthenticationPolicy", "Set-User", "Set-CASMailbox", "Set-OrganizationConfig", "Set-TransportConfig")


@pytest.mark.parametrize(
    "cmdlet",
    [pytest.param(each, marks=[] if each == "Set-User" else pytest.mark.full) for each in LOST],
)
def test_after_a_reply_that_got_lost_it_goes_on_to_the_end_and_takes_all_of_it_back(
    tmp_path: Path, cmdlet: str
) -> None:
    with shutting(tmp_path) as lab:
        with lab.practice.states.changing("woodgrove") as tenant:
            box = tenant.exchange.mailbox(ADA)
            assert box is not None
            box.smtp_auth_disabled = None
        before = lab.exchange()
        lab.practice.faults.add("exchange", "drop", operation=cmdlet)
        for _ in range(14):
            leave_sign_ins(lab.run)
            walked(lab.run, apply=True, try_password=True)
            if set(lab.words(lab.run.closing.look()).values()) == {"closed"}:
                break
            lab.pass_time(hours=25)
        assert set(lab.words(lab.run.closing.look()).values()) == {"closed"}
        assert lab.practice.faults.armed == ()
        assert lab.exchange() != before
        for wave in ("tenant", "pilot"):
            leave_sign_ins(lab.run)
            walked(lab.run, undo=wave, apply=True)
        assert lab.exchange() == before


def test_an_undo_of_a_day_later_stops_at_a_switch_that_somebody_turned_on_meanwhile(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        leave_sign_ins(lab.run)
        switched(lab, ADA, off=True)
        walked(lab.run, wave="pilot", apply=True)
        lab.pass_time(hours=25)
        switched(lab, ADA, off=False)
        with pytest.raises(ConfigurationError, match=rf"^undo: without its policy Basic would be open on {ADA}: "):
            walked(lab.run, undo="pilot", apply=True)
        assert "Wave pilot: open" not in walked(lab.run, wave="pilot")
        switched(lab, ADA, off=True)
        walked(lab.run, undo="pilot", apply=True)
        assert "Wave pilot: open" in walked(lab.run, wave="pilot")


def test_a_canary_that_signs_in_by_another_name_than_its_address_proves_the_wave(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        with lab.practice.states.changing("woodgrove") as tenant:
            user = tenant.directory.user(CANARY)
            assert user is not None
            user.user_principal_name = "door.test@woodgrove.example"
        shown = until_closed(lambda: lab.run, lambda: lab.pass_time(hours=25), "pilot")
        assert "A password is refused, as it should be" in shown[-1]
        assert "door.test@woodgrove.example by SMTP" in shown[-1]
