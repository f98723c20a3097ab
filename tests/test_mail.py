"""One socket, one deadline: hostile servers end in time, no token goes out before TLS is verified, roads are found."""

import _thread
import base64
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mailauth import basic
from mailauth.dialogue import bearer
from mailauth.errors import ConfigurationError, SaslError
from mailauth.proof import Talk
from mailauth.services import mail
from mailauth.tenants import Protocol
from tests import test_imap, test_submission
from tests.mailserver import Act, Line, Server, cloud, issued, serving
from tests.wiretalk import CANARY, RESPONSE, USER, clean

IMAP = {
    "CAPABILITY": "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR\nTAG OK done",
    "AUTHENTICATE": "TAG OK AUTHENTICATE completed.",
    "LIST": '* LIST () "/" INBOX\nTAG OK LIST completed.',
    "LOGOUT": "* BYE\nTAG OK bye",
    "": "TAG BAD what",
}


def imap(line: Line) -> None:
    line.say(test_imap.GREETING)
    line.answer(IMAP)


def tried(
    address: str, ca_file: Path | None, protocol: Protocol = "imap", *, proxy: str = "none", s: float = 10
) -> Talk:
    return clean(mail.talk(cloud(address, ca_file, proxy=proxy), protocol, bearer(USER, CANARY), timeout_s=s))


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return issued(tmp_path_factory.mktemp("ca"), "localhost", "127.0.0.1", "::1")


@pytest.fixture
def good(trusted: tuple[ssl.SSLContext, Path]) -> Iterator[tuple[Server, Path]]:
    with serving(imap, context=trusted[0]) as server:
        yield server, trusted[1]


def test_a_conversation_tells_what_was_negotiated(good: tuple[Server, Path]) -> None:
    server, ca_file = good
    talk = tried(server.address, ca_file)
    assert (talk.outcome, talk.stage, talk.said) == ("ok", "done", "")
    assert talk.tls is not None
    assert talk.tls.version == "TLSv1.3"
    assert "localhost" in talk.tls.names
    assert talk.tls.ends_at is not None
    assert talk.tls.ends_at.tzinfo is not None
    assert (talk.host, talk.address) == (server.address, server.address.replace("localhost", "127.0.0.1"))
    assert RESPONSE.encode() in server.seen


def test_tls_1_2_is_spoken_too(trusted: tuple[ssl.SSLContext, Path], tmp_path: Path) -> None:
    context, ca_file = issued(tmp_path, "localhost")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(imap, context=context) as server:
        talk = tried(server.address, ca_file)
    assert talk.outcome == "ok"
    assert talk.tls is not None
    assert talk.tls.version == "TLSv1.2"


# --- no token before TLS is verified --------------------------------------------------------------


def starttls(context: ssl.SSLContext, *, clear: str = test_submission.CLEAR, go: str = test_submission.GO) -> Act:
    def act(line: Line) -> None:
        line.say(test_submission.GREETING)
        while said := line.hear():
            if said == "STARTTLS":
                line.say(go)
                if go.startswith("220"):
                    line.secure(context)
            elif said.startswith("EHLO"):
                secured = isinstance(line.sock, ssl.SSLSocket)
                line.say(test_submission.SECURED if secured else clear)
            elif said.startswith("AUTH"):
                line.say("334 ")
            elif said == "QUIT":
                line.say(test_submission.BYE)
                return
            else:
                line.say("250 2.0.0 fine" if said[:4] in ("MAIL", "RCPT", "RSET") else test_submission.LET_IN)

    return act


