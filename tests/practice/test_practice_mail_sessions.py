"""Sessions of the mail servers: how many there are, what faults do to them, TLS, and clients that do not behave."""

import imaplib
import poplib
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from practice import cloud, measure
from practice.faults import Face, Kind
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES, Raw
from tests.practice.mailrefusals import FACES, HALF, IMAP_HALF, NO, OK, POP_HALF, SMTP_NO
from tests.practice.woodgrove import Woodgrove

pytest_plugins = ["tests.practice.mailfixtures"]


@pytest.mark.parametrize("face", ["imap", "pop"])
def test_sessions_of_one_mailbox_are_counted(face: Face, practice: cloud.Cloud, served: Woodgrove) -> None:
    """I20: those that are open stay."""
    practice.backend.mail = replace(practice.backend.mail, sessions=1)
    token = mailing.delegated(practice, served)
    opened = mailing.imap if face == "imap" else mailing.pop
    with opened(practice, ADA, token) as client:
        assert mailing.sign_in(practice, face, ADA, token) == HALF[face]
        assert mailing.sign_in(practice, face, INVOICES, token)[0] == OK[face][0]
        client.noop()
    for _ in range(50):
        if mailing.sign_in(practice, face, ADA, token) == OK[face]:
            break
    else:
        pytest.fail("the place was not given back")


@pytest.mark.parametrize("face", ["imap", "pop"])
def test_a_session_of_a_tenant_that_is_made_anew_ends(face: Face, practice: cloud.Cloud, served: Woodgrove) -> None:
    """Its mailbox is another one now, under the numbers of the old."""
    opened = mailing.imap if face == "imap" else mailing.pop
    with (
        suppress(OSError, imaplib.IMAP4.error, poplib.error_proto),
        opened(practice, ADA, mailing.delegated(practice, served)) as client,
    ):
        client.noop()
        for forget in practice.backend.forget:
            forget(served.estate.tenant.tenant_id)
        ends = datetime.now(UTC) + timedelta(seconds=20)
        while datetime.now(UTC) < ends:
            client.noop()
        pytest.fail("the session went on")


@pytest.mark.parametrize(
    ("face", "said"),
    [
        ("imap", "A1 BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds"),
        ("pop", "-ERR Request is throttled. Suggested Backoff Time: 299961 milliseconds"),
        (
            "smtp",
            "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending "
            "for more information",
        ),
    ],
)
def test_throttling_names_the_wait(face: Face, said: str, practice: cloud.Cloud, served: Woodgrove) -> None:
    """I18, S18; only the tenant that it is for."""
    practice.faults.add(face, "throttle", tenant="lucerne", seconds=299.961, operation="AUTH")
    token = mailing.delegated(practice, served)
    assert mailing.sign_in(practice, face, ADA, token) == OK[face]
    practice.faults.add(face, "throttle", tenant="woodgrove", seconds=299.961, operation="AUTH")
    assert mailing.sign_in(practice, face, ADA, token)[0] == said.removeprefix("A1 ")
    assert mailing.sign_in(practice, face, ADA, token) == OK[face]


@pytest.mark.parametrize(
    ("face", "said"),
    [
        ("imap", IMAP_HALF),
        ("pop", POP_HALF),
        ("smtp", ("454 4.7.0 Temporary authentication failure", SMTP_NO[1])),
    ],
)
def test_a_service_that_is_down_looks_as_it_does(
    face: Face, said: tuple[str, str], practice: cloud.Cloud, served: Woodgrove
) -> None:
    """I14, S17: another connection works."""
    token = mailing.delegated(practice, served)
    practice.faults.add(face, "unavailable", operation="AUTH")
    assert mailing.sign_in(practice, face, ADA, token) == said
    assert mailing.sign_in(practice, face, ADA, token) == OK[face]
    if face != "smtp":
        practice.faults.add(face, "unavailable", operation="AUTH")
        assert mailing.sign_in(practice, face, ADA, "no token") == NO[face]


