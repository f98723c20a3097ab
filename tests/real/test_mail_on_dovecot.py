"""A packaged Dovecot, which nobody here wrote, is proven over IMAP, POP and submission, and its refusals are read."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mailauth.clouds import Cloud
from mailauth.dialogue import bearer
from mailauth.proof import Talk
from mailauth.services import mail, mailpool
from mailauth.tenants import Protocol
from tests.practice import mailing
from tests.practice.mailing import ADA
from tests.practice.woodgrove import running, woodgrove
from tests.real.dovecot import dovecot
from tests.test_mail_on_practice import hosts
from tests.wiretalk import leaked

PROTOCOLS: tuple[Protocol, ...] = ("imap", "pop", "smtp")


@dataclass(frozen=True)
class World:
    """The cloud that Dovecot is, and tokens for it."""

    cloud: Cloud
    good: str
    forged: str
    expired: str


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = woodgrove()
    with running(made) as practice, dovecot(practice) as server:
        now = int(practice.backend.now().timestamp())
        good = mailing.delegated(practice, made)
        head, body, seal = good.split(".")
        expired = mailing.delegated(practice, made, iat=now - 7200, nbf=now - 7200, exp=now - 3600)
        cloud = hosts(server.imap, server.pop, server.smtp, server.ca_file)
        yield World(cloud, good, f"{head}.{body}.{seal[::-1]}", expired)


def tried(world: World, protocol: Protocol, token: str, *, initial: bool | None = None) -> Talk:
    talk = mail.talk(world.cloud, protocol, bearer(ADA, token), examine=True, initial=initial)
    assert leaked(repr(talk), token) == []
    return talk


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_good_token_opens_the_mailbox(protocol: Protocol, world: World) -> None:
    talk = tried(world, protocol, world.good)
    assert (talk.outcome, talk.stage, talk.said) == ("ok", "done", ""), talk.lines
    assert any("XOAUTH2" in one for one in talk.offered)


@pytest.mark.parametrize("initial", [True, False], ids=["one line", "two lines"])
def test_imap_takes_the_token_in_either_form(initial: bool, world: World) -> None:
    talk = tried(world, "imap", world.good, initial=initial)
    assert talk.outcome == "ok"
    assert set(talk.offered_after) - set(talk.offered)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["forged", "expired"])
def test_a_bad_token_is_refused_after_a_challenge_that_is_read(kind: str, protocol: Protocol, world: World) -> None:
    talk = tried(world, protocol, getattr(world, kind))
    assert (talk.outcome, talk.stage) == ("refused", "authenticate")
    assert talk.reply
    notes = [line.text for line in talk.lines if line.way == "note"]
    assert any(note.startswith("the challenge says: status ") for note in notes), talk.lines


@dataclass(frozen=True)
class Job:
    mailbox: str
    protocol: Protocol


def test_all_three_at_once(world: World) -> None:
    jobs = [Job(ADA, protocol) for protocol in PROTOCOLS] * 2
    found = mailpool.many(jobs, lambda job: tried(world, job.protocol, world.good))
    assert [talk.outcome for _, talk in found] == ["ok"] * 6
