"""Who may submit: the switches, scoped roles, and passwords while they count; the failure catalogue on the wire."""

import base64
import smtplib
import socket
import time
from datetime import timedelta
from typing import Any

import pytest

from practice import cloud
from practice.faults import Face
from practice.limits import MailLimits
from practice.state import (
    AuthenticationPolicy,
    ConditionalAccessPolicy,
    ManagementRoleAssignment,
    ManagementScope,
)
from practice.wellknown import SIGN_IN_WORD
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES, Raw
from tests.practice.mailrefusals import (
    IMAP_NO,
    IMAP_OK,
    OFF,
    SMTP_NO,
    SMTP_OK,
    UNSUCCESSFUL,
    Break,
    Kind,
    both,
    exchange,
    having,
    token_of,
    unchanged,
    ungranted,
)
from tests.practice.woodgrove import TENANT, Woodgrove

pytest_plugins = ["tests.practice.mailfixtures"]


@pytest.mark.parametrize(
    ("tenant", "mailbox", "said"),
    [
        pytest.param(True, None, OFF.format("Tenant"), id="S1"),
        pytest.param(True, True, OFF.format("Mailbox"), id="S2: both"),
        pytest.param(False, True, OFF.format("Mailbox"), id="S2"),
        pytest.param(True, False, SMTP_OK[0], id="the mailbox's switch wins"),
        pytest.param(False, None, SMTP_OK[0], id="inherited"),
    ],
)
@pytest.mark.parametrize("kind", ["delegated", "app"])
def test_the_submission_switch_turns_oauth_off_too(
    tenant: bool, mailbox: bool | None, said: str, kind: Kind, practice: cloud.Cloud, served: Woodgrove
) -> None:
    with mailing.changing(practice, served):
        exchange(served).smtp_auth_disabled, served.ada_box.smtp_auth_disabled = tenant, mailbox
    assert mailing.sign_in(practice, "smtp", ADA, token_of(practice, served, kind, {}))[0] == said


def test_a_shared_mailbox_without_a_licence_is_no_submission_identity(practice: cloud.Cloud, served: Woodgrove) -> None:
    """S11: IMAP takes the same token; a licence, or the app, helps."""
    token = mailing.delegated(practice, served)
    assert mailing.sign_in(practice, "smtp", INVOICES, token) == SMTP_NO
    assert mailing.sign_in(practice, "imap", INVOICES, token) == IMAP_OK
    assert mailing.sign_in(practice, "smtp", INVOICES, mailing.app_only(practice, served)) == SMTP_OK
    owner = served.estate.tenant.directory.user(INVOICES)
    assert owner is not None
    with mailing.changing(practice, served):
        owner.licensed = True
    assert mailing.sign_in(practice, "smtp", INVOICES, token) == SMTP_OK


def _rbac(served: Woodgrove, scope: str, text: str = "") -> None:
    ungranted(served)
    if text:
        exchange(served).management_scopes.append(ManagementScope(name=scope, filter=text))
    held = ManagementRoleAssignment(
        name="mail", role="Application SMTP.SendAsApp", assignee=served.daemon_principal.id, scope=scope
    )
    exchange(served).role_assignments.append(held)


@pytest.mark.parametrize(
    ("scope", "text", "roles", "said"),
    [
        pytest.param("", "", None, SMTP_OK, id="unscoped"),
        pytest.param("Ada", f"PrimarySmtpAddress -eq '{ADA}'", None, SMTP_OK, id="in scope"),
        pytest.param("Other", f"PrimarySmtpAddress -eq '{INVOICES}'", None, SMTP_NO, id="out of scope"),
        pytest.param("Gone", "", None, SMTP_NO, id="no such scope"),
        pytest.param("", "", ["SMTP.SendAsApp"], SMTP_NO, id="S9: the role was consented too"),
    ],
)
def test_rbac_for_applications_takes_a_token_without_the_role(
    scope: str, text: str, roles: list[str] | None, said: tuple[str, str], practice: cloud.Cloud, served: Woodgrove
) -> None:
    with mailing.changing(practice, served):
        _rbac(served, scope, text)
    assert mailing.sign_in(practice, "smtp", ADA, mailing.app_only(practice, served, roles=roles)) == said
    assert mailing.sign_in(practice, "imap", ADA, mailing.app_only(practice, served, roles=roles)) == IMAP_NO


