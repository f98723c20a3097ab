"""Proving a practice tenant: no cause where all is in order, else the cause, and no more is read than needed."""

import _thread
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailauth import cli
from mailauth.errors import ConfigurationError
from mailauth.proving import Proof
from mailauth.views import proving
from practice.cloud import Cloud
from practice.state import ManagementRoleAssignment, ManagementScope
from practice.wellknown import SIGN_IN_WORD
from tests import leaks
from tests.practice import mailing, windows
from tests.practice.granting import without_smtp_consent
from tests.practice.mailing import ADA, INVOICES
from tests.practice.mailrefusals import both, having, principal_of, ungranted
from tests.practice.provable import READER_SECRET, Lab, kept, provable
from tests.practice.woodgrove import SECRET, TENANT, Woodgrove


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with provable(tmp_path_factory.mktemp("order")) as lab:
        yield lab


def first(proof: Proof, protocol: str = "imap") -> tuple[str, str]:
    """Return the first cause of Ada's refusal by a protocol, and how sure it is."""
    [each] = [one for one in proof.explained if (one.tried.row.mailbox, one.tried.row.protocol) == (ADA, protocol)]
    ranked = each.diagnosis.first
    return (ranked.cause.id, ranked.standing) if ranked else ("", "")


def test_a_tenant_in_order_is_proven_and_nothing_is_read_about_it(order: Lab) -> None:
    proof = order.prove()
    assert [each.attempt.outcome for each in proof.tried] == ["ok"] * 6
    assert {each.attempt.talk.stage for each in proof.tried if each.attempt.talk} == {"done"}
    assert (proof.good, proof.explained, proof.gathered.coverage) == (True, (), ())
    assert len({each.characters for each in proof.tried}) == 1


def test_rows_keep_their_order_however_they_end(order: Lab) -> None:
    rows = order.run.proofs.rows()
    proof = order.run.proofs.attempts(rows)
    assert tuple(each.row for each in proof.tried) == rows


def test_a_mailbox_that_nobody_wrote_down_is_tried_by_its_address(order: Lab) -> None:
    proof = order.prove(mailboxes="admin@woodgrove.example", protocols="imap")
    [tried] = proof.tried
    assert tried.attempt.outcome == "refused"
    assert proof.explained[0].diagnosis.first is not None
    assert proof.explained[0].diagnosis.first.cause.id in ("I4", "I10")


BROKEN = {
    "I2": principal_of(lambda made: made.daemon.id),
    "I3": lambda made: made.estate.tenant.exchange.principals.clear(),
    "I10": both(ungranted, having("exchange", ungranted_apps="not connected")),
    "I12": having("ada_box", imap_enabled=False),
}


@pytest.mark.parametrize("row", BROKEN)
def test_a_refusal_is_explained_by_what_exchange_says(row: str, tmp_path: Path) -> None:
    with provable(tmp_path, broken=BROKEN[row]) as lab:
        proof = lab.prove(protocols="imap")
    assert first(proof)[0] == row
    assert proof.gathered.organization is not None
    assert proof.gathered.effective


def sending_by_role(made: Woodgrove) -> None:
    """Have the daemon send by a role in Exchange, whose scope holds one mailbox."""
    without_smtp_consent(made)
    exchange = made.estate.tenant.exchange
    exchange.management_scopes.append(ManagementScope(name="Invoices", filter=f"PrimarySmtpAddress -eq '{INVOICES}'"))
    app = exchange.principals[0].object_id
    exchange.role_assignments.append(
        ManagementRoleAssignment(name="Send", role="Application SMTP.SendAsApp", assignee=app, scope="Invoices")
    )


def test_whether_a_role_covers_a_mailbox_is_asked_of_exchange(tmp_path: Path) -> None:
    with provable(tmp_path, broken=sending_by_role, smtp="rbac") as lab:
        proof = lab.prove(protocols="smtp")
    assert [each.attempt.outcome for each in proof.tried] == ["refused", "ok"]
    assert first(proof, "smtp")[0] == "T5"
    assert [dict(each) for each in proof.gathered.known.values()] == [{"rbac_missing": True}]


