"""What becomes of mail that is submitted: where it arrives, as whom, how much, how fast, and what is kept of it."""

import re
import smtplib
import socket
import time
from datetime import timedelta

import pytest

from practice import cloud
from practice.faults import Face
from practice.limits import MailLimits
from practice.state import RecipientPermission
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES, Raw
from tests.practice.mailrefusals import exchange
from tests.practice.woodgrove import TENANT, Woodgrove

pytest_plugins = ["tests.practice.mailfixtures"]


def _message(sender: str = ADA, subject: str = "Invoice 7") -> bytes:
    return f"From: {sender}\r\nTo: {INVOICES}\r\nSubject: {subject}\r\n\r\nHello\r\n.dot\r\n".encode()


def test_mail_arrives_in_practice_mailboxes_and_goes_no_further(practice: cloud.Cloud, served: Woodgrove) -> None:
    token = mailing.delegated(practice, served)
    with mailing.smtp(practice, ADA, token) as client:
        assert client.sendmail(ADA, [INVOICES, "bob@elsewhere.example", "nobody@woodgrove.example"], _message()) == {}
    with practice.states.reading(TENANT) as tenant:
        invoices, ada = tenant.exchange.mailbox(INVOICES), tenant.exchange.mailbox(ADA)
        traced = [(one.recipient, one.status, one.subject) for one in tenant.exchange.traced_messages]
    assert invoices is not None
    assert ada is not None
    assert invoices.messages[-1].endswith("Subject: Invoice 7\r\n\r\nHello\r\n.dot\r\n")
    assert ada.sent == [_message().decode()]
    assert traced == [
        (INVOICES, "Delivered", "Invoice 7"),
        ("bob@elsewhere.example", "Pending", "Invoice 7"),
        ("nobody@woodgrove.example", "Failed", "Invoice 7"),
    ]


def test_no_copy_is_kept_where_the_mailbox_wants_none(practice: cloud.Cloud, served: Woodgrove) -> None:
    with mailing.changing(practice, served):
        served.ada_box.copies_sent = False
    with mailing.smtp(practice, ADA, mailing.delegated(practice, served)) as client:
        client.sendmail(ADA, [INVOICES], _message())
    assert served.ada_box.sent == []


def test_rset_leaves_no_trace(practice: cloud.Cloud, served: Woodgrove) -> None:
    before = practice.states.find(TENANT)
    assert before is not None
    text = before.written()
    with mailing.smtp(practice, ADA, mailing.delegated(practice, served)) as client:
        assert client.mail(ADA)[0] == 250
        assert client.rcpt(INVOICES)[0] == 250
        assert client.rset()[0] == 250
    after = practice.states.find(TENANT)
    assert after is not None
    assert after.written() == text


def test_sending_as_another_needs_send_as_on_the_mailbox_that_authenticated(
    practice: cloud.Cloud, served: Woodgrove
) -> None:
    """S14: what the app holds itself does not count."""
    refused = (550, b"5.7.60 SMTP; Client does not have permissions to send as this sender")
    with mailing.smtp(practice, ADA, mailing.delegated(practice, served)) as client:
        assert client.mail(INVOICES) == (250, b"2.1.0 Sender OK")
    with mailing.changing(practice, served):
        exchange(served).recipient_permissions.clear()
        exchange(served).recipient_permissions.append(
            RecipientPermission(recipient=served.invoices.guid, trustee=exchange(served).principals[0].sid)
        )
    with mailing.smtp(practice, ADA, mailing.app_only(practice, served)) as client:
        assert client.mail(INVOICES) == refused
        assert client.mail("ceo@elsewhere.example") == refused
        client.mail(ADA)
        client.rcpt(INVOICES)
        code, said = client.data(_message(INVOICES))
    assert code == 554
    assert said.startswith(b"5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException")


def test_a_sender_who_is_restricted_sends_nothing(practice: cloud.Cloud, served: Woodgrove, token: str) -> None:
    """S20: signing in works."""
    with mailing.changing(practice, served):
        served.ada_box.restricted = True
    with mailing.smtp(practice, ADA, token) as client:
        assert client.mail(ADA) == (550, b"5.1.8 Access denied, bad outbound sender")
        assert client.mail("") == (550, b"5.1.8 Access denied, bad outbound sender")


def test_a_fourth_connection_of_a_mailbox_waits(practice: cloud.Cloud, served: Woodgrove) -> None:
    """S18; the first three go on, and a place that is given back is free."""
    hurried = (
        432,
        b"4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information",
    )
    token = mailing.delegated(practice, served)
    with mailing.smtp(practice, ADA, token) as first, mailing.smtp(practice, ADA, token):
        with mailing.smtp(practice, ADA, token), mailing.smtp(practice, ADA, token) as fourth:
            assert fourth.mail(ADA) == hurried
            assert first.mail(ADA)[0] == 250
        with mailing.smtp(practice, ADA, token) as again:
            assert again.mail(ADA)[0] == 250


@pytest.mark.parametrize(
    ("limits", "messages"),
    [(MailLimits(messages_a_minute=2), 2), (MailLimits(recipients_a_day=3), 3)],
    ids=["a minute", "a day"],
)
def test_a_mailbox_sends_only_so_much(
    limits: MailLimits, messages: int, practice: cloud.Cloud, served: Woodgrove
) -> None:
    practice.backend.mail = limits
    with mailing.smtp(practice, ADA, mailing.delegated(practice, served)) as client:
        for _ in range(messages):
            assert client.sendmail(ADA, [INVOICES], _message()) == {}
        with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused), match=r"432|Concurrent"):
            client.sendmail(ADA, [INVOICES], _message())