def _policy(*, block: bool) -> ConditionalAccessPolicy:
    return ConditionalAccessPolicy(
        display_name="Block legacy authentication",
        conditions={
            "users": {"includeUsers": ["All"]},
            "clientAppTypes": ["exchangeActiveSync", "other"],
            "applications": {"includeApplications": ["All"]},
        },
        grant_controls={"operator": "OR", "builtInControls": ["block" if block else "mfa"]},
    )


def _authentication_policy(assigned: str, **allow: bool) -> Break:
    def act(served: Woodgrove) -> None:
        exchange(served).authentication_policies = [
            AuthenticationPolicy(name="Strict"),
            AuthenticationPolicy(name="Lax", allow_basic={"Smtp": True}),
        ]
        if assigned.startswith("default "):
            exchange(served).default_authentication_policy = assigned.removeprefix("default ")
        else:
            served.ada_box.authentication_policy = assigned
            exchange(served).default_authentication_policy = "Strict" if assigned == "Lax" else "Lax"

    return act


S3 = UNSUCCESSFUL + "basic authentication is disabled."
S4 = UNSUCCESSFUL + "the user credentials were incorrect."
S5 = (
    UNSUCCESSFUL + "the request did not meet the criteria to be authenticated successfully. Contact your administrator."
)
S6 = UNSUCCESSFUL + ("user is locked by your organization's security defaults policy. Contact your administrator.")
S7 = "550 5.7.30 Basic authentication is not supported for Client Submission."


@pytest.mark.parametrize(
    ("broken", "word", "said", "row"),
    [
        pytest.param(having("exchange", smtp_auth_disabled=True), SIGN_IN_WORD, OFF.format("Tenant"), None, id="S1"),
        pytest.param(having("ada_box", smtp_auth_disabled=True), SIGN_IN_WORD, OFF.format("Mailbox"), None, id="S2"),
        pytest.param(_authentication_policy("default Strict"), SIGN_IN_WORD, S3, None, id="S3: the default policy"),
        pytest.param(_authentication_policy("Strict"), SIGN_IN_WORD, S3, None, id="S3: the user's beats the default"),
        pytest.param(_authentication_policy("Lax"), SIGN_IN_WORD, "", 0, id="the user's own policy allows"),
        pytest.param(having("exchange", basic_smtp="off by default"), SIGN_IN_WORD, S3, None, id="S3: off by default"),
        pytest.param(
            both(having("exchange", basic_smtp="off by default"), _authentication_policy("default Lax")),
            SIGN_IN_WORD,
            "",
            0,
            id="a policy overrules the default",
        ),
        pytest.param(having("exchange", basic_smtp="removed"), SIGN_IN_WORD, S7, None, id="S7"),
        pytest.param(unchanged, "not the password", S4, 50126, id="S4: wrong"),
        pytest.param(
            lambda served: served.estate.tenant.directory.policies.conditional_access.append(_policy(block=False)),
            SIGN_IN_WORD,
            S5,
            53003,
            id="S5: a second factor that nobody can be asked for",
        ),
        pytest.param(having("ada", password_expired=True), SIGN_IN_WORD, S4, 50055, id="S4: expired"),
        pytest.param(
            lambda served: served.estate.tenant.directory.policies.conditional_access.append(_policy(block=True)),
            SIGN_IN_WORD,
            S5,
            53003,
            id="S5: Conditional Access",
        ),
        pytest.param(
            lambda served: setattr(served.estate.tenant.directory.policies, "security_defaults", True),
            SIGN_IN_WORD,
            S6,
            530035,
            id="S6: security defaults",
        ),
        pytest.param(unchanged, SIGN_IN_WORD, "", 0, id="in order"),
    ],
)
def test_a_password_is_refused_by_exchange_or_by_entra(
    broken: Break, word: str, said: str, row: int | None, practice: cloud.Cloud, served: Woodgrove
) -> None:
    """What Exchange refuses itself leaves no sign-in row."""
    with mailing.changing(practice, served):
        broken(served)
    before = len(rows(practice))
    assert _login(practice, ADA, word) == said
    new = [one["status"]["errorCode"] for one in rows(practice)[before:]]
    assert new == ([] if row is None else [row])


def rows(practice: cloud.Cloud) -> list[dict[str, Any]]:
    """Return the tenant's sign-in rows, oldest first."""
    found = practice.backend.ledger.sign_ins(TENANT, now=practice.backend.now() + timedelta(minutes=1))
    return sorted((dict(one) for one in found), key=lambda one: str(one["createdDateTime"]))


