"""POP conversations: two lines for the sign-in, one count, and each ending."""

import base64
import json

import pytest

from mailauth import basic
from mailauth.pop import Pop
from tests.wiretalk import CANARY, RESPONSE, SIGN_IN, USER, converse, ends, told

NAME = base64.b64encode("FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM".encode("utf-16-le")).decode()
GREETING = f"+OK The Microsoft Exchange POP3 service is ready. [{NAME}]"
CAPA = "+OK\nTOP\nUIDL\nSASL PLAIN XOAUTH2\nUSER\n."
LET_IN = "+OK User successfully authenticated."
REFUSED = "-ERR Authentication failure: unknown user name or bad password."
STATE = "-ERR User is authenticated but not connected."
BYE = "+OK Microsoft Exchange Server POP3 server signing off."
ECHO = base64.b64encode(json.dumps({"status": f"no {CANARY}"}).encode()).decode()


def test_a_mailbox_that_opens_is_counted_and_left_as_it_was() -> None:
    dialogue = Pop(SIGN_IN)
    sent = converse(dialogue, GREETING, CAPA, "+ ", LET_IN, "+OK 1 57", BYE)
    assert sent == ["CAPA\r\n", "AUTH XOAUTH2\r\n", f"{RESPONSE}\r\n", "STAT\r\n", "QUIT\r\n"]
    talk = told(dialogue)
    assert (talk.outcome, talk.stage, talk.reply, talk.said) == ("ok", "done", "", "")
    assert talk.server == "FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM"
    assert talk.offered == ("TOP", "UIDL", "SASL PLAIN XOAUTH2", "USER")


def test_a_server_without_capa_is_asked_all_the_same() -> None:
    dialogue = Pop(SIGN_IN)
    converse(dialogue, GREETING, "-ERR Protocol error. 14", "+", LET_IN, "+OK 1 57", BYE)
    assert told(dialogue).outcome == "ok"


def test_a_challenge_is_answered_with_nothing_once() -> None:
    dialogue = Pop(SIGN_IN)
    sent = converse(dialogue, GREETING, CAPA, "+ ", f"+ {ECHO}", REFUSED, BYE)
    assert sent[3:] == ["\r\n", "QUIT\r\n"]
    assert told(dialogue).reply == REFUSED


ENDINGS = [
    ("refused", [GREETING, CAPA, "+ ", REFUSED], "refused", "authenticate", REFUSED, ""),
    ("not connected", [GREETING, CAPA, "+ ", LET_IN, STATE], "refused", "command", STATE, ""),
    (
        "no such mechanism",
        [GREETING, CAPA, "-ERR Protocol error. 14"],
        "refused",
        "authenticate",
        "-ERR Protocol error",
        "",
    ),
    (
        "passwords only",
        [GREETING, "+OK\nSASL PLAIN\n."],
        "refused",
        "capability",
        "",
        "does not offer XOAUTH2 but PLAIN",
    ),
    ("busy", ["-ERR Server Unavailable. 21"], "refused", "greeting", "-ERR Server Unavailable. 21", ""),
    ("an IMAP server", ["* OK hello"], "unreachable", "greeting", "* OK hello", "does not greet as a POP server"),
    ("asks at the greeting", ["+ "], "unreachable", "greeting", "+ ", "does not greet as a POP server"),
    ("gone", [GREETING, CAPA, "+ ", ""], "unreachable", "authenticate", "", "during the sign-in, without a reply"),
    ("half a list", [GREETING, "+OK\nSASL XOAUTH2"], "unreachable", "capability", "", "while it was asked"),
    ("asks at STAT", [GREETING, CAPA, "+ ", LET_IN, "+ "], "unreachable", "command", "+ ", "no answer of POP's"),
    ("nonsense", [GREETING, CAPA, "+OKAY"], "unreachable", "authenticate", "+OKAY", "no answer of POP's"),
    ("let in too soon", [GREETING, CAPA, LET_IN], "unreachable", "authenticate", "", "before a token was sent"),
    ("never content", [GREETING, CAPA, "+", "+", "+"], "unreachable", "authenticate", "", "went on asking"),
    ("echo", [GREETING, CAPA, "+", f"-ERR {CANARY} {ECHO}"], "refused", "authenticate", "-ERR <redacted>", ""),
]


@pytest.mark.parametrize(
    ("said", "outcome", "stage", "reply", "why"), [one[1:] for one in ENDINGS], ids=[one[0] for one in ENDINGS]
)
def test_each_ending(said: list[str], outcome: str, stage: str, reply: str, why: str) -> None:
    ends(Pop(SIGN_IN), said, outcome, stage, reply, why)


def test_user_and_pass_are_sent_when_asked_and_not_shown() -> None:
    dialogue = Pop(basic.pop_user(USER, "top secret"))
    said = "-ERR Logon failure: unknown user name or bad password."
    assert converse(dialogue, GREETING, CAPA, "+OK", said, BYE)[1:] == [
        f"USER {USER}\r\n",
        "PASS top secret\r\n",
        "QUIT\r\n",
    ]
    talk = told(dialogue)
    assert (talk.outcome, talk.stage, talk.reply) == ("refused", "authenticate", said)
    assert "top secret" not in repr(talk)
