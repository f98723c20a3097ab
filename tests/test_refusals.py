import io

import pytest
import requests

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
