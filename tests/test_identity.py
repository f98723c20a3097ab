"""Sign-in flows against the practice cloud's Entra, with the real msal."""

import json
import logging
import pickle
import re
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, get_args
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from azure.core.credentials import TokenCredential

from mailauth.clouds import Cloud
from mailauth.errors import AccessError, ConfigurationError, SecretError, UnreachableError
from mailauth.secretrefs import SecretRef
from mailauth.services import identity
from practice.cloud import Cloud as Practice
from practice.credentials import public_part
from practice.estates import Estate
from practice.signins import Table
from practice.state import FederatedCredential
from practice.wellknown import LOGS, SIGN_IN_WORD
from tests.practice import windows
from tests.practice.browsing import Browser, session
from tests.practice.woodgrove import DOMAIN, SECRET, TENANT, Woodgrove, running, woodgrove

SCOPE = "https://api.loganalytics.azure.com/.default"
OTHER = "11111111-2222-4333-8444-555555555555"
READ_APPS = "https://graph.microsoft.com/Application.Read.All"


@dataclass(frozen=True, kw_only=True)
class Admin:
    """Who signs in; the fields of a tenants file."""

    flow: str
    client_id: str
    account: str = ""
    secret: SecretRef | None = None
    certificate: SecretRef | None = None
    password: SecretRef | None = None
    assertion: SecretRef | None = None


@dataclass
class Place:
    """A practice cloud with one tenant, and what a sign-in to it needs.

    Args:
        made: The tenant.
        practice: The cloud that runs.
        cloud: The same, as the library knows clouds.
        shown: What a sign-in by device code has shown.
    """

    made: Woodgrove
    practice: Practice
    cloud: Cloud
    shown: list[str] = field(default_factory=list)

    def daemon(self, flow: str, **references: Any) -> Admin:
        """Return who signs in as an app."""
        return Admin(flow=flow, client_id=self.made.daemon.app_id, **references)

    def person(self, flow: str) -> Admin:
        """Return who signs in as a person."""
        return Admin(flow=flow, client_id=self.made.client.app_id)

    def credential(self, admin: Admin, *, attended: bool = False, **options: Any) -> TokenCredential:
        """Return the library's credential."""
        given = {"tenant_id": TENANT, "show": self.sign_in, **options}
        return identity.credential(admin, cloud=self.cloud, attended=attended, **given)

    def sign_in(self, text: str) -> None:
        """Do what *text* asks of a person: open the address, enter the code, sign in."""
        self.shown.append(text)
        found = re.search(r"Open (\S+) and enter (\S+) to sign in", text)
        assert found is not None
        browser = Browser(self.practice)
        page = browser.press(browser.open(found[1]), otc=found[2])
        browser.press(browser.sign_in(page, f"ada@{DOMAIN}", SIGN_IN_WORD), "confirm")

    def claims(self, token: str) -> dict[str, Any]:
        """Return what stands in a token."""
        return self.practice.backend.keys.read(token, self.practice.backend.now())

    def rows(self) -> list[dict[str, Any]]:
        """Return the sign-ins that Entra saw, oldest first."""
        # A row can be read a moment after it was written.
        now = self.practice.backend.now() + timedelta(minutes=1)
        return list(self.practice.backend.ledger.sign_ins(TENANT, now=now, tables=get_args(Table)))[::-1]


@pytest.fixture
def place() -> Iterator[Place]:
    made = woodgrove()
    made.estate.allow(made.daemon_principal, LOGS, "Data.Read")
    made.estate.consent(made.client_principal, LOGS, "Data.Read")
    with running(made) as practice:
        entry = practice.entry()
        yield Place(made, practice, Cloud(**{**entry, "name": "practice", "ca_file": Path(entry["ca_file"])}))


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> SecretRef:
    monkeypatch.setenv("WOODGROVE_SECRET", SECRET)
    return SecretRef("env", "WOODGROVE_SECRET")


def test_a_secret_gets_a_token_that_is_asked_for_once(place: Place, secret: SecretRef) -> None:
    made = place.credential(place.daemon("secret", secret=secret))
    token = made.get_token(SCOPE).token
    assert place.claims(token)["roles"] == ["Data.Read"]
    assert made.get_token(SCOPE).token == token
    assert [(row["appId"], row["resourceId"]) for row in place.rows()] == [(place.made.daemon.app_id, LOGS)]