@pytest.mark.parametrize("protocol", ["imap", "smtp"])
@pytest.mark.parametrize("fault", ["unknown authority", "another name", "the system's trust"])
def test_no_token_is_sent_to_a_server_that_is_not_verified(protocol: Protocol, fault: str, tmp_path: Path) -> None:
    context, ca_file = issued(tmp_path, "mail.contoso.example" if fault == "another name" else "localhost")
    trust = {"unknown authority": issued(tmp_path, "localhost")[1], "another name": ca_file}.get(fault)
    act = imap if protocol == "imap" else starttls(context)
    with serving(act, context=context if protocol == "imap" else None) as server:
        talk = tried(server.address, trust, protocol)
    assert (talk.outcome, talk.stage, talk.tls) == ("unreachable", "tls", None)
    assert "is not to be trusted" in talk.said
    assert RESPONSE.encode() not in server.seen
    assert b"AUTH" not in server.seen


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["TLS 1.0", "TLS 1.1"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_an_old_version_is_told_apart(version: ssl.TLSVersion, tmp_path: Path) -> None:
    context, ca_file = issued(tmp_path, "localhost")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    with serving(imap, context=context) as server:
        talk = tried(server.address, ca_file)
    assert (talk.outcome, talk.stage) == ("unreachable", "tls")
    assert "share no TLS version from 1.2 on" in talk.said
    assert server.seen == b""


def test_a_submission_goes_under_tls(trusted: tuple[ssl.SSLContext, Path]) -> None:
    with serving(starttls(trusted[0])) as server:
        talk = tried(server.address, trusted[1], "smtp")
    assert (talk.outcome, talk.said) == ("ok", "")
    assert server.seen.index(b"STARTTLS") < server.seen.index(RESPONSE.encode())


@pytest.mark.parametrize(
    ("clear", "go"),
    [
        pytest.param(test_submission.SECURED, test_submission.GO, id="stripped"),
        pytest.param(test_submission.CLEAR, "454 4.7.0 TLS not available due to temporary reason", id="refused"),
    ],
)
def test_a_downgrade_gets_no_token(clear: str, go: str, trusted: tuple[ssl.SSLContext, Path]) -> None:
    with serving(starttls(trusted[0], clear=clear, go=go)) as server:
        talk = tried(server.address, trusted[1], "smtp")
    assert (talk.outcome, talk.stage) == ("refused", "tls")
    assert talk.reply == (go if clear == test_submission.CLEAR else "")
    assert b"AUTH" not in server.seen
    assert RESPONSE.encode() not in server.seen


def test_what_is_injected_before_tls_is_thrown_away(trusted: tuple[ssl.SSLContext, Path]) -> None:
    injected = test_submission.GO + "\n250 AUTH XOAUTH2\n334 \n235 2.7.0 in"
    with serving(starttls(trusted[0], go=injected)) as server:
        talk = tried(server.address, trusted[1], "smtp")
    assert talk.outcome == "ok"
    assert talk.offered == ("SIZE 157286400", "AUTH LOGIN XOAUTH2", "SMTPUTF8")
    assert "bytes came in the clear" in talk.said


def test_a_server_that_speaks_no_tls_is_told_apart(trusted: tuple[ssl.SSLContext, Path]) -> None:
    with serving(imap) as server:
        talk = tried(server.address, trusted[1])
    assert (talk.outcome, talk.stage) == ("unreachable", "tls")
    assert "does not answer with TLS" in talk.said
    assert RESPONSE.encode() not in server.seen


# --- one deadline ---------------------------------------------------------------------------------


def drip(line: Line) -> None:
    with suppress(OSError):
        for sign in b"* OK " + b"x" * 30:
            line.sock.sendall(bytes([sign]))
            time.sleep(0.3)


def flood(line: Line) -> None:
    line.say(test_imap.GREETING)
    line.hear()
    with suppress(OSError):
        for _ in range(1600):
            line.sock.sendall(b"x" * 65_536)


def silence(line: Line) -> None:
    line.hear()


def slow_goodbye(line: Line) -> None:
    line.say(test_imap.GREETING)
    line.answer({**IMAP, "LOGOUT": "* STILL HERE"})


@pytest.mark.parametrize("act", [drip, silence], ids=["a drip", "silence"])
@pytest.mark.parametrize("secure", [True, False], ids=["under TLS", "in place of TLS"])
def test_a_deadline_counts_for_all_of_it(act: Act, secure: bool, trusted: tuple[ssl.SSLContext, Path]) -> None:
    with serving(act, context=trusted[0] if secure else None) as server:
        began = time.monotonic()
        talk = tried(server.address, trusted[1], s=2)
        took = time.monotonic() - began
    assert took < 8  # the drip goes on for ten seconds, and the silence for good
    assert talk.outcome == "unreachable"
    assert "took longer than 2 seconds" in talk.said or not secure
    assert talk.stage == ("greeting" if secure else "tls")


def test_ctrl_c_closes_the_connection(trusted: tuple[ssl.SSLContext, Path]) -> None:
    closed = threading.Event()

    def act(line: Line) -> None:
        line.say(test_imap.GREETING)
        line.hear()
        _thread.interrupt_main()
        line.say("* OK a wait that nothing ends would not notice it")
        try:
            while line.hear():
                pass
        finally:
            closed.set()

    with serving(act, context=trusted[0]) as server:
        with pytest.raises(KeyboardInterrupt):
            tried(server.address, trusted[1], s=30)
        assert closed.wait(30)


def test_a_line_of_a_hundred_megabytes_costs_little(trusted: tuple[ssl.SSLContext, Path]) -> None:
    with serving(flood, context=trusted[0]) as server:
        tracemalloc.start()
        began = time.process_time()
        talk = tried(server.address, trusted[1])
        took = time.process_time() - began
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "a line of more than 65,536 bytes" in talk.said
    assert took < 5
    assert most < 16 * 1024 * 1024


def test_a_server_that_does_not_say_goodbye_is_left(trusted: tuple[ssl.SSLContext, Path]) -> None:
    with serving(slow_goodbye, context=trusted[0]) as server:
        talk = tried(server.address, trusted[1], s=60)
    assert (talk.outcome, talk.stage) == ("ok", "done")
    assert talk.took_ms < 30_000


def test_wrong_tags_end(trusted: tuple[ssl.SSLContext, Path]) -> None:
    def act(line: Line) -> None:
        line.say(test_imap.GREETING)
        line.answer({"": "Z9 OK done"})

    with serving(act, context=trusted[0]) as server:
        talk = tried(server.address, trusted[1])
    assert (talk.outcome, talk.stage, talk.reply) == ("unreachable", "capability", "Z9 OK done")


# --- roads ----------------------------------------------------------------------------------------


def test_a_refused_connection_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        talk = tried(f"127.0.0.1:{taken.getsockname()[1]}", None)
    assert (talk.outcome, talk.stage) == ("unreachable", "connect")
    assert "refused the connection" in talk.said


def test_a_name_that_is_none_is_said() -> None:
    talk = tried("no-such-host.invalid:993", None)
    assert (talk.outcome, talk.stage) == ("unreachable", "connect")
    assert talk.said == "The name no-such-host.invalid was not found."


def test_a_reset_is_said() -> None:
    def act(line: Line) -> None:
        line.say(test_submission.GREETING)
        line.hear()
        line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(act) as server:
        talk = tried(server.address, None, "smtp")
    assert (talk.outcome, talk.stage) == ("unreachable", "capability")
    assert "was reset during the list of what is offered" in talk.said


def test_ipv6_is_spoken(trusted: tuple[ssl.SSLContext, Path]) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no ::1")
    with serving(imap, host="::1", context=trusted[0]) as server:
        talk = tried(server.address, trusted[1])
    assert talk.outcome == "ok"
    assert talk.address == server.address


def test_a_name_with_two_families_is_reached_by_the_one_that_listens(good: tuple[Server, Path]) -> None:
    # localhost is ::1 as well where there is IPv6, and this server listens on 127.0.0.1 alone.
    server, ca_file = good
    assert tried(server.address, ca_file).address.startswith("127.0.0.1:")


class ConnectProxy:
    """A proxy that knows CONNECT alone, and what it was asked."""

    def __init__(self, status: str = "200 Connection established") -> None:
        self.asked: list[str] = []
        self.status = status

    def __call__(self, line: Line) -> None:
        head = [line.hear()]
        while head[-1]:
            head.append(line.hear())
        self.asked.append("\n".join(head))
        line.say(f"HTTP/1.1 {self.status}\nVia: a test\n")
        if self.status.startswith("200"):
            host, _, port = head[0].split(" ")[1].rpartition(":")
            with socket.create_connection((host, int(port)), timeout=10) as onward:
                other = threading.Thread(target=_pump, args=(onward, line.sock), daemon=True)
                other.start()
                _pump(line.sock, onward)
                other.join(10)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("protocol", ["imap", "smtp"])
def test_a_proxy_connects_and_sees_nothing(protocol: Protocol, trusted: tuple[ssl.SSLContext, Path]) -> None:
    act, proxy = imap if protocol == "imap" else starttls(trusted[0]), ConnectProxy()
    with (
        serving(act, context=trusted[0] if protocol == "imap" else None) as server,
        serving(proxy) as between,
    ):
        talk = tried(server.address, trusted[1], protocol, proxy=f"http://{between.address}")
    assert talk.outcome == "ok"
    assert talk.address == between.address.replace("localhost", "127.0.0.1")
    assert proxy.asked[0].startswith(f"CONNECT {server.address} HTTP/1.1\n")
    assert RESPONSE.encode() not in between.seen


def test_the_environments_proxy_is_taken_but_for_no_proxy(
    good: tuple[Server, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, ca_file = good
    proxy = ConnectProxy()
    with serving(proxy) as between:
        for name in ("http_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", f"http://ada:s3cret-word@{between.address}")
        talk = tried(server.address, ca_file, proxy="environment")
        assert talk.outcome == "ok"
        assert "Proxy-Authorization: Basic " + base64.b64encode(b"ada:s3cret-word").decode() in proxy.asked[0]
        assert "s3cret" not in repr(talk)
        monkeypatch.setenv("no_proxy", "localhost")
        assert tried(server.address, ca_file, proxy="environment").outcome == "ok"
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("403 Forbidden", "The proxy does not connect to localhost:993: HTTP/1.1 403 Forbidden"),
        (
            "407 Basic YWRhOnMzY3JldC13b3Jk",
            "The proxy does not connect to localhost:993: HTTP/1.1 407 Basic <redacted>",
        ),
        ("no HTTP " + "x" * 20_000, "The proxy gave no answer to CONNECT localhost:993 that HTTP knows."),
    ],
    ids=["refuses", "echoes", "talks on"],
)
def test_a_proxy_that_refuses_is_quoted(status: str, said: str) -> None:
    with serving(ConnectProxy(status)) as between:
        talk = tried("localhost:993", None, proxy=f"http://ada:s3cret-word@{between.address}")
    assert (talk.outcome, talk.stage, talk.said) == ("unreachable", "connect", said)


def test_a_proxy_of_another_kind_is_refused() -> None:
    talk = tried("localhost:993", None, proxy="socks5://localhost:1080")
    assert talk.said == "The proxy is of the kind 'socks5'; mail goes through http:// proxies only."


# --- what is asked --------------------------------------------------------------------------------


def test_nothing_is_sent_for_a_user_that_would_say_more(good: tuple[Server, Path]) -> None:
    server, ca_file = good
    for protocol in ("imap", "pop", "smtp"):
        with pytest.raises(SaslError, match="control character") as caught:
            mail.talk(cloud(server.address, ca_file), protocol, bearer(f"{USER}\r\nX", CANARY))
        assert CANARY not in str(caught.value)
    assert server.seen == b""


def test_a_password_is_tried_only_with_a_sign_in_made_for_it(good: tuple[Server, Path]) -> None:
    server, ca_file = good
    talk = mail.talk(cloud(server.address, ca_file), "imap", basic.imap_login(USER, "top secret"))
    assert (talk.outcome, talk.reply) == ("refused", "BAD what")
    assert b'LOGIN "ada@contoso.example" "top secret"' in server.seen
    assert "top secret" not in repr(talk)


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", tmp_path / "odd.pem"):
        if path.name == "odd.pem":
            path.write_text("no certificate", encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"cloud test: ca_file: .* cannot be read"):
            tried("localhost:993", path)
