"""IMAP conversations: what is asked in which order, and how each way that a server can answer ends."""

import base64
import json

import pytest

from mailauth import basic
from mailauth.imap import Imap
from tests.wiretalk import CANARY, RESPONSE, SIGN_IN, USER, converse, ends, feed, told, wire

NAME = base64.b64encode("FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM".encode("utf-16-le")).decode()
GREETING = f"* OK The Microsoft Exchange IMAP4 service is ready. [{NAME}]"
OFFER = (
    "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE "
    "LITERAL+\nA1 OK CAPABILITY completed."
)
LET_IN = "A2 OK AUTHENTICATE completed."
AFTER = (
    "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES "
    "CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+\nA3 OK CAPABILITY completed."
)
ID = '* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")\nA4 OK ID completed.'
LIST = '* LIST (\\HasNoChildren) "/" INBOX\n* LIST (\\HasNoChildren) "/" "Kündigung Müller"\nA5 OK LIST completed.'
BYE = "* BYE Microsoft Exchange Server IMAP4 server signing off.\nA6 OK LOGOUT completed."
GOOGLE = base64.b64encode(json.dumps({"status": "400", "schemes": "Bearer", "scope": "https://x/"}).encode()).decode()
ECHO = base64.b64encode(json.dumps({"status": f"no {CANARY}"}).encode()).decode()


def test_a_mailbox_that_opens_is_asked_all_in_order() -> None:
    dialogue = Imap(SIGN_IN)
    sent = converse(dialogue, GREETING, OFFER, LET_IN, AFTER, ID, LIST, BYE)
    assert sent == [
        "A1 CAPABILITY\r\n",
        f"A2 AUTHENTICATE XOAUTH2 {RESPONSE}\r\n",
        "A3 CAPABILITY\r\n",
        'A4 ID ("name" "mailauth")\r\n',
        'A5 LIST "" "*"\r\n',
        "A6 LOGOUT\r\n",
    ]
    talk = told(dialogue)
    assert (talk.outcome, talk.stage, talk.reply, talk.said) == ("ok", "done", "", "")
    assert talk.server == "FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM"
    assert {"AUTH=XOAUTH2", "SASL-IR"} < set(talk.offered)
    assert "CLIENTACCESSRULES" in set(talk.offered_after) - set(talk.offered)
    assert f"A2 AUTHENTICATE XOAUTH2 <user={USER} auth=Bearer <{len(CANARY)} characters>>" in [
        line.text for line in talk.lines
    ]


def test_the_token_waits_for_its_line_where_the_server_wants_two() -> None:
    dialogue = Imap(SIGN_IN)
    sent = converse(dialogue, GREETING, OFFER.replace("SASL-IR ", ""), "+ ", LET_IN, AFTER, ID, LIST, BYE)
    assert sent[1:3] == ["A2 AUTHENTICATE XOAUTH2\r\n", f"{RESPONSE}\r\n"]
    assert told(dialogue).outcome == "ok"


@pytest.mark.parametrize(("initial", "offer"), [(False, OFFER), (True, OFFER.replace("SASL-IR ", ""))])
def test_either_form_can_be_asked_for(initial: bool, offer: str) -> None:
    dialogue = Imap(SIGN_IN, initial=initial)
    assert (RESPONSE in converse(dialogue, GREETING, offer)[1]) is initial


def test_folder_names_are_counted_and_not_kept() -> None:
    dialogue = Imap(SIGN_IN)
    literal = '* LIST () "/" {8}\nGeheim\n1\n* list () "/" {3+}\n{9}\n'
    converse(dialogue, GREETING, OFFER, LET_IN, AFTER, ID, literal + LIST, BYE)
    talk = told(dialogue)
    assert talk.outcome == "ok"
    assert "4 folders; their names are not shown" in [line.text for line in talk.lines]
    assert not any(word in repr(talk) for word in ("Kündigung", "Geheim", "INBOX"))


@pytest.mark.parametrize(
    "half", ['* LIST () "/" "Geheim', '* LIST () "/" {20}\nGeheim', '* LIST () "/" {6}\nGeheim Geheim']
)
def test_half_a_folder_name_is_not_kept_either(half: str) -> None:
    dialogue = Imap(SIGN_IN)
    converse(dialogue, GREETING, OFFER, LET_IN, AFTER, ID, closes=False)
    feed(dialogue, wire(half).removesuffix(b"\r\n"))
    dialogue.receive(b"")
    talk = told(dialogue)
    assert (talk.outcome, talk.stage) == ("unreachable", "command")
    assert "Geheim" not in repr(talk)