def test_what_may_not_be_read_stays_unknown_and_nothing_is_certain(tmp_path: Path) -> None:
    with provable(tmp_path, broken=BROKEN["I2"], reads=False) as lab:
        proof = lab.prove(mailboxes=ADA, protocols="imap")
    [each] = proof.explained
    assert {"I2", "I3", "I4"} <= {one.cause.id for one in each.diagnosis.causes}
    assert {one.standing for one in each.diagnosis.causes} <= {"possible", "likely"}
    assert each.diagnosis.undecided
    assert {one.state for one in proof.gathered.coverage} == {"unknown"}


def test_what_the_number_says_needs_no_look(tmp_path: Path) -> None:
    wrong = kept(tmp_path, "wrong.secret", "woodgrove~wrong~Q8~only-in-tests")
    with provable(tmp_path, flows=lambda *_: [{"kind": "secret", "secret": wrong}]) as lab:
        proof = lab.prove(mailboxes=ADA)
    assert {each.attempt.outcome for each in proof.tried} == {"no_token"}
    assert first(proof) == ("AADSTS7000215", "certain")
    assert proof.gathered.organization is None


def test_a_token_for_another_service_is_sent_to_nobody(tmp_path: Path) -> None:
    def flows(practice: Cloud, made: Woodgrove, secret: str) -> list[dict[str, str]]:
        token = mailing.app_only(practice, made, aud="https://graph.microsoft.com")
        return [{"kind": "token", "token": kept(tmp_path, "brought.token", token)}]

    with provable(tmp_path, flows=flows) as lab:
        proof = lab.prove(mailboxes=ADA, protocols="imap")
    [tried] = proof.tried
    assert (tried.withheld, tried.good, tried.attempt.talk) == (True, False, None)
    assert [cause.id for _, cause in proof.explained[0].by_token] == ["I1"]
    assert "not sent" in str(proving.matrix(proof))


def test_without_a_person_a_persons_flow_is_left_out_and_named(tmp_path: Path) -> None:
    with provable(tmp_path, client=True, flows=lambda *_: [{"kind": "device-code"}]) as lab:
        proof = lab.prove()
    assert {each.good for each in proof.tried} == {None}
    assert not proof.good
    assert "name the flow" in str(proving.summary(proof))


def test_a_person_signs_in_once_for_an_own_mailbox_and_a_shared_one(tmp_path: Path) -> None:
    with provable(tmp_path, client=True, flows=lambda *_: [{"kind": "interactive"}]) as lab:
        before = _sign_ins(lab)
        with windows.opening(windows.person(lab.practice, ADA)):
            proof = lab.prove(flow="interactive", signs_in=ADA)
        made = _sign_ins(lab) - before
    assert [each.attempt.outcome for each in proof.tried] == ["ok"] * 6, [each.attempt for each in proof.tried]
    assert {each.attempt.user for each in proof.tried} == {ADA}
    [sends] = [each for each in proof.tried if (each.row.mailbox, each.row.protocol) == (INVOICES, "smtp")]
    assert sends.attempt.mailbox == ADA
    assert sends.attempt.talk is not None
    assert f"MAIL FROM:<{INVOICES}>" in [line.text for line in sends.attempt.talk.lines]
    assert "signed in as ada@woodgrove.example" in str(proving.matrix(proof))
    assert made == 1


def _sign_ins(lab: Lab) -> int:
    now = lab.practice.backend.now() + timedelta(minutes=1)
    return sum(1 for _ in lab.practice.backend.ledger.sign_ins(TENANT, now=now, tables=("SigninLogs",)))


def test_where_nobody_sits_there_a_persons_flow_is_no_token_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_PROGRESS", str(tmp_path / "progress"))
    with provable(tmp_path, client=True, flows=lambda *_: [{"kind": "device-code"}]) as lab:
        proof = lab.prove(flow="device-code", signs_in=ADA)
    assert {each.attempt.outcome for each in proof.tried} == {"no_token"}
    assert {each.attempt.user for each in proof.tried} == {ADA}
    assert not proof.good


