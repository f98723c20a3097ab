"""Submissions: nothing secret before TLS, what was said in the clear forgotten, every sender tried, and each ending."""

import base64
from datetime import UTC, datetime

import pytest

from mailauth import basic, submission
from mailauth.errors import SaslError
from mailauth.submission import Submission
from tests.wiretalk import CANARY, RESPONSE, SIGN_IN, USER, converse, ends, told

GREETING = (
    "220 FR0P281CA0041.outlook.office365.com Microsoft ESMTP MAIL Service ready at Mon, 23 Nov 2026 10:00:00 +0000"
)
CLEAR = "250-FR0P281CA0041.outlook.office365.com Hello [10.0.0.1]\n250-SIZE 157286400\n250-STARTTLS\n250 SMTPUTF8"
GO = "220 2.0.0 SMTP server ready"
SECURED = CLEAR.replace("STARTTLS", "AUTH LOGIN XOAUTH2")
LET_IN = "235 2.7.0 Authentication successful"
SENDER, RECIPIENT, RESET = "250 2.1.0 Sender OK", "250 2.1.5 Recipient OK", "250 2.0.0 Resetting"
BYE = "221 2.0.0 Service closing transmission channel"
BEFORE = [GREETING, CLEAR, GO, SECURED, "334 "]
REFUSED = "535 5.7.3 Authentication unsuccessful [FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM]"
SWITCHED_OFF = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
    "Visit https://aka.ms/smtp_auth_disabled for more information."
)
NOT_AS = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"


def test_a_submission_is_taken_back() -> None:
    dialogue = Submission(SIGN_IN)
    sent = converse(dialogue, *BEFORE, LET_IN, SENDER, RECIPIENT, RESET, BYE)
    assert sent == [
        "EHLO [127.0.0.1]\r\n",
        "STARTTLS\r\n",
        "EHLO [127.0.0.1]\r\n",
        "AUTH XOAUTH2\r\n",
        f"{RESPONSE}\r\n",
        f"MAIL FROM:<{USER}>\r\n",
        f"RCPT TO:<{USER}>\r\n",
        "RSET\r\n",
        "QUIT\r\n",
    ]
    talk = told(dialogue)
    assert (talk.outcome, talk.stage, talk.reply, talk.said) == ("ok", "done", "", "")
    assert talk.server == "FR0P281CA0041.outlook.office365.com"
    assert talk.offered == ("SIZE 157286400", "AUTH LOGIN XOAUTH2", "SMTPUTF8")


def test_every_sender_is_tried_and_the_first_refusal_decides() -> None:
    dialogue = Submission(SIGN_IN, senders=["a@x.example", "b@x.example", "c@x.example"], to="d@x.example")
    sent = converse(dialogue, *BEFORE, LET_IN, SENDER, RECIPIENT, RESET, NOT_AS, RESET, SENDER, NOT_AS, RESET, BYE)
    assert [one.strip() for one in sent[5:]] == [
        "MAIL FROM:<a@x.example>",
        "RCPT TO:<d@x.example>",
        "RSET",
        "MAIL FROM:<b@x.example>",
        "RSET",
        "MAIL FROM:<c@x.example>",
        "RCPT TO:<d@x.example>",
        "RSET",
        "QUIT",
    ]
    talk = told(dialogue)
    assert (talk.outcome, talk.stage, talk.reply) == ("refused", "command", NOT_AS)
    assert [line.text for line in talk.lines if line.way == "note"][1:] == [
        "b@x.example cannot send here",
        "c@x.example cannot send here",
    ]


def test_a_mail_goes_out_only_when_asked() -> None:
    dialogue = Submission(SIGN_IN, sent_at=datetime(2026, 11, 23, 10, tzinfo=UTC))
    go_on, taken = "354 Start mail input; end with <CRLF>.<CRLF>", "250 2.0.0 OK"
    sent = converse(dialogue, *BEFORE, LET_IN, SENDER, RECIPIENT, go_on, taken, RESET, BYE)
    assert sent[7:9] == [
        "DATA\r\n",
        f"From: {USER}\r\nTo: {USER}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nSubject: Mail submission works\r\n\r\n"
        "Sent on request, to prove that it can be.\r\n.\r\n",
    ]
    assert told(dialogue).outcome == "ok"


def test_what_was_said_in_the_clear_counts_for_nothing_and_is_reported() -> None:
    dialogue = Submission(SIGN_IN)
    injected = GO + "\n250-evil\n250 AUTH XOAUTH2\n334 \n235 2.7.0 Authentication successful"
    sent = converse(dialogue, GREETING, CLEAR, injected, closes=False)
    assert [one.strip() for one in sent] == ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]"]
    assert dialogue.outcome is None
    assert "71 bytes came in the clear" in dialogue.said
    assert any("somebody may sit in between" in line.text for line in dialogue.lines)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param([GREETING, CLEAR.replace("250-STARTTLS\n", "")], "does not offer STARTTLS", id="stripped"),
        pytest.param([GREETING, CLEAR.replace("STARTTLS", "XXXXXXXA")], "does not offer STARTTLS", id="overwritten"),
        pytest.param([GREETING, SECURED], "does not offer STARTTLS", id="asks for the token in the clear"),
        pytest.param([GREETING, CLEAR, "454 4.7.0 TLS not available"], "", id="refused"),
        pytest.param([GREETING, CLEAR, "250 2.0.0 fine, go on"], "", id="answered with another code"),
    ],
)
def test_no_token_is_sent_without_tls(said: list[str], why: str) -> None:
    dialogue = Submission(SIGN_IN)
    sent = converse(dialogue, *said, BYE)
    assert sent[-1] == "QUIT\r\n"
    assert not any(word in "".join(sent) for word in ("AUTH", RESPONSE, USER))
    talk = told(dialogue)
    assert (talk.outcome, talk.stage, talk.tls) == ("refused", "tls", None)
    assert why in talk.said


