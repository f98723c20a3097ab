"""On the practice cloud: let in, refused, not connected, not as this sender, switched off, and a password refused."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import basic
from mailauth.clouds import Cloud
from mailauth.dialogue import SignIn, bearer
from mailauth.proof import Talk
from mailauth.services import mail
from mailauth.tenants import Protocol
from practice import cloud as practice_cloud
from tests.mailserver import cloud
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES
from tests.practice.woodgrove import Woodgrove, running, woodgrove
from tests.wiretalk import leaked

PROTOCOLS: tuple[Protocol, ...] = ("imap", "pop", "smtp")


@dataclass(frozen=True)
class World:
    """The practice cloud, its tenant, and the cloud as a tenants file would have it."""

    practice: practice_cloud.Cloud
    made: Woodgrove
    hosts: Cloud


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = woodgrove()
    with running(made) as practice:
        yield World(practice, made, hosts(practice.imap, practice.pop, practice.smtp, practice.ca_file))


def hosts(imap: str, pop: str, smtp: str, ca_file: Path) -> Cloud:
    """Return a cloud with these mail servers."""
    return replace(cloud(imap, ca_file), pop=pop, smtp=smtp)


def tried(world: World, protocol: Protocol, user: str, token: str, **options: Any) -> Talk:
    talk = mail.talk(world.hosts, protocol, bearer(user, token), **options)
    assert leaked(repr(talk), token) == []
    return talk


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["a person's token", "an app's token"])
def test_who_may_is_let_in(world: World, protocol: Protocol, kind: str) -> None:
    signed = mailing.delegated if kind == "a person's token" else mailing.app_only
    talk = tried(world, protocol, ADA, signed(world.practice, world.made), examine=protocol == "imap")
    assert (talk.outcome, talk.stage, talk.reply, talk.said) == ("ok", "done", "", "")
    assert talk.tls is not None
    assert talk.server.startswith("PRACTICE1.")


REFUSED = {
    "imap": "NO AUTHENTICATE failed.",
    "pop": "-ERR Authentication failure: unknown user name or bad password.",
    "smtp": "535 5.7.3 Authentication unsuccessful [PRACTICE1.PRACP1.PROD.OUTLOOK.EXAMPLE]",
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "claims", [{"aud": "https://graph.microsoft.com"}, {"scp": "Mail.Read"}], ids=["Graph's", "scope"]
)
def test_a_token_for_something_else_is_refused(world: World, protocol: Protocol, claims: dict[str, str]) -> None:
    talk = tried(world, protocol, ADA, mailing.delegated(world.practice, world.made, **claims))
    assert (talk.outcome, talk.stage, talk.reply) == ("refused", "authenticate", REFUSED[protocol])
    assert talk.lines[-2 if protocol == "imap" else -1].way == "received"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_expired_token_is_refused(world: World, protocol: Protocol) -> None:
    past = world.practice.backend.now() - timedelta(hours=1)
    token = mailing.delegated(world.practice, world.made, exp=int(past.timestamp()))
    assert tried(world, protocol, ADA, token).reply == REFUSED[protocol]


@pytest.mark.parametrize(
    ("protocol", "reply"),
    [
        ("imap", "BAD User is authenticated but not connected."),
        ("pop", "-ERR User is authenticated but not connected."),
    ],
)
def test_a_login_alone_proves_nothing(world: World, protocol: Protocol, reply: str) -> None:
    admin = world.made.admin
    token = mailing.delegated(world.practice, world.made, upn="admin@woodgrove.example", oid=admin.id)
    talk = tried(world, protocol, INVOICES, token)
    assert (talk.outcome, talk.stage, talk.reply) == ("refused", "command", reply)


def test_a_sender_without_a_grant_is_refused(world: World) -> None:
    talk = tried(
        world, "smtp", ADA, mailing.delegated(world.practice, world.made), senders=[ADA, "admin@woodgrove.example"]
    )
    assert (talk.outcome, talk.stage) == ("refused", "command")
    assert talk.reply == "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
    assert "admin@woodgrove.example cannot send here" in [line.text for line in talk.lines]


def test_another_sender_with_a_grant_is_taken(world: World) -> None:
    token = mailing.delegated(world.practice, world.made)
    assert tried(world, "smtp", ADA, token, senders=[ADA, INVOICES]).outcome == "ok"


def test_a_mail_arrives_only_when_asked_for(world: World) -> None:
    token, counts = mailing.delegated(world.practice, world.made), []
    for send in (False, True):
        tried(world, "smtp", ADA, token, send=send)
        counts.append(len(mailing.box(world.practice, ADA).messages))
    assert counts[1] == counts[0] + 1


def test_submission_that_is_switched_off_says_so(world: World) -> None:
    with mailing.changing(world.practice, world.made) as made:
        made.ada_box.smtp_auth_disabled = True
    try:
        talk = tried(world, "smtp", ADA, mailing.delegated(world.practice, world.made))
    finally:
        with mailing.changing(world.practice, world.made) as made:
            made.ada_box.smtp_auth_disabled = None
    assert (talk.outcome, talk.stage) == ("refused", "authenticate")
    assert talk.reply.startswith(
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
    )


@pytest.mark.parametrize(
    ("protocol", "sign_in", "reply"),
    [
        pytest.param("imap", basic.imap_login(ADA, "wrong horse"), "NO LOGIN failed.", id="IMAP LOGIN"),
        pytest.param("imap", basic.auth_plain(ADA, "wrong horse"), "NO AUTHENTICATE failed.", id="IMAP PLAIN"),
        pytest.param("pop", basic.pop_user(ADA, "wrong horse"), "-ERR Logon failure", id="POP USER"),
        pytest.param("pop", basic.auth_plain(ADA, "wrong horse"), "-ERR Authentication failure", id="POP PLAIN"),
        pytest.param("smtp", basic.auth_login(ADA, "wrong horse"), "535 5.7.139 Auth", id="SMTP LOGIN"),
    ],
)
def test_a_password_is_refused(world: World, protocol: Protocol, sign_in: SignIn, reply: str) -> None:
    talk = mail.talk(world.hosts, protocol, sign_in)
    assert (talk.outcome, talk.stage) == ("refused", "authenticate")
    assert talk.reply.startswith(reply)
    assert "wrong horse" not in repr(talk)