def test_too_early_is_waited_for_and_tried_again(tmp_path: Path) -> None:
    with provable(tmp_path, broken=both(ungranted, having("exchange", ungranted_apps="refused"))) as lab:
        lab.practice.faults.exchange_lag = timedelta(minutes=40)
        found = lab.run.mailboxes.look()
        receipt = lab.run.carry_out(lab.run.mailboxes.plan(found), apply=True)
        assert receipt.whole
        proof = lab.prove(mailboxes=ADA, protocols="imap")
        assert not proof.good
        at = proof.retest_at
        assert at is not None
        assert f"retest at {at:%H:%M} UTC" in str(proving.matrix(proof))
        assert lab.run.proofs.retest(proof, minutes=1) is proof
        assert lab.run.proofs.retest(proof, minutes=0) is proof
        lab.waits.clear()
        again = lab.run.proofs.retest(proof, minutes=120)
        assert again.good, [each.attempt for each in again.tried]
        assert 20 * 60 < sum(lab.waits) < 120 * 60


@pytest.mark.parametrize("minutes", [-1, 1_441])
def test_a_wait_out_of_range_is_refused(minutes: int, order: Lab) -> None:
    with pytest.raises(ConfigurationError, match="minutes to wait"):
        order.run.proofs.retest(Proof(()), minutes=minutes)


def test_experiments_are_offered_and_count(tmp_path: Path) -> None:
    with provable(tmp_path, broken=BROKEN["I12"], reads=False) as lab:
        proof = lab.prove(mailboxes=ADA, protocols="imap")
        offered = lab.run.proofs.controls(proof)
        assert (INVOICES, "imap") in {(row.mailbox, row.protocol) for row in offered}
        made = lab.run.proofs.control(proof)
    assert {each.attempt.outcome for each in made.controls} == {"ok"}
    assert lab.run.proofs.controls(made) == ()
    assert len(made.tried) == 1


def test_ctrl_c_keeps_what_ended(order: Lab) -> None:
    rows = order.run.proofs.rows() * 5
    ended: list[str] = []

    def tell(line: str) -> None:
        ended.append(line)
        if line.startswith("3 of"):
            _thread.interrupt_main()

    proof = replace(order.run, tell=tell).proofs.attempts(rows, at_once=2)
    outcomes = [each.attempt.outcome for each in proof.tried]
    assert proof.interrupted
    assert len(outcomes) == 30
    assert 2 <= outcomes.count("ok") < 30
    assert outcomes.count("ok") + outcomes.count("skipped") == 30
    assert not proof.good


def test_an_unreachable_server_is_called_so(tmp_path: Path) -> None:
    with provable(tmp_path, hosts=lambda _: {"imap": "localhost:9"}) as lab:
        proof = lab.prove(mailboxes=ADA, protocols="imap")
    assert [each.attempt.outcome for each in proof.tried] == ["unreachable"]
    assert proof.gathered.organization is None


# --- passwords ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("basic", "word", "state"),
    [("on", SIGN_IN_WORD, "open"), ("removed", SIGN_IN_WORD, "closed"), ("on", "not the word", "unknown")],
    ids=["let in", "refused as such", "a wrong one"],
)
def test_one_try_tells_whether_passwords_are_refused(basic: str, word: str, state: str, tmp_path: Path) -> None:
    with provable(tmp_path, broken=having("exchange", basic_smtp=basic)) as lab:
        asked = f"{ADA}={kept(tmp_path, 'word', word)}"
        found = lab.run.proofs.try_password(asked)
    assert found is not None
    assert (found.state, found.talk.protocol) == (state, "smtp"), found
    assert word not in repr(found)


def test_no_password_is_tried_where_nobody_asks(order: Lab) -> None:
    assert order.run.proofs.try_password("") is None


