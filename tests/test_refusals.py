import io
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from mailauth import clouds
from mailauth.services import refusals


def answered(content: bytes) -> requests.Response:
    response = requests.Response()
    response.raw = io.BytesIO(content)
    return response


def test_the_body_of_a_refusal_is_what_stands_under_error() -> None:
    assert refusals.body(answered(b'{"error": {"code": "SEM0100"}}')) == {"code": "SEM0100"}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<html>Bad gateway</html>", id="a proxy's page"),
        pytest.param(b'["error"]', id="a list"),
        pytest.param(b'{"error": "invalid_grant"}', id="an error in one word"),
        pytest.param(b"{}", id="nothing"),
    ],
)
def test_what_is_no_refusal_of_microsofts_says_nothing(content: bytes) -> None:
    assert refusals.body(answered(content)) == {}


def test_an_error_is_told_in_its_first_line_or_by_its_name() -> None:
    assert refusals.first_line(ValueError("no route\nTraceback …")) == "no route"
    assert refusals.first_line(TimeoutError()) == "TimeoutError"


def test_a_connection_that_breaks_off_is_told_in_words(broken: str) -> None:
    with pytest.raises(requests.ConnectionError) as raised:
        requests.get(broken, timeout=5)
    assert refusals.first_line(raised.value) == "the connection broke off"


@pytest.fixture
def broken() -> Iterator[str]:
    """Return an address that hangs up on everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def test_a_rehearsal_cloud_that_is_silent_may_be_up_with_a_fault_armed() -> None:
    public = clouds.built_in()["public"]
    said = refusals.silent(replace(public, rehearsal=True))
    assert "did not answer: a fault may be armed, or it has ended; run the cell" in said
    assert "not up" not in said
    assert refusals.silent(public) == refusals.CHECK
