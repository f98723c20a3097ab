"""What becomes of mail that is submitted: where it arrives, as whom, how much, how fast, and what is kept of it."""

import smtplib

import pytest

from practice import cloud
from practice.limits import MailLimits
from practice.state import (
    RecipientPermission,
)
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES
from tests.practice.mailrefusals import (
    exchange,
)
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