def test_nothing_is_sent_before_a_token_is_wanted(place: Place, secret: SecretRef) -> None:
    nowhere = replace(place.cloud, login="https://localhost:9")
    admin = place.daemon("secret", secret=secret)
    assert identity.credential(admin, tenant_id="nowhere", cloud=nowhere, attended=False) is not None


def test_a_token_and_a_secret_show_only_in_the_call_that_needs_them(
    place: Place, secret: SecretRef, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = place.credential(place.daemon("secret", secret=secret))
    token = made.get_token(SCOPE)
    shown = f"{token!r} {token} {made!r} {vars(made)!r} {caplog.text}"
    assert token.token not in shown
    assert SECRET not in shown


def test_a_wrong_secret_is_an_access_error_with_entras_number(
    place: Place, monkeypatch: pytest.MonkeyPatch, secret: SecretRef
) -> None:
    monkeypatch.setenv("WOODGROVE_SECRET", "a-wrong-secret-of-some-length")
    made = place.credential(place.daemon("secret", secret=secret))
    with pytest.raises(AccessError, match=r"AADSTS7000215: Invalid client secret provided\.") as caught:
        made.get_token(SCOPE)
    assert caught.value.code == "AADSTS7000215"
    assert "secret's ID" in caught.value.remedy
    told = "".join(traceback.format_exception(caught.value))
    assert "Trace ID" not in told
    assert "a-wrong-secret" not in told


def test_a_secret_that_is_not_there_is_named_by_its_reference(place: Place) -> None:
    made = place.credential(place.daemon("secret", secret=SecretRef("env", "NO_SUCH_VARIABLE_HERE")))
    with pytest.raises(SecretError, match="env:NO_SUCH_VARIABLE_HERE"):
        made.get_token(SCOPE)


def test_a_device_code_is_shown_waited_for_and_then_silent(place: Place) -> None:
    made = place.credential(place.person("device-code"), attended=True)
    assert place.claims(made.get_token(SCOPE).token)["scp"] == "Data.Read"
    assert len(place.shown) == 1
    assert "may alert your security team" in place.shown[0]
    made.get_token("https://graph.microsoft.com/.default")
    assert len(place.shown) == 1
    assert place.rows()[-1]["incomingTokenType"] == "refreshToken"


@pytest.mark.parametrize("flow", ["interactive", "pasted", "device-code"])
def test_a_flow_that_needs_a_person_fails_at_once_where_nobody_is(flow: str, place: Place) -> None:
    made = place.credential(place.person(flow))
    with pytest.raises(AccessError, match="a person has to sign in, and this run has nobody to ask") as caught:
        made.get_token(SCOPE)
    assert "certificate, federated or managed-identity" in caught.value.remedy
    assert (place.shown, place.rows()) == ([], [])


def test_a_person_signs_in_through_an_app_of_their_own_only(place: Place) -> None:
    with pytest.raises(ConfigurationError, match=r"admin\.client_id: found nothing; .* looks like phishing"):
        place.credential(Admin(flow="interactive", client_id=""), attended=True)


def test_a_certificate_signs_an_assertion(place: Place, tmp_path: Path) -> None:
    made = _certificate_credential(place, _pem(place, tmp_path))
    assert place.claims(made.get_token(SCOPE).token)["appidacr"] == "2"
    assert place.rows()[0]["clientCredentialType"] == "clientAssertion"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no CERTIFICATE"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no PRIVATE KEY"),
    ],
)
def test_a_pem_without_one_of_its_parts_is_named(content: str, complaint: str, place: Place, tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    pem.write_text(content, encoding="ascii")
    with pytest.raises(SecretError, match=complaint):
        _certificate_credential(place, pem).get_token(SCOPE)


def test_a_key_that_cannot_be_read_is_not_quoted(place: Place, tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    key = "-----BEGIN PRIVATE KEY-----\nQUJDREVGR0g=\n-----END PRIVATE KEY-----\n"
    pem.write_text(key + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", encoding="ascii")
    with pytest.raises(SecretError, match="its private key cannot be read") as caught:
        _certificate_credential(place, pem).get_token(SCOPE)
    assert "QUJDREVG" not in "".join(traceback.format_exception(caught.value))


def test_another_providers_token_is_handed_over(place: Place, tmp_path: Path) -> None:
    issuer = f"{place.practice.base_url}/practice-issuer"
    with place.practice.states.changing(TENANT) as tenant:
        app = tenant.directory.application(place.made.daemon.app_id)
        assert app is not None
        app.federated_credentials = [FederatedCredential(name="runner", issuer=issuer, subject="runner")]
    answer = session(place.practice).post(f"{issuer}/token", json={"subject": "runner"}, timeout=20)
    (tmp_path / "token").write_text(answer.json()["token"], encoding="ascii")
    made = place.credential(place.daemon("federated", assertion=SecretRef("file", str(tmp_path / "token"))))
    assert place.claims(made.get_token(SCOPE).token)["roles"] == ["Data.Read"]
    assert place.rows()[0]["clientCredentialType"] == "federatedIdentityCredential"


def test_a_tenant_that_does_not_exist_says_what_to_check(place: Place, secret: SecretRef) -> None:
    admin = place.daemon("secret", secret=secret)
    made = identity.credential(admin, tenant_id="nowhere", cloud=place.cloud, attended=False)
    with pytest.raises((AccessError, UnreachableError), match="nowhere") as caught:
        made.get_token(SCOPE)
    assert "tenant_id" in caught.value.remedy


def test_entra_that_does_not_answer_is_unreachable(place: Place, secret: SecretRef) -> None:
    nowhere = replace(place, cloud=replace(place.cloud, login="https://localhost:9"))
    made = nowhere.credential(place.daemon("secret", secret=secret))
    with pytest.raises(UnreachableError, match="https://localhost:9: it does not answer"):
        made.get_token(SCOPE)


def test_a_certificate_authority_of_somebody_else_is_not_trusted(
    place: Place, secret: SecretRef, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    wrong = replace(place, cloud=replace(place.cloud, ca_file=other))
    made = wrong.credential(place.daemon("secret", secret=secret))
    with pytest.raises(UnreachableError, match="its certificate is not trusted"):
        made.get_token(SCOPE)


def test_a_refusal_keeps_the_number_that_tells_what_to_do(place: Place, secret: SecretRef) -> None:
    made = place.credential(Admin(flow="secret", client_id="5f5f5f5f-0000-4000-8000-00000000c1c1", secret=secret))
    with pytest.raises(AccessError) as caught:
        made.get_token(SCOPE)
    assert caught.value.code == "AADSTS700016"
    assert "overview page" in caught.value.remedy
    assert "Trace" not in str(caught.value)


def test_tokens_are_remembered_in_plain_text_only_when_asked(place: Place, tmp_path: Path) -> None:
    for plain in (False, True):
        kept = tmp_path / f"tokens-{plain}"
        made = place.credential(place.person("device-code"), attended=True, remember=kept, plain=plain)
        token = made.get_token(SCOPE).token
        written = kept.read_text(encoding="utf-8", errors="replace") if kept.exists() else ""
        assert plain or token not in written


def test_an_encrypted_sign_in_is_refused_where_nothing_encrypts(place: Place, tmp_path: Path) -> None:
    # A folder in the place of the file: no platform keeps anything there.
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigurationError, match=r"admin\.remember: found encrypted, .* nothing to encrypt") as caught:
        place.credential(place.person("interactive"), attended=True, remember=tmp_path / "taken", strict=True)
    assert "forgotten with the run" in caught.value.remedy


# --- a browser of this machine --------------------------------------------------------------------


def test_a_browser_brings_a_token_for_exactly_the_scopes_that_were_wanted(place: Place) -> None:
    opened: list[str] = []
    signs_in = windows.person(place.practice, f"admin@{DOMAIN}")
    made = place.credential(place.person("interactive"), attended=True)

    def does(url: str) -> None:
        opened.append(url)
        signs_in(url)

    with windows.opening(does):
        token = made.get_token(READ_APPS).token
    assert "Application.Read.All" in place.claims(token)["scp"].split()
    asked = parse_qs(urlsplit(opened[0]).query)
    assert set(asked["scope"][0].split()) == {READ_APPS, "openid", "profile", "offline_access"}
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"][0].startswith("http://localhost:")
    assert asked["prompt"] == ["select_account"]
    made.get_token(READ_APPS)
    assert len(opened) == 1


def test_a_cancelled_consent_says_that_nothing_was_changed(place: Place) -> None:
    declines = windows.person(place.practice, f"admin@{DOMAIN}", press="decline")
    with windows.opening(declines), pytest.raises(AccessError, match="AADSTS65004") as caught:
        place.credential(place.person("interactive"), attended=True).get_token(READ_APPS)
    assert "Nothing was changed" in caught.value.remedy


def test_an_answer_with_a_wrong_state_is_not_taken(place: Place) -> None:
    answered: list[int] = []

    def stranger(url: str) -> None:
        where = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        reply = session(place.practice).post(where, data={"code": "stolen", "state": "guessed"}, timeout=20)
        answered.append(reply.status_code)

    silent = pytest.raises(AccessError, match="nobody answered in the browser within 1 seconds")
    with windows.opening(stranger), silent:
        place.credential(place.person("interactive"), attended=True, patience_s=1).get_token(SCOPE)
    assert answered == [400]


# --- a pasted address -----------------------------------------------------------------------------


@dataclass
class Pasting:
    """A person elsewhere: is shown an address, opens it, and pastes what it led to.

    Args:
        place: Where they sign in.
        change: Does to the address what goes wrong.
        how: Further words for `windows.answered`.
    """

    place: Place
    change: Callable[[str], str] = str
    how: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    pasted: str = field(default="", repr=False)

    def show(self, text: str) -> None:
        """Read what is shown."""
        self.told.append(text)

    def ask(self, prompt: str) -> str:
        """Paste."""
        self.told.append(prompt)
        found = re.search(r"^https://\S+$", self.told[0], re.MULTILINE)
        assert found is not None
        self.pasted = self.change(
            windows.answered(self.place.practice, found[0], **{"who": f"admin@{DOMAIN}", **self.how}).address
        )
        return self.pasted

    def credential(self, flow: str = "pasted") -> TokenCredential:
        """Return the credential that asks this person."""
        return self.place.credential(self.place.person(flow), attended=True, show=self.show, ask=self.ask)

    def code(self) -> str:
        """Return the code that was pasted."""
        return parse_qs(urlsplit(self.pasted).query)["code"][0]


def test_a_pasted_address_brings_a_token_and_is_not_kept(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    person = Pasting(place)
    made = person.credential()
    token = made.get_token(READ_APPS).token
    assert "Application.Read.All" in place.claims(token)["scp"].split()
    assert person.pasted.startswith("http://localhost?code=")
    assert "below http://localhost. That is as it should be" in person.told[0]
    shown = f"{made!r} {vars(made)!r} {person.told} {caplog.text}"
    assert person.code() not in shown
    assert token not in shown
    made.get_token(READ_APPS)
    assert len(person.told) == 2


def test_where_no_browser_can_be_opened_an_address_is_pasted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    person = Pasting(place)
    assert person.credential("interactive").get_token(SCOPE).token
    assert len(person.told) == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(lambda found: re.sub("state=[^&]+", "state=other", found), "answers another sign-in", id="state"),
        pytest.param(lambda found: "https://evil.example/?" + found.partition("?")[2], "not shown", id="elsewhere"),
        pytest.param(lambda found: found.partition("?")[0], "not shown; expected the whole address", id="half"),
        pytest.param(lambda found: "http://[?code=1", "found text of 15 characters, not shown", id="no address"),
    ],
)
def test_a_pasted_address_that_is_not_the_answer_is_refused_and_not_repeated(
    change: Callable[[str], str], complaint: str, place: Place
) -> None:
    person = Pasting(place, change)
    with pytest.raises(AccessError, match=complaint) as caught:
        person.credential().get_token(SCOPE)
    told = _told(caught.value)
    assert "?" not in person.pasted or person.pasted not in told
    assert "code=" not in told


def test_a_code_that_was_used_is_refused_without_repeating_it(place: Place) -> None:
    first = Pasting(place)
    first.credential().get_token(SCOPE)
    again = Pasting(place, lambda found: re.sub("code=[^&]+", f"code={first.code()}", found))
    with pytest.raises(AccessError, match="AADSTS") as caught:
        again.credential().get_token(SCOPE)
    told = _told(caught.value)
    assert first.code() not in told


def test_a_cancelled_consent_can_be_pasted_too(place: Place) -> None:
    with pytest.raises(AccessError, match="AADSTS65004"):
        Pasting(place, how={"press": "decline"}).credential().get_token(READ_APPS)


def test_a_kernel_that_nobody_can_type_into_has_nobody_to_ask(place: Place) -> None:
    def ask(_prompt: str) -> str:
        raise EOFError

    made = place.credential(place.person("pasted"), attended=True, show=lambda text: None, ask=ask)
    with pytest.raises(AccessError, match="this run has nobody to ask"):
        made.get_token(SCOPE)


def test_a_person_of_another_tenant_comes_back_with_nothing(place: Place) -> None:
    estate = Estate("fabrikam", "Fabrikam", "fabrikam.example", OTHER, datetime.now(UTC))
    estate.user("eve", "Eve")
    place.practice.states.put(estate.tenant)
    # The page says AADSTS50020 and leads nowhere, so all that can be pasted is its own address.
    with pytest.raises(AccessError, match="not shown; expected the whole address, beginning with http://localhost"):
        Pasting(place, how={"who": "eve@fabrikam.example"}).credential().get_token(SCOPE)


# --- what the machine brings ----------------------------------------------------------------------


def test_an_app_asks_for_all_that_it_was_given_whatever_scope_is_wanted(place: Place, secret: SecretRef) -> None:
    made = place.credential(place.daemon("secret", secret=secret))
    assert place.claims(made.get_token("https://api.loganalytics.azure.com/Data.Read").token)["roles"] == ["Data.Read"]


class _Endpoint(BaseHTTPRequestHandler):
    """The address at which an App Service hands out tokens of its managed identity."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        known = self.headers.get("X-IDENTITY-HEADER") == "known-here"
        self.asked.append(self.path)
        told = {"access_token": "eyJ.of.the-machine", "expires_on": "4102444800", "token_type": "Bearer"}
        content = json.dumps(told if known else {"error": "denied"}).encode()
        self.send_response(200 if known else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give what is asked of a managed identity's endpoint on this machine."""
    _Endpoint.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "known-here")
        yield _Endpoint.asked
        server.shutdown()
        thread.join()


def test_a_managed_identity_asks_the_machine_for_the_whole_resource(place: Place, endpoint: list[str]) -> None:
    made = place.credential(Admin(flow="managed-identity", client_id=""))
    token = made.get_token(READ_APPS)
    assert token.token == "eyJ.of.the-machine"
    (asked,) = endpoint
    assert parse_qs(urlsplit(asked).query)["resource"] == ["https://graph.microsoft.com"]
    assert "eyJ" not in f"{token!r} {token} {made!r}"


def test_a_managed_identity_that_is_refused_says_to_run_where_it_is(
    place: Place, endpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "unknown")
    with pytest.raises(AccessError) as caught:
        place.credential(Admin(flow="managed-identity", client_id="")).get_token(SCOPE)
    assert caught.value.code == "no platform identity"
    assert "Run this where the identity is" in caught.value.remedy


def test_a_secret_is_not_pickled_with_a_credential(secret: SecretRef, place: Place) -> None:
    made = place.credential(place.daemon("secret", secret=secret))
    made.get_token(SCOPE)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(made)


def _told(error: BaseException) -> str:
    """Return the traceback with what each frame of the library holds; the test's own frame knows everything."""
    assert error.__traceback__ is not None
    frames = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    return "".join(frames.format())


def _certificate_credential(place: Place, pem: Path) -> TokenCredential:
    return place.credential(place.daemon("certificate", certificate=SecretRef("file", str(pem))))


def _pem(place: Place, folder: Path) -> Path:
    """Return a PEM with a certificate and its key, as an administrator makes one; the app has its public part."""
    made = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("app.example", key_type=trustme.KeyType.RSA)
    pem = folder / "app.pem"
    made.private_key_and_cert_chain_pem.write_to_path(pem)
    with place.practice.states.changing(TENANT) as tenant:
        app = tenant.directory.application(place.made.daemon.app_id)
        assert app is not None
        app.key_credentials = [public_part(made.cert_chain_pems[0].bytes().decode(), name="app")]
    return pem
