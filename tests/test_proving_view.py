"""What notebook 50 shows: green only after a command, hostile text as text, a form that tries one mailbox."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailauth import matrix, proving
from mailauth.clouds import built_in
from mailauth.errors import ConfigurationError
from mailauth.proof import Attempt, Line, NoToken, Outcome, Stage, Talk, Tls
from mailauth.proving import Gathered, Proof, Tried
from mailauth.recently import Recent
from mailauth.secretrefs import SecretRef
from mailauth.signs import Change
from mailauth.tenants import Flow, MailApp, Mailbox, Protocol, Tenant
from mailauth.tokens import Finding
from mailauth.views import proving as views
from mailauth.views import trying
from tests.sealing import sealed

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
APP = "11111111-1111-1111-1111-111111111111"
TENANT = Tenant(
    name="x",
    tenant_id="x.example",
    cloud=built_in()["public"],
    mail_apps=(MailApp(name="daemon", client_id=APP, flows=(Flow(kind="secret", secret=SecretRef("env", "A")),)),),
    mailboxes=(Mailbox(address="ada@x.example"), Mailbox(address="bob@x.example", protocols=("imap",))),
)
ROWS = {(row.mailbox, row.protocol): row for row in matrix.rows(TENANT)}
HOSTILE = "NO <script>alert(1)</script>\x1b[31m \u202egnp"
CLAIMS = {"aud": "https://outlook.office.com", "roles": ["IMAP.AccessAsApp"], "idtyp": "app"}
TLS = Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "outlook.com", "DigiCert", ("*.outlook.com",), NOW)


def tried(
    outcome: Outcome = "ok",
    reply: str = "",
    *,
    box: str = "ada@x.example",
    protocol: Protocol = "imap",
    stage: Stage = "done",
    findings: tuple[Finding, ...] = (),
    **more: Any,
) -> Tried:
    lines = (Line(1, "note", "connected to 192.0.2.1"), Line(20, "received", reply or "* OK"))
    talk = Talk(protocol, "h:993", outcome, stage, reply, tls=TLS, address="192.0.2.1", lines=lines, took_ms=41)
    spoken = None if outcome in ("no_token", "skipped") else talk
    claims = {} if outcome == "no_token" else CLAIMS
    attempt = Attempt(box, protocol, "daemon", APP, "secret", outcome, NOW, claims=claims, talk=spoken, **more)
    return Tried(ROWS[box, protocol], attempt, findings, 0 if outcome == "no_token" else 1_482)


def proof(*all_tried: Tried, gathered: Gathered | None = None, **more: Any) -> Proof:
    known = gathered or Gathered()
    explained = proving.explained(all_tried, (), known, TENANT, now=NOW + timedelta(seconds=5))
    return Proof(all_tried, explained, known, **more)


REFUSED = tried("refused", "NO AUTHENTICATE failed.", stage="authenticate")
NO_TOKEN = tried("no_token", no_token=NoToken("AADSTS7000222", "invalid_client", "The keys are expired."))
OUTCOMES = {
    "ok": (tried(), "ok"),
    "refused": (REFUSED, "refused"),
    "unreachable": (tried("unreachable", stage="connect"), "unreachable"),
    "no token": (NO_TOKEN, "no token"),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_outcome_has_its_word_and_only_ok_is_green(name: str) -> None:
    one, word = OUTCOMES[name]
    table = views.matrix(proof(one))
    assert word in str(table)
    assert ('class="badge ok"' in table.html()) == (name == "ok")


def test_a_manager_reads_what_works_and_what_does_not() -> None:
    both = proof(tried(), replace_box(REFUSED))
    assert "OAuth works for 1 of 2 mailboxes by every way that was tried" in str(views.summary(both))
    assert "OAuth works: 1 mailbox answered a command" in str(views.summary(proof(tried())))
    assert "no token was sent to any of 1 mailbox." in str(views.summary(proof(NO_TOKEN)))


def replace_box(one: Tried) -> Tried:
    return tried("refused", "NO AUTHENTICATE failed.", stage="authenticate", box="bob@x.example")


def test_alike_refusals_share_a_table_and_each_cause_has_its_reasons() -> None:
    shown = views.causes(proof(REFUSED, replace_box(REFUSED))).views
    text = "\n".join(map(str, shown))
    assert text.count("ada@x.example and 1 other mailbox by IMAP") >= 1
    assert "I2" in text
    assert "fit equally" in text
    assert "Get-ServicePrincipal" in text


def test_nothing_refused_is_nothing_to_explain() -> None:
    assert "Nothing was refused" in str(views.causes(proof(tried())).views[0])


def test_without_an_app_nothing_is_good_news_and_the_next_step_is_named() -> None:
    said = "No mail app is in the tenants file for this tenant: notebook 20 registers one."
    one = tried("no_token", no_token=NoToken("not_registered", said=said))
    found = Proof((replace(one, row=replace(one.row, flow=None, said=said)),), (), Gathered())
    for view in (views.summary(found), views.matrix(found), *views.causes(found).views):
        assert said in str(view)
    assert "Nothing was refused" not in str(views.causes(found).views[0])
    assert "not_registered" not in str(views.matrix(found))


def test_too_early_names_the_time() -> None:
    change = Change("full_access", NOW - timedelta(minutes=4), "Let daemon open ada@x.example")
    known = Gathered(recent=(Recent(change, "ada@x.example"),))
    found = proof(REFUSED, gathered=known)
    assert "too early, retest at 12:26 UTC" in str(views.matrix(found))
    assert "retest at 12:26 UTC" in str(views.summary(found))
    assert "12:26" in "".join(map(str, views.causes(found).views))


def test_a_change_of_another_mailbox_is_no_reason_to_wait() -> None:
    change = Change("full_access", NOW - timedelta(minutes=4), "Let daemon open bob@x.example")
    assert proof(REFUSED, gathered=Gathered(recent=(Recent(change, "bob@x.example"),))).retest_at is None


def test_hostile_text_stays_text_everywhere() -> None:
    found = proof(tried("refused", HOSTILE, stage="command"))
    shown = [views.summary(found), views.matrix(found), *views.causes(found).views, *views.transcripts(found).views]
    page, text = "".join(view.html() for view in shown), "".join(map(str, shown))
    assert "<script" not in page
    assert "\x1b" not in page + text
    assert "\u202e" not in text
    assert "alert(1)" in page


def test_a_token_is_shown_by_its_length_and_its_claims() -> None:
    finding = Finding("role", "stops", ("I5",), "The token lacks the role POP.AccessAsApp.", "Consent.")
    found = proof(replace(tried(), findings=(finding,)))
    text = "".join(map(str, views.tokens(found).views))
    assert "1,482 characters, not shown" in text
    assert "IMAP.AccessAsApp" in text
    assert "The token lacks the role POP.AccessAsApp." in text


def test_tls_and_transcript_say_what_was_negotiated_and_said() -> None:
    found = proof(tried())
    assert all(word in str(views.tls(found)) for word in ("TLSv1.3", "DigiCert", "*.outlook.com", "192.0.2.1"))
    [code] = views.transcripts(found).views
    assert "20 ms < * OK" in str(code)
    assert "# connected to 192.0.2.1" in str(code)


def test_a_token_that_was_withheld_is_explained_by_the_token() -> None:
    finding = Finding("graph", "stops", ("I1",), "The token is for Microsoft Graph.", "Ask for another.")
    one = tried("skipped", findings=(finding,), said="The token was not sent: it is for another service.")
    found = proof(one)
    assert (one.withheld, one.good, found.good) == (True, False, False)
    assert "not sent" in str(views.matrix(found))
    assert "I1" in "".join(map(str, views.causes(found).views))


@pytest.mark.parametrize(
    ("outcome", "reply", "state"),
    [
        ("ok", "", "open"),
        ("refused", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [X]", "closed"),
        ("refused", "550 5.7.30 Basic authentication is not supported for Client Submission.", "closed"),
        ("refused", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [X]", "unknown"),
        ("refused", "535 something new", "unknown"),
        ("unreachable", "", "unknown"),
    ],
)
def test_a_refused_password_is_a_closed_door_only_where_the_words_say_so(
    outcome: Outcome, reply: str, state: str
) -> None:
    talk = Talk("smtp", "h:587", outcome, "authenticate", reply)
    found = proving.closed("ada@x.example", talk, now=NOW)
    assert found.state == state
    words = {"open": "still opens", "closed": "as it should be", "unknown": "Whether passwords"}
    assert words[state] in str(views.closed(found))


# --- the form -------------------------------------------------------------------------------------


def form(prove: Callable[..., Proof]) -> trying.Trial:
    return trying.Trial(TENANT, prove)


def test_the_form_tries_what_was_typed() -> None:
    asked: list[dict[str, str]] = []

    def prove(**given: str) -> Proof:
        asked.append(given)
        return proof(tried())

    panel = trying._Panel(form(prove))
    panel.fields["protocols"].value = "imap"
    panel.field.inbox.set_state({"value": sealed("ada@x.example", panel.field.key)})
    assert asked == [{"mailboxes": "ada@x.example", "protocols": "imap", "app": "", "flow": ""}]


def test_the_form_says_what_is_wrong_and_hints_where_nothing_is_typed() -> None:
    def prove(**_: str) -> Proof:
        raise ConfigurationError("mailboxes: found 'x'; expected an address.", remedy="Write one.")

    assert "could not be tried" in str(form(prove).results(mailboxes="x")[0])
    assert "Set mailboxes in the first cell" in str(form(prove).results()[0])
