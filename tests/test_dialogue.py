"""Whatever a server sends, in whatever pieces: the same events, an end, bounded memory, and no token before TLS."""

import itertools
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailauth import basic, dialogue
from mailauth.dialogue import Dialogue, Ended, Event, Received
from mailauth.errors import SaslError
from mailauth.imap import Imap
from mailauth.pop import Pop
from mailauth.proof import Line
from mailauth.submission import Submission
from tests import test_imap, test_pop, test_submission
from tests.wiretalk import CANARY, RESPONSE, SIGN_IN, TLS, USER, clean, converse, feed, told, wire

GOOD: dict[str, tuple[Callable[[], Dialogue], list[str]]] = {
    "imap": (
        lambda: Imap(SIGN_IN),
        [
            test_imap.GREETING,
            test_imap.OFFER,
            test_imap.LET_IN,
            test_imap.AFTER,
            test_imap.ID,
            '* LIST () "/" {5}\nfünf\n' + test_imap.LIST,
            test_imap.BYE,
        ],
    ),
    "pop": (
        lambda: Pop(SIGN_IN),
        [test_pop.GREETING, test_pop.CAPA, "+ ", test_pop.LET_IN, "+OK 1 57", test_pop.BYE],
    ),
    "smtp": (
        lambda: Submission(SIGN_IN),
        [
            *test_submission.BEFORE,
            test_submission.LET_IN,
            test_submission.SENDER,
            test_submission.RECIPIENT,
            test_submission.RESET,
            test_submission.BYE,
        ],
    ),
}
PROTOCOLS = sorted(GOOD)


def begun(make: Callable[[], Dialogue]) -> Dialogue:
    made = make()
    made.connected()
    if made.tls_first:
        made.secured(TLS)
    return made


def heard(protocol: str, cuts: list[int]) -> tuple[list[Event], bytes, list[Line]]:
    """Return the events, what was sent and the transcript of a good conversation, each reply cut in pieces."""
    make, replies = GOOD[protocol]
    made = begun(make)
    events, sent = [], b""
    for reply in replies:
        data = wire(reply)
        places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
        for start, stop in itertools.pairwise(places):
            events += feed(made, data[start:stop])
            sent += made.send()
    assert made.ended
    return events, sent, made.lines


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(cuts=st.lists(st.integers(0, 400), max_size=12))
@settings(deadline=None)
def test_bytes_in_any_pieces_give_the_same_events(protocol: str, cuts: list[int]) -> None:
    assert heard(protocol, cuts) == heard(protocol, [])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bytes_one_by_one_give_the_same_events(protocol: str) -> None:
    assert heard(protocol, list(range(400))) == heard(protocol, [])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_end_of_the_wire_is_an_end_at_any_byte(protocol: str) -> None:
    make, replies = GOOD[protocol]
    whole = [wire(reply) for reply in replies]
    for turn, data in enumerate(whole[:-1]):
        for size in range(0, len(data), 7):
            made = begun(make)
            for reply in [*whole[:turn], data[:size]]:
                if reply:
                    feed(made, reply)
                    made.send()
            (*_, last) = made.receive(b"")
            assert isinstance(last, Ended)
            assert last.outcome != "ok"
            clean(made.talk("h:1"))