ENDINGS = [
    ("refused", [*BEFORE, REFUSED], "refused", "authenticate", REFUSED, ""),
    ("switched off", [*BEFORE, SWITCHED_OFF], "refused", "authenticate", SWITCHED_OFF, ""),
    (
        "refused over two lines",
        [*BEFORE, "535-5.7.3 No\n535 5.7.3 way"],
        "refused",
        "authenticate",
        "535 5.7.3 No way",
        "",
    ),
    ("refused at AUTH", [*BEFORE[:4], "504 5.7.4 No"], "refused", "authenticate", "504 5.7.4 No", ""),
    ("after a challenge", [*BEFORE, "334 eyJzdGF0dXMiOiI0MDEifQ==", REFUSED], "refused", "authenticate", REFUSED, ""),
    (
        "passwords only",
        [*BEFORE[:3], CLEAR.replace("STARTTLS", "AUTH LOGIN")],
        "refused",
        "capability",
        "",
        "but LOGIN",
    ),
    ("an old spelling", [*BEFORE[:3], "250-x\n250 AUTH=XOAUTH2", REFUSED], "refused", "authenticate", REFUSED, ""),
    ("not as this sender", [*BEFORE, LET_IN, NOT_AS, RESET, BYE], "refused", "command", NOT_AS, ""),
    ("dropped", [*BEFORE, LET_IN, "421 4.4.2 Timeout"], "refused", "command", "421 4.4.2 Timeout", ""),
    ("not wanted", ["554 5.7.1 No"], "refused", "greeting", "554 5.7.1 No", ""),
    ("an IMAP server", ["* OK hello"], "unreachable", "greeting", "* OK hello", "does not speak SMTP"),
    ("two codes", [GREETING, "250-a\n251 b"], "unreachable", "capability", "251 b", "does not speak SMTP"),
    ("half a reply", [GREETING, "250-a"], "unreachable", "capability", "", "closed the connection"),
    ("let in too soon", [*BEFORE[:4], LET_IN], "unreachable", "authenticate", LET_IN, "before a token was sent"),
    ("never content", [*BEFORE, "334 ", "334 "], "unreachable", "authenticate", "", "went on asking"),
    ("echo", [*BEFORE, f"535 {RESPONSE}"], "refused", "authenticate", "535 dXNlcj1hZGFA", ""),
    ("echo over lines", [*BEFORE, f"535-{CANARY[:7]}\n535 {CANARY[7:]}"], "refused", "authenticate", "535 ", ""),
]


@pytest.mark.parametrize(
    ("said", "outcome", "stage", "reply", "why"), [one[1:] for one in ENDINGS], ids=[one[0] for one in ENDINGS]
)
def test_each_ending(said: list[str], outcome: str, stage: str, reply: str, why: str) -> None:
    ends(Submission(SIGN_IN), said, outcome, stage, reply, why)


@pytest.mark.parametrize(
    ("lines", "code", "enhanced", "text"),
    [
        (["535 5.7.3 Authentication unsuccessful"], "535", "5.7.3", "535 5.7.3 Authentication unsuccessful"),
        (["550-5.7.1 a", "550 5.7.1 b"], "550", "5.7.1", "550 5.7.1 a b"),
        (["250 fine"], "250", "", "250 fine"),
        (["334"], "334", "", "334"),
        (["550 1.2.3.4 is listed"], "550", "", "550 1.2.3.4 is listed"),
    ],
)
def test_replies_are_read_with_their_enhanced_codes(lines: list[str], code: str, enhanced: str, text: str) -> None:
    found = submission.read(lines)
    assert (found.code, found.enhanced, found.text) == (code, enhanced, text)


@pytest.mark.parametrize("address", ["a@x>\r\nRCPT TO:<b@x", "a b@x", "a@x>", "<a@x", "", "ä@x", "a@x\0"])
def test_an_address_that_would_say_more_is_refused(address: str) -> None:
    with pytest.raises(SaslError, match=r"^sender"):
        Submission(SIGN_IN, senders=[address])


def test_a_password_is_sent_when_asked_and_not_shown() -> None:
    dialogue = Submission(basic.auth_login(USER, "top secret"))
    basic_off = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."
    sent = converse(dialogue, *BEFORE[:4], "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", basic_off, BYE)
    assert [base64.b64decode(one) for one in sent[4:6]] == [USER.encode(), b"top secret"]
    talk = told(dialogue)
    assert (talk.outcome, talk.reply) == ("refused", basic_off)
    assert "top secret" not in repr(talk)
    assert sent[5].strip() not in repr(talk)