def _login(practice: cloud.Cloud, user: str, word: str) -> str:
    with mailing.smtp(practice) as client:
        try:
            client.login(user, word)
        except smtplib.SMTPAuthenticationError as error:
            said = error.smtp_error
            return f"{error.smtp_code} {said.decode() if isinstance(said, bytes) else said}"
    return ""


def test_a_good_password_counts_without_entra_for_a_day(practice: cloud.Cloud, served: Woodgrove) -> None:
    assert _login(practice, ADA, SIGN_IN_WORD) == ""
    with mailing.changing(practice, served):
        served.ada.account_enabled = False
    before = len(rows(practice))
    assert _login(practice, ADA, SIGN_IN_WORD) == ""
    assert len(rows(practice)) == before
    practice.faults.clock.skew = timedelta(hours=25)
    assert _login(practice, ADA, SIGN_IN_WORD) == S4
    assert rows(practice)[-1]["status"]["errorCode"] == 50057


def test_the_day_is_a_setting(practice: cloud.Cloud, served: Woodgrove) -> None:
    practice.backend.mail = MailLimits(basic_cache=timedelta())
    before = len(rows(practice))
    assert [_login(practice, ADA, SIGN_IN_WORD) for _ in range(2)] == ["", ""]
    assert len(rows(practice)) == before + 2


@pytest.mark.parametrize(
    ("face", "app", "said"),
    [
        ("imap", "IMAP4", "A1 NO LOGIN failed."),
        ("pop", "POP3", "-ERR Logon failure: unknown user name or bad password."),
    ],
)
def test_reading_refuses_a_right_password_though_entra_takes_it(
    face: Face, app: str, said: str, practice: cloud.Cloud, served: Woodgrove
) -> None:
    """I9, P4."""
    before = len(rows(practice))
    with Raw(practice, face) as raw:
        raw.line()
        if face == "pop":
            assert raw.ask(f"USER {ADA}") == "+OK"
            assert raw.ask(f"PASS {SIGN_IN_WORD}") == said
        else:
            assert raw.ask(f"A1 LOGIN {ADA} {SIGN_IN_WORD}") == said
    row = rows(practice)[before]
    assert (row["clientAppUsed"], row["status"]["errorCode"]) == (app, 0)
    assert SIGN_IN_WORD not in str(row)


def test_a_password_that_was_good_later_than_now_is_asked_about_again(practice: cloud.Cloud, served: Woodgrove) -> None:
    practice.faults.clock.skew = timedelta(hours=12)
    assert _login(practice, ADA, SIGN_IN_WORD) == ""
    practice.faults.clock.skew = timedelta()
    before = len(rows(practice))
    assert _login(practice, ADA, SIGN_IN_WORD) == ""
    assert len(rows(practice)) == before + 1


def test_a_good_password_is_forgotten_with_its_tenant(practice: cloud.Cloud, served: Woodgrove) -> None:
    assert _login(practice, ADA, SIGN_IN_WORD) == ""
    before = len(rows(practice))
    mailing.forget(practice, "another tenant")
    assert _login(practice, ADA, SIGN_IN_WORD) == ""
    assert len(rows(practice)) == before
    mailing.forget(practice, TENANT)
    assert _login(practice, ADA, SIGN_IN_WORD) == ""
    assert len(rows(practice)) == before + 1


def test_who_hangs_up_while_a_password_is_judged_holds_no_place(practice: cloud.Cloud, served: Woodgrove) -> None:
    with mailing.changing(practice, served):
        served.ada_box.messages = ["x" * 4_000_000]  # it takes its time to be written
    practice.backend.mail = MailLimits(senders=1)
    for _ in range(3):
        with Raw(practice, "smtp") as raw:
            raw.start_tls()
            raw.ask("AUTH LOGIN " + base64.b64encode(ADA.encode()).decode())
            raw.send(base64.b64encode(SIGN_IN_WORD.encode()) + b"\r\n")
            raw.sock.shutdown(socket.SHUT_RDWR)
    for _ in range(50):
        with mailing.smtp(practice, ADA, mailing.delegated(practice, served)) as client:
            if client.mail(ADA)[0] == 250:
                return
        time.sleep(0.05)
    pytest.fail("a place is still taken")
