"""services/loopback: one answer to a link of ours is taken at this machine; whatever else asks is not."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from urllib.parse import urlencode

import pytest

from mailauth import clouds, consent
from mailauth.consent import Answer, AppLinks
from mailauth.errors import ConfigurationError
from mailauth.services import loopback

APP = "22222222-2222-2222-2222-222222222222"
TENANT = "11111111-1111-1111-1111-111111111111"
PUBLIC = clouds.built_in()["public"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def links() -> AppLinks:
    return made(f"http://localhost:{free_port()}")


def made(redirect_uri: str) -> AppLinks:
    return consent.for_app(PUBLIC, tenant=TENANT, app="relay", client_id=APP, redirect_uri=redirect_uri, key=b"key")


def port_of(links: AppLinks) -> int:
    return int(links.redirect_uri.rpartition(":")[2])


def answer(links: AppLinks, **fields: str) -> str:
    return "/?" + urlencode({"admin_consent": "True", "tenant": TENANT, "state": links.state, **fields})


@contextmanager
def waiting(links: AppLinks, wait_s: float = 20.0) -> Iterator["SimpleQueue[Answer | None]"]:
    found: SimpleQueue[Answer | None] = SimpleQueue()
    thread = threading.Thread(
        target=lambda: found.put(loopback.wait([links], tenant_id=TENANT, wait_s=wait_s)), daemon=True
    )
    thread.start()
    until = time.monotonic() + 5
    while not listens(port_of(links)):
        assert time.monotonic() < until
        time.sleep(0.01)
    yield found
    thread.join(10)
    assert not thread.is_alive()
    assert not listens(port_of(links))


def listens(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def ask(links: AppLinks, path: str, *, host: str = "127.0.0.1", method: str = "GET") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(host, port_of(links), timeout=5)
    connection.request(method, path, headers={"Host": f"localhost:{port_of(links)}"})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text, reply.headers.get("Content-Security-Policy", "")


def test_the_answer_to_a_link_is_taken_and_the_browser_told_to_go(links: AppLinks) -> None:
    with waiting(links) as found:
        status, page, policy = ask(links, answer(links))
    assert found.get() == Answer(True, app="relay", tenant=TENANT)
    assert (status, "You can close this window" in page, policy) == (200, True, "default-src 'none'")


def test_a_no_is_an_answer_too_and_is_not_shown_in_the_page(links: AppLinks) -> None:
    said = "AADSTS65004: <script>alert(1)</script> declined.\r\nTrace ID: x"
    with waiting(links) as found:
        _, page, _ = ask(links, answer(links, error="access_denied", error_description=said))
    taken = found.get()
    assert taken is not None
    assert (taken.granted, taken.error, taken.code) == (False, "access_denied", "AADSTS65004")
    assert "script" not in page


def test_another_tenant_in_the_answer_is_a_doubt(links: AppLinks) -> None:
    with waiting(links) as found:
        ask(links, answer(links, tenant=APP))
    taken = found.get()
    assert taken is not None
    assert taken.doubts == (f"It speaks of tenant {APP}, and {TENANT} was asked.",)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/favicon.ico", id="an icon"),
        pytest.param("/?admin_consent=True", id="no state"),
        pytest.param("/?admin_consent=True&state=0123456789abcdef", id="a made-up state"),
        pytest.param("/?code=x&state=STATE", id="a code"),
        pytest.param("/?admin_consent=True&state=STATE&x=" + "a" * 9_000, id="far too long"),
        pytest.param("//[?admin_consent=True", id="no address"),
    ],
)
def test_whatever_else_asks_is_not_taken_and_the_wait_goes_on(links: AppLinks, path: str) -> None:
    with waiting(links) as found:
        status, page, _ = ask(links, path.replace("STATE", links.state))
        assert (status, "Nothing to see here" in page, found.empty()) == (404, True, True)
        ask(links, answer(links))
    assert found.get() is not None


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS"])
def test_only_a_page_that_is_opened_counts(links: AppLinks, method: str) -> None:
    with waiting(links) as found:
        assert ask(links, answer(links), method=method)[0] == 501
        assert found.empty()
        ask(links, answer(links))
    assert found.get() is not None


def test_a_connection_that_says_nothing_keeps_nobody_waiting(links: AppLinks) -> None:
    with waiting(links) as found, socket.create_connection(("127.0.0.1", port_of(links))) as idle:
        idle.sendall(b"GET /?adm")
        ask(links, answer(links))
        assert found.get() is not None


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="the loopback interface has no IPv6")
def test_a_browser_that_tries_the_newer_address_first_is_heard(links: AppLinks) -> None:
    with waiting(links) as found:
        until = time.monotonic() + 5
        while not listens(port_of(links), "::1") and time.monotonic() < until:
            time.sleep(0.01)
        ask(links, answer(links), host="::1")
    assert found.get() is not None


def test_nobody_beyond_this_machine_can_ask(links: AppLinks) -> None:
    with waiting(links, 0.5) as found:
        others = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
        beyond = [host for host in others if not host.startswith("127.") and host != "::1"]
        assert not any(listens(port_of(links), host) for host in beyond)
    assert found.get() is None


def test_it_ends_after_its_time_without_an_answer(links: AppLinks) -> None:
    began = time.monotonic()
    assert loopback.wait([links], tenant_id=TENANT, wait_s=0.2) is None
    assert time.monotonic() - began < 30


def test_a_port_that_is_taken_is_said_with_what_to_do(links: AppLinks) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port_of(links)))
        other.listen()
        with pytest.raises(ConfigurationError, match=rf"^Port {port_of(links)} of this machine cannot be listened at"):
            loopback.wait([links], tenant_id=TENANT, wait_s=1)


@pytest.mark.skipif(sys.platform == "win32", reason="no signal of this kind")
def test_an_interrupt_ends_it_and_lets_the_port_go(links: AppLinks) -> None:
    text = (
        "from mailauth.consent import AppLinks; from mailauth.services import loopback;"
        f"loopback.wait([AppLinks('relay', {APP!r}, (), {links.redirect_uri!r}, 'x')], tenant_id='t', wait_s=60)"
    )
    process = subprocess.Popen([sys.executable, "-c", text], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 20
    while not listens(port_of(links)) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    assert not listens(port_of(links))


@pytest.mark.parametrize("redirect_uri", ["", "https://localhost", "https://app.example/back"])
def test_links_that_lead_elsewhere_are_not_waited_for(redirect_uri: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^No link leads back to http://localhost"):
        loopback.wait([made(redirect_uri)], tenant_id=TENANT, wait_s=1)
