"""Whatever is sent to the practice Entra, it answers in its own words and stays up."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.practice.asking import BACK, IMAP, Asking
from tests.practice.browsing import session
from tests.practice.woodgrove import SECRET, TENANT, running, woodgrove

QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

PATHS = (
    "oauth2/v2.0/token",
    "oauth2/token",
    "oauth2/v2.0/authorize",
    "oauth2/authorize",
    "oauth2/v2.0/devicecode",
    "oauth2/deviceauth",
    "login",
    "adminconsent",
    "v2.0/adminconsent",
)
NAMES = (
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "code",
    "code_verifier",
    "code_challenge",
    "device_code",
    "flow",
    "otc",
    "password",
    "prompt",
    "redirect_uri",
    "refresh_token",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "step",
    "username",
)


@pytest.fixture(scope="module")
def entra() -> Iterator[Asking]:
    made = woodgrove()
    with running(made) as practice:
        yield Asking(made, practice)


def _likely(entra: Asking) -> list[str]:
    """Return values that lead far into the code."""
    return [
        entra.made.client.app_id,
        entra.made.daemon.app_id,
        SECRET,
        BACK,
        IMAP,
        "https://outlook.office365.com/.default",
        "client_credentials",
        "authorization_code",
        "refresh_token",
        "password",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOjF9.AA",
        "code",
        "form_post",
        "none",
        "openid",
        "//.default",
        "\r\nSet-Cookie: a=b",
        "\x00",
        "x" * 5_000,
    ]


@QUICK
@given(data=st.data(), path=st.sampled_from(PATHS), post=st.booleans())
def test_any_form_gets_an_answer_of_entras(data: st.DataObject, path: str, post: bool, entra: Asking) -> None:
    value = st.sampled_from(_likely(entra)) | st.text(max_size=40)
    form = data.draw(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), value, max_size=9))
    sent = {name.encode("utf-8", "replace"): text.encode("utf-8", "replace") for name, text in form.items()}
    http, address = session(entra.practice), f"{entra.practice.base_url}/{TENANT}/{path}"
    if post:
        answer = http.post(address, data=sent, allow_redirects=False, timeout=20)
    else:
        answer = http.get(address, params=sent, allow_redirects=False, timeout=20)
    _check(answer.status_code, answer.text)
    assert not answer.cookies.get("a")


@QUICK
@given(
    body=st.binary(max_size=200), kind=st.sampled_from(["application/x-www-form-urlencoded", "application/json", ""])
)
@example(body=b"grant_type=" + b"a" * 5_000_000, kind="application/x-www-form-urlencoded")
@example(body=b"[" * 100_000, kind="application/json")
def test_any_body_gets_an_answer_of_entras(body: bytes, kind: str, entra: Asking) -> None:
    for path in (f"{TENANT}/oauth2/v2.0/token", "practice-issuer/token"):
        answer = session(entra.practice).post(
            f"{entra.practice.base_url}/{path}", data=body, headers={"Content-Type": kind}, timeout=20
        )
        _check(answer.status_code, answer.text)


@QUICK
@given(name=st.text(max_size=30), rest=st.sampled_from(["v2.0/.well-known/openid-configuration", *PATHS, "", "x"]))
def test_any_address_gets_an_answer_of_entras(name: str, rest: str, entra: Asking) -> None:
    place = quote(name.encode("utf-8", "replace"), safe="")
    answer = session(entra.practice).get(f"{entra.practice.base_url}/{place}/{rest}", allow_redirects=False, timeout=20)
    _check(answer.status_code, answer.text)


@QUICK
@given(cookie=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=";,"), max_size=60))
def test_any_cookie_and_identity_header_is_survived(cookie: str, entra: Asking) -> None:
    http = session(entra.practice)
    headers = {"Cookie": f"practice-session={cookie}", "X-IDENTITY-HEADER": cookie, "client-request-id": cookie}
    query = {"client_id": entra.made.client.app_id, "response_type": "code", "redirect_uri": BACK, "scope": IMAP}
    for path in (f"{TENANT}/oauth2/v2.0/authorize", "msi/token?api-version=2019-08-01&resource=x"):
        answer = http.get(f"{entra.practice.base_url}/{path}", params=query, headers=headers, timeout=20)
        _check(answer.status_code, answer.text)


def _check(status: int, text: str) -> None:
    assert status < 500, text
    assert "Traceback" not in text


def test_a_sealed_text_of_another_kind_opens_nothing(entra: Asking) -> None:
    token = entra.password()["refresh_token"]
    assert entra.redeem(token)["error_codes"] == [9002313]
    answer = session(entra.practice).post(
        f"{entra.practice.base_url}/{TENANT}/login", data={"flow": token, "step": "accept"}, timeout=20
    )
    assert "AADSTS9002313" in answer.text