def test_folder_names_and_the_inbox_are_shown_when_asked_for() -> None:
    dialogue = Imap(SIGN_IN, names=True, examine=True)
    examined = "* 1 EXISTS\n* OK [UIDVALIDITY 1] {5}\nA6 OK [READ-ONLY] EXAMINE completed."
    sent = converse(dialogue, GREETING, OFFER, LET_IN, AFTER, ID, LIST, examined, BYE.replace("A6", "A7"))
    assert sent[-2:] == ["A6 EXAMINE INBOX\r\n", "A7 LOGOUT\r\n"]
    talk = told(dialogue)
    assert talk.outcome == "ok"
    assert '* LIST (\\HasNoChildren) "/" "Kündigung Müller"' in [line.text for line in talk.lines]


def test_what_is_said_beside_the_answer_is_no_failure() -> None:
    dialogue = Imap(SIGN_IN)
    beside = "* OK Still here\n* 3 EXISTS\n* NO Low disk\n"
    converse(dialogue, beside.splitlines()[0], beside + OFFER, beside + LET_IN, AFTER, ID, LIST, BYE)
    assert told(dialogue).outcome == "ok"


def test_a_challenge_is_answered_with_nothing_once() -> None:
    dialogue = Imap(SIGN_IN)
    sent = converse(dialogue, GREETING, OFFER, f"+ {GOOGLE}", "A2 NO AUTHENTICATE failed.", "* BYE\nA3 OK done")
    assert sent[2:] == ["\r\n", "A3 LOGOUT\r\n"]
    talk = told(dialogue)
    assert (talk.outcome, talk.stage, talk.reply) == ("refused", "authenticate", "NO AUTHENTICATE failed.")
    assert "the challenge says: status 400, scope https://x/" in [line.text for line in talk.lines]