@pytest.mark.parametrize("asked", ["ada", f"{ADA}=horse battery", f"{ADA}=env:NOT_THERE_AT_ALL", f"={ADA}"])
def test_a_password_without_address_or_reference_is_refused_and_not_shown(asked: str, order: Lab) -> None:
    with pytest.raises(ConfigurationError, match="try_password_of") as caught:
        order.run.proofs.try_password(asked)
    assert "horse" not in str(caught.value)


# --- the command ----------------------------------------------------------------------------------


def command(lab: Lab, *arguments: str) -> tuple[int, str]:
    where = ["--tenant", "woodgrove", "--config", str(lab.config), "--out", str(lab.config.parent / "out")]
    done = CliRunner().invoke(cli.commands, ["prove", *where, *arguments], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.return_value, done.stdout


def test_the_command_ends_with_0_where_all_is_well(order: Lab) -> None:
    status, shown = command(order, "--mailbox", ADA, "--protocol", "imap", "--protocol", "pop")
    assert (status, "OAuth works: 1 mailbox" in shown) == (0, True)
    assert shown.count(" ok ") == 2


def test_the_command_ends_with_1_and_names_the_cause(order: Lab) -> None:
    order.practice.faults.add("imap", "drop", times=1)
    status, shown = command(order, "--mailbox", ADA, "--protocol", "imap")
    assert (status, "unreachable" in shown) == (1, True)


def test_the_command_speaks_json_for_monitoring(order: Lab) -> None:
    status, shown = command(order, "--mailbox", ADA, "--protocol", "imap", "--json")
    [attempt] = json.loads(shown)["data"]["attempts"]
    assert (status, attempt["outcome"], attempt["stage"]) == (0, "ok", "done")
    assert attempt["transcript"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--protocol", "smtps"],
        ["--mailbox", "nobody"],
        ["--app", "other"],
        ["--flow", "password"],
        ["--wait", "-1"],
        ["--signs-in", "x"],
        ["--try-password-of", "x"],
    ],
    ids=lambda each: " ".join(each),
)
def test_the_command_refuses_what_is_wrong(arguments: list[str], order: Lab) -> None:
    with pytest.raises(ConfigurationError, match=r"found|minutes"):
        command(order, *arguments)


# --- secrets --------------------------------------------------------------------------------------


def test_neither_token_nor_secret_is_in_anything_that_is_left_or_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    canary: dict[str, str] = {}

    def flows(practice: Cloud, made: Woodgrove, secret: str) -> list[dict[str, str]]:
        good = mailing.app_only(practice, made)
        # The first part of a token is the same in all of them, and no secret.
        canary["token"] = good.partition(".")[2]
        reference = kept(tmp_path, "brought.token", good)
        return [{"kind": "token", "token": reference}, {"kind": "secret", "secret": secret}]

    with caplog.at_level(logging.DEBUG), provable(tmp_path, flows=flows, broken=BROKEN["I12"]) as lab:
        proof = lab.run.proofs.diagnosed(lab.run.proofs.attempts(lab.run.proofs.rows(), show_folders=True))
        word = f"{ADA}={kept(tmp_path, 'word', SIGN_IN_WORD)}"
        closed = lab.run.proofs.try_password(word)
        lab.run.proofs.keep(proof, closed)
        _, shown = command(lab, "--json")
    assert {each.attempt.outcome for each in proof.tried} == {"ok", "refused"}
    views = [
        *proving.result(proof).views,
        *proving.tokens(proof).views,
        *proving.transcripts(proof).views,
        proving.tls(proof),
        proving.closed(closed),
    ]
    texts = {"html": "".join(map(str, (view.html() for view in views))), "text": "".join(map(str, views))}
    texts |= {"repr": repr((proof, closed)), "log": caplog.text, "json": shown}
    secrets = {"daemon": SECRET, "reader": READER_SECRET, "word": SIGN_IN_WORD, **canary}
    assert leaks.search(secrets, folders=[tmp_path / "out"], texts=texts) == []