def _big(subject: str = "big") -> bytes:
    """Return a message of a million bytes and some more."""
    return f"From: {ADA}\r\nSubject: {subject}\r\n\r\n".encode() + (b"x" * 98 + b"\r\n") * 10_000


def test_a_message_to_a_hundred_mailboxes_arrives_at_once_and_within_bounds(
    practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    """Each tenant is written once, which is why the client's ten seconds are enough."""
    with mailing.changing(practice, served):
        people = [served.estate.user(f"person{number}", f"Person {number}") for number in range(100)]
        boxes = [served.estate.mailbox(one) for one in people]
    with mailing.smtp(practice, ADA, token) as client:
        assert client.sendmail(ADA, [one.primary_smtp for one in boxes], _big()) == {}
    with practice.states.reading(TENANT) as tenant:
        kept = [text for one in tenant.exchange.mailboxes for text in (*one.messages, *one.sent)]
        assert 10_000_000 < sum(map(len, kept)) < 17_000_000
        assert len(tenant.exchange.traced_messages) == 100


def test_a_folder_keeps_the_newest_and_a_uid_names_one_message_for_good(
    practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    with mailing.smtp(practice, ADA, token) as client:
        for number in range(1, 7):
            client.sendmail(ADA, [ADA], _big(f"number {number}"))
    with mailing.imap(practice, ADA, token) as reader:
        for folder, shift in (("INBOX", 1), ('"Sent Items"', 0)):
            reader.select(folder)
            _, found = reader.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            told = re.findall(r"number (\d+).*?UID (\d+)", str(found))
            assert told == [(str(number), str(number + shift)) for number in (3, 4, 5, 6)]


@pytest.mark.parametrize("face", ["smtp", "pop"])
def test_others_are_served_while_a_tenant_is_written_and_no_command_overtakes(
    face: Face, practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    """Who holds the states stands for a disk that is slow."""
    with Raw(practice, face) as client, Raw(practice, "imap") as other:
        other.line()
        if face == "smtp":
            client.start_tls()
            client.ask(f"AUTH XOAUTH2 {mailing.xoauth2(ADA, token)}")
            for command in (f"MAIL FROM:<{ADA}>", f"RCPT TO:<{INVOICES}>", "DATA"):
                client.ask(command)
        else:
            client.line()
            for command in ("AUTH XOAUTH2", mailing.xoauth2(ADA, token), "DELE 1"):
                client.ask(command)
        with practice.states.held():
            client.send(b"Subject: x\r\n\r\nx\r\n.\r\nNOOP\r\n" if face == "smtp" else b"QUIT\r\nNOOP\r\n")
            for _ in range(20):
                assert other.ask("A1 CAPABILITY") == "A1 OK CAPABILITY completed."
            client.sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.sock.recv(1)
            client.sock.settimeout(10)
        with client.sock.makefile("rb") as file:
            if face == "smtp":
                assert file.readline().startswith(b"250 2.0.0 OK <")
                assert file.readline() == b"250 2.0.0 OK\r\n"
            else:
                assert file.readline() == b"+OK Microsoft Exchange Server POP3 server signing off.\r\n"
                assert file.readline() == b""
    assert len(mailing.box(practice, INVOICES).messages) == (face == "smtp")
    assert len(mailing.box(practice, ADA).messages) == (face == "smtp")


def test_a_client_that_hangs_up_before_the_answer_has_sent_its_message(
    practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    with mailing.no_failures():
        with Raw(practice, "smtp") as client:
            client.start_tls()
            client.ask(f"AUTH XOAUTH2 {mailing.xoauth2(ADA, token)}")
            for command in (f"MAIL FROM:<{ADA}>", f"RCPT TO:<{INVOICES}>", "DATA"):
                client.ask(command)
            with practice.states.held():
                client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
                client.sock.shutdown(socket.SHUT_RDWR)
        for _ in range(100):
            if mailing.box(practice, INVOICES).messages:
                break
            time.sleep(0.05)
        assert len(mailing.box(practice, INVOICES).messages) == 1


def test_an_author_nested_without_end_is_nobody(practice: cloud.Cloud, served: Woodgrove, token: str) -> None:
    with mailing.no_failures(), mailing.smtp(practice, ADA, token) as client:
        assert client.sendmail(ADA, [INVOICES], b"From: " + b"(" * 5_000 + b"\r\n\r\nx\r\n") == {}


def test_a_clock_that_is_set_back_holds_no_sender_up(practice: cloud.Cloud, served: Woodgrove) -> None:
    practice.backend.mail = MailLimits(messages_a_minute=2, recipients_a_day=3)
    practice.faults.clock.skew = timedelta(hours=12)
    with mailing.smtp(practice, ADA, mailing.delegated(practice, served)) as client:
        client.sendmail(ADA, [INVOICES, ADA], _message())
        client.sendmail(ADA, [INVOICES], _message())
        assert client.mail(ADA)[0] == 432
    practice.faults.clock.skew = timedelta()
    with mailing.smtp(practice, ADA, mailing.delegated(practice, served)) as client:
        assert client.sendmail(ADA, [INVOICES], _message()) == {}


def test_what_was_sent_is_forgotten_with_its_tenant(practice: cloud.Cloud, served: Woodgrove, token: str) -> None:
    practice.backend.mail = MailLimits(messages_a_minute=1)
    with mailing.smtp(practice, ADA, token) as client:
        client.sendmail(ADA, [INVOICES], _message())
        mailing.forget(practice, "another tenant")
        assert client.mail(ADA)[0] == 432
        mailing.forget(practice, TENANT)
        assert client.sendmail(ADA, [INVOICES], _message()) == {}