@pytest.mark.parametrize("kind", ["throttle", "unavailable"])
@pytest.mark.parametrize("face", FACES)
def test_a_fault_that_names_no_operation_strikes_where_something_is_asked_for(
    face: Face, kind: Kind, practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    """A client that is refused its greeting, or STARTTLS, would learn nothing of it."""
    practice.faults.add(face, kind, times=1)
    greeting = {"imap": "A1 CAPABILITY", "pop": "CAPA", "smtp": "NOOP"}[face]
    with Raw(practice, face) as raw:
        raw.start_tls() if face == "smtp" else raw.line()
        assert raw.ask(greeting).removeprefix("A1 ")[:3] in ("OK ", "+OK", "250")
    assert len(practice.faults.armed) == 1
    assert mailing.sign_in(practice, face, ADA, token) != OK[face]
    assert not practice.faults.armed


@pytest.mark.parametrize("face", FACES)
def test_a_drop_closes_before_the_answer_and_a_truncation_within_it(
    face: Face, practice: cloud.Cloud, served: Woodgrove
) -> None:
    command = {"imap": "A1 NOOP", "pop": "CAPA", "smtp": "NOOP"}[face]
    whole = {"imap": "A1 OK NOOP completed.", "pop": "+OK", "smtp": "250 2.0.0 OK"}[face]
    practice.faults.add(face, "truncate", operation=command.split()[-1])
    with Raw(practice, face) as raw:
        raw.line()
        raw.send(command.encode() + b"\r\n")
        said = raw.rest()
        assert len(said) >= 1
        assert said[0] != whole or face == "pop"
        assert face != "pop" or said[-1] != "."
    practice.faults.add(face, "drop", operation=command.split()[-1])
    with Raw(practice, face) as raw:
        raw.line()
        raw.send(command.encode() + b"\r\n")
        with suppress(OSError):  # a reset is a drop too
            assert raw.rest() == []


def test_a_slow_answer_keeps_nobody_else_waiting(practice: cloud.Cloud, served: Woodgrove) -> None:
    practice.faults.add("imap", "latency", operation="NOOP", seconds=1.0)
    with Raw(practice, "imap") as slow, Raw(practice, "imap") as quick:
        slow.line()
        quick.line()
        began = datetime.now(UTC)
        slow.send(b"A1 NOOP\r\nA2 CAPABILITY\r\n")
        assert quick.ask("B1 CAPABILITY") == "B1 OK CAPABILITY completed."
        assert datetime.now(UTC) - began < timedelta(seconds=1)
        assert [slow.answer(), slow.answer()] == ["A1 OK NOOP completed.", "A2 OK CAPABILITY completed."]
    assert datetime.now(UTC) - began >= timedelta(seconds=1)


@pytest.mark.parametrize("face", FACES)
def test_legacy_tls_is_refused(face: Face, practice: cloud.Cloud, served: Woodgrove) -> None:
    """I23, S19."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(practice.ca_file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(mailing.place(getattr(practice, face)), timeout=10) as sock:
        if face == "smtp":
            sock.sendall(b"EHLO old\r\n")
            with sock.makefile("rb") as file:
                while not file.readline().startswith(b"250 "):
                    pass
                sock.sendall(b"STARTTLS\r\n")
                assert file.readline().startswith(b"220 2.0.0")
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version|alert"):
            context.wrap_socket(sock, server_hostname="localhost")
    with socket.create_connection(mailing.place(practice.imap), timeout=10) as sock:
        modern = mailing.trusting(practice)
        modern.maximum_version = ssl.TLSVersion.TLSv1_2
        with modern.wrap_socket(sock, server_hostname="localhost") as wrapped:
            assert wrapped.version() == "TLSv1.2"


@pytest.mark.parametrize("face", FACES)
def test_a_connection_that_never_signs_in_is_closed(face: Face, practice: cloud.Cloud, served: Woodgrove) -> None:
    practice.backend.mail = replace(practice.backend.mail, login_s=0.3)
    with Raw(practice, face) as raw:
        assert "Connection" in raw.rest()[-1]


@pytest.mark.parametrize("face", FACES)
def test_a_connection_bears_only_so_many_commands(face: Face, practice: cloud.Cloud, served: Woodgrove) -> None:
    practice.backend.mail = replace(practice.backend.mail, early_commands=5)
    command = {"imap": b"A1 NOOP\r\n", "pop": b"CAPA\r\n", "smtp": b"NOOP\r\n"}[face]
    with Raw(practice, face) as raw:
        raw.line()
        raw.send(command * 6)
        assert "Connection" in raw.rest()[-1]


def test_two_hundred_sessions_are_open_at_once() -> None:
    taken = measure.imap_sessions(200)
    assert taken["sessions"] == 200
    # 0.2 s alone on two cores; CI runs other tests beside this one.
    assert taken["round_s"] < 5


def _flood(raw: Raw, data: bytes) -> None:
    for _ in range(500):
        raw.send(data)


@pytest.mark.parametrize("kind", ["drop", "latency"])
def test_a_client_that_never_reads_is_not_listened_to(
    kind: Kind, practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    """Or its answers would fill the memory. The fault counts what is heard: a drop that is far off, or short delays."""
    with mailing.changing(practice, served):
        served.ada_box.messages = ["x" * 1_000_000]
    practice.backend.mail = replace(practice.backend.mail, commands=100)
    most = 1_000_000
    if kind == "drop":
        practice.faults.add("pop", kind, operation="RETR", after=most)
    else:
        practice.faults.add("pop", kind, operation="RETR", times=most, seconds=0.001)
    with Raw(practice, "pop") as raw:
        raw.line()
        raw.ask("AUTH XOAUTH2")
        raw.ask(mailing.xoauth2(ADA, token))
        raw.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            _flood(raw, b"RETR 1\r\n" * 8_000)
        (counting,) = practice.faults.armed
        # What the system's own buffers hold, on both sides, is a dozen of them.
        assert 0 < most - (counting.after or counting.times) < 50