BITS = st.sampled_from(
    """\
A1 OK|A2 NO x|A2 OK|+ |* BYE|* LIST () / {3}|* OK [CAPABILITY x]|* OK |* CAPABILITY AUTH=XOAUTH2|+OK|-ERR|.
SASL XOAUTH2|220 x|250-STARTTLS|250 STARTTLS|250 AUTH XOAUTH2|334 |235 |421 x|""".replace("\n", "|").split("|")
).map(lambda line: f"{line}\r\n".encode())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(pieces=st.lists(BITS | st.binary(min_size=1, max_size=40), max_size=60))
@settings(deadline=None, max_examples=100)
def test_anything_at_all_ends_cleanly(protocol: str, pieces: list[bytes]) -> None:
    made = begun(GOOD[protocol][0])
    sent = b""
    for piece in pieces:
        feed(made, piece)
        sent += made.send()
    made.receive(b"")
    assert made.ended
    assert sent.count(RESPONSE.encode()) <= 1
    assert made.tls is not None or b"AUTH" not in sent
    assert len(sent) < 4096 + len(RESPONSE)
    talk = told(made)
    assert talk.outcome in ("ok", "refused", "unreachable")
    assert made.receive(b"more") == []
    assert made.send() == b""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_endless_line_ends(protocol: str) -> None:
    made = begun(GOOD[protocol][0])
    fed = 0
    tracemalloc.start()
    while not made.ended:
        made.receive(b"x" * 16_384)
        fed += 16_384
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fed <= dialogue.LINE_BYTES + 2 * 16_384
    assert most < 4 * 1024 * 1024
    assert "a line of more than 65,536 bytes" in told(made).said


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param(b"* OK " + b"x" * 60_000 + b"\r\n", "more than 1,048,576 bytes", id="long lines"),
        pytest.param(b"* OK x\r\n" * 2_000, "more than 20,000 lines", id="many lines"),
        pytest.param(b"* LIST () / {60000}\r\n" + b"x" * 60_000 + b"\r\n", "announced 60,000 bytes", id="literals"),
        pytest.param(b"* X {0}\r\n" + b"{0}\r\n" * 2_000, "more than 20,000 lines", id="empty literals"),
    ],
)
def test_lines_without_end_end(line: bytes, complaint: str) -> None:
    made = begun(lambda: Imap(SIGN_IN))
    feed(made, wire(test_imap.GREETING))
    began = time.process_time()
    while not made.ended:
        made.receive(line)
    assert time.process_time() - began < 10
    talk = told(made)
    assert complaint in talk.said
    assert len(talk.lines) <= 1_001
    assert sum(len(one.text) for one in talk.lines) < 200_000


def test_a_server_that_talks_on_in_place_of_tls_ends() -> None:
    made = begun(lambda: Submission(SIGN_IN))
    for reply in (test_submission.GREETING, test_submission.CLEAR, test_submission.GO):
        made.receive(wire(reply))
    while not made.ended:
        made.receive(b"x" * 65_536)
    assert told(made).stage == "tls"


def test_a_long_line_is_kept_in_part() -> None:
    made = begun(lambda: Imap(SIGN_IN))
    (event, *_) = made.receive(b"* OK " + b"x" * 5_000 + b"\r\n")
    assert isinstance(event, Received)
    assert event.text.endswith("xx… (3,005 more characters)")


def test_times_are_the_clocks() -> None:
    times = iter(range(0, 10_000, 10))
    made = Imap(SIGN_IN, clock=lambda: next(times))
    converse(made, "* BYE")
    talk = told(made)
    assert [(line.at_ms, line.way, line.text) for line in talk.lines] == [
        (0, "note", "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (10, "received", "* BYE"),
    ]
    assert talk.took_ms == 20


def test_an_outcome_stands_whatever_the_goodbye_is_like() -> None:
    make, replies = GOOD["pop"]
    made = make()
    converse(made, *replies[:-1], closes=False)
    made.failed("The wire burned.")
    talk = told(made)
    assert (talk.outcome, talk.stage, talk.said) == ("ok", "done", "")
    assert talk.lines[-1].text == "The wire burned. The outcome stands."


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        ("[RgBSADAAUAAyADgAMQA=]", "FR0P281"),
        ("[CAPABILITY IMAP4rev1]", ""),
        ("[AAAAAAAAAAAA]", ""),
        ("[" + "A" * 5_000 + "]", ""),
        ("no name", ""),
        ("[" + b64encode("<b>evil</b>".encode("utf-16-le")).decode() + "]", ""),
    ],
)
def test_the_servers_name_is_decoded_where_it_is_one(greeting: str, name: str) -> None:
    assert dialogue.server_name(greeting) == name


@pytest.mark.parametrize(
    "make",
    [dialogue.bearer, basic.auth_plain, basic.auth_login, basic.imap_login, basic.pop_user],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("user", ["a@b\r\nA1 DELETE INBOX", "a@b\n", "a\0@b", "a@b\x01auth=Bearer x", ""])
def test_no_sign_in_is_made_of_what_would_say_more(make: Callable[[str, str], object], user: str) -> None:
    with pytest.raises(SaslError, match=r"^user ") as caught:
        make(user, CANARY)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [dialogue.bearer, basic.auth_plain, basic.auth_login, basic.imap_login, basic.pop_user],
    ids=lambda make: make.__name__,
)
def test_a_sign_in_does_not_show_its_secret(make: Callable[[str, str], object]) -> None:
    assert CANARY[:12] not in repr(make(USER, CANARY))
    assert RESPONSE[40:60] not in repr(make(USER, CANARY))