NOT_CONNECTED = "A5 BAD User is authenticated but not connected."
ENDINGS = [
    (
        "refused",
        [GREETING, OFFER, "A2 NO AUTHENTICATE failed."],
        "refused",
        "authenticate",
        "NO AUTHENTICATE failed.",
        "",
    ),
    (
        "not connected, told at LIST",
        [GREETING, OFFER, LET_IN, AFTER, ID, NOT_CONNECTED],
        "refused",
        "command",
        "BAD User is authenticated but not connected.",
        "",
    ),
    (
        "not connected, told at ID and gone",
        [GREETING, OFFER, LET_IN, AFTER, NOT_CONNECTED.replace("A5", "A4"), "* BYE Connection closed. 14"],
        "refused",
        "command",
        "BAD User is authenticated but not connected.",
        "",
    ),
    (
        "not connected, told untagged and gone",
        [GREETING, OFFER, LET_IN, AFTER, ID, "* BAD User is authenticated but not connected."],
        "refused",
        "command",
        "* BAD User is authenticated but not connected.",
        "The server closed the connection then.",
    ),
    (
        "expired",
        [GREETING, OFFER, LET_IN, AFTER, ID, "* BYE Session invalidated - AccessTokenExpired"],
        "refused",
        "command",
        "* BYE Session invalidated - AccessTokenExpired",
        "",
    ),
    (
        "throttled",
        [GREETING, OFFER, "A2 BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds"],
        "refused",
        "authenticate",
        "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds",
        "",
    ),
    ("a goodbye for a greeting", ["* BYE Too many"], "refused", "greeting", "* BYE Too many", ""),
    ("a web server", ["HTTP/1.1 400 Bad Request"], "unreachable", "greeting", "HTTP/1.1 400 Bad Request", "greet"),
    ("let in unasked", ["* PREAUTH hello"], "unreachable", "greeting", "* PREAUTH hello", "before anybody signed in"),
    ("silence", [""], "unreachable", "greeting", "", "closed the connection before it greeted"),
    ("no list", [GREETING, "A1 BAD Command Error. 12"], "refused", "capability", "BAD Command Error. 12", ""),
    (
        "passwords only",
        [GREETING, "* CAPABILITY IMAP4rev1 AUTH=PLAIN\nA1 OK"],
        "refused",
        "capability",
        "",
        "does not offer XOAUTH2 but PLAIN; nothing secret was sent",
    ),
    (
        "nothing",
        [GREETING, "* CAPABILITY IMAP4rev1 LOGINDISABLED\nA1 OK"],
        "refused",
        "capability",
        "",
        "no sign-in at all",
    ),
    ("gone at the sign-in", [GREETING, OFFER, ""], "unreachable", "authenticate", "", "during the sign-in, without a"),
    ("another's tag", [GREETING, OFFER, "A9 OK in"], "unreachable", "authenticate", "A9 OK in", "was not sent"),
    ("an old tag", [GREETING, OFFER, "A1 OK in"], "unreachable", "authenticate", "A1 OK in", "was not sent"),
    ("an odd status", [GREETING, OFFER, "A2 MAYBE"], "unreachable", "authenticate", "A2 MAYBE", "was not sent"),
    ("an empty line", [GREETING, OFFER, "\n"], "unreachable", "authenticate", "", "an empty line"),
    ("asked unasked", [GREETING, "+ go on"], "unreachable", "capability", "+ go on", "nothing was to be said"),
    ("never content", [GREETING, OFFER, "+ ", "+ "], "unreachable", "authenticate", "", "went on asking"),
    ("echo", [GREETING, OFFER, f"A2 NO {RESPONSE} {CANARY}"], "refused", "authenticate", "NO dXNlcj1hZGFA", ""),
    ("echo in a challenge", [GREETING, OFFER, f"+ {ECHO}", "A2 NO no"], "refused", "authenticate", "NO no", ""),
    (
        "echo in pieces",
        [GREETING, OFFER, f"* NO {CANARY[:40]}\n* NO {CANARY[40:80]}\nA2 NO {CANARY[80:]}"],
        "refused",
        "authenticate",
        "NO <redacted>",
        "",
    ),
    (
        "echo later",
        [GREETING, OFFER, LET_IN, AFTER.replace("MOVE", CANARY), ID, "A5 NO no"],
        "refused",
        "command",
        "NO no",
        "",
    ),
    ("a huge piece", [GREETING, "* X {9999999999}"], "unreachable", "capability", "", "announced 9,999,999,999 bytes"),
]


@pytest.mark.parametrize(
    ("said", "outcome", "stage", "reply", "why"), [one[1:] for one in ENDINGS], ids=[one[0] for one in ENDINGS]
)
def test_each_ending(said: list[str], outcome: str, stage: str, reply: str, why: str) -> None:
    dialogue = Imap(SIGN_IN)
    ends(dialogue, said, outcome, stage, reply, why)
    assert dialogue.ended


def test_a_server_that_lets_in_before_the_token_proves_nothing() -> None:
    dialogue = Imap(SIGN_IN, initial=False)
    sent = converse(dialogue, GREETING, OFFER, LET_IN)
    talk = told(dialogue)
    assert (talk.outcome, talk.stage) == ("unreachable", "authenticate")
    assert "before a token was sent" in talk.said
    assert not any(RESPONSE in one for one in sent)


def test_control_characters_stay_as_data() -> None:
    dialogue = Imap(SIGN_IN)
    converse(dialogue, GREETING, OFFER, "A2 NO \x1b[31mred\x07\0")
    assert told(dialogue).reply == "NO \x1b[31mred\x07\0"


def test_a_password_is_sent_by_login_when_asked_and_not_shown() -> None:
    dialogue = Imap(basic.imap_login(USER, 'top "secret"'))
    sent = converse(dialogue, GREETING, OFFER, 'A2 NO LOGIN failed. top "secret"')
    assert sent[1] == f'A2 LOGIN "{USER}" "top \\"secret\\""\r\n'
    talk = told(dialogue)
    assert (talk.outcome, talk.reply) == ("refused", "NO LOGIN failed. <redacted>")
    assert "top" not in repr(talk)


def test_no_password_is_sent_where_login_is_disabled() -> None:
    dialogue = Imap(basic.imap_login(USER, "top secret"))
    sent = converse(dialogue, GREETING, "* CAPABILITY IMAP4rev1 LOGINDISABLED\nA1 OK")
    assert not any("top secret" in one for one in sent)
    assert "LOGINDISABLED" in told(dialogue).said
