"""Tokens for mail by every flow, against the practice cloud's Entra with the real msal, and its mail servers."""

import base64
import copy
import json
import logging
import pickle
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from mailauth import tokens
from mailauth.clouds import Cloud
from mailauth.proof import NoToken
from mailauth.secretrefs import SecretRef
from mailauth.services.mailtokens import MailTokens, Token
from mailauth.tenants import Flow, FlowKind, MailApp, Protocol, Tenant
from mailauth.tokens import Need
from practice.cloud import Cloud as Practice
from practice.credentials import public_part
from practice.signins import Table
from practice.state import ConditionalAccessPolicy, FederatedCredential, RequiredResource, ResourceAccess
from practice.wellknown import EXCHANGE, SIGN_IN_WORD
from tests.practice import mailing, windows
from tests.practice.browsing import Browser, session
from tests.practice.mailing import ADA, INVOICES
from tests.practice.mailrefusals import OK
from tests.practice.woodgrove import SECRET, TENANT, Woodgrove, running, woodgrove

ADMIN = "admin@woodgrove.example"
PEOPLE: tuple[FlowKind, ...] = ("interactive", "pasted", "device-code")
IMAP: tuple[Protocol, ...] = ("imap",)
ALL: tuple[Protocol, ...] = ("imap", "pop", "smtp")
WRONG = "cAn8ary-a-wrong-secret-of-some-length"


@dataclass
class Place:
    """A practice cloud with one tenant, its apps as a tenants file has them, and a person who signs in.

    Args:
        who: Whom the person signs in as.
        press: What they answer where consent is asked for.
        shown: What they were shown.
    """

    made: Woodgrove
    practice: Practice
    tenant: Tenant
    who: str = ADA
    press: str = "accept"
    shown: list[str] = field(default_factory=list)
    pasted: list[str] = field(default_factory=list, repr=False)
    skew: timedelta = timedelta()

    @property
    def daemon(self) -> MailApp:
        """The app that acts as itself."""
        return MailApp(name="daemon", client_id=self.made.daemon.app_id)

    @property
    def client(self) -> MailApp:
        """The app that people sign in to."""
        return MailApp(name="client", client_id=self.made.client.app_id)

    def tokens(self, **options: Any) -> MailTokens:
        """Return the library's tokens, with this person before them."""
        given = {"attended": True, "show": self.show, "ask": self.ask, "now": self.now, "patience_s": 20, **options}
        return MailTokens(self.tenant, **given)

    def now(self) -> datetime:
        """Return the time by a clock that can be moved."""
        return datetime.now(UTC) + self.skew

    def show(self, text: str) -> None:
        """Read what is shown; a code is entered at once."""
        self.shown.append(text)
        found = re.search(r"Open (\S+) and enter (\S+) to sign in", text)
        if found is not None:
            browser = Browser(self.practice)
            page = browser.press(browser.open(found[1]), otc=found[2])
            browser.press(browser.sign_in(page, self.who, SIGN_IN_WORD), "confirm")

    def ask(self, _prompt: str) -> str:
        """Open what was shown, sign in and paste where it led to."""
        found = re.search(r"^https://\S+$", self.shown[-1], re.MULTILINE)
        assert found is not None
        answered = windows.answered(self.practice, found[0], who=self.who, press=self.press)
        self.pasted.append(answered.address)
        return answered.address

    @contextmanager
    def window(self) -> Iterator[None]:
        """Have this machine's browser used by the person."""
        with windows.opening(windows.person(self.practice, self.who, press=self.press)):
            yield

    @contextmanager
    def changing(self) -> Iterator[Any]:
        """Give the tenant's directory to change."""
        with self.practice.states.changing(TENANT) as tenant:
            yield tenant.directory

    def opens(self, token: Token | NoToken, protocol: Protocol, mailbox: str) -> bool:
        """Whether a mail server of the cloud lets a token in."""
        assert isinstance(token, Token), token
        login, command = mailing.sign_in(self.practice, protocol, mailbox, token.reveal())
        return login == OK[protocol][0] and command.startswith(("+OK", "250 ", "OK "))

    def findings(self, token: Token | NoToken, protocol: Protocol, mailbox: str = ADA, **need: Any) -> list[str]:
        """Return what does not fit in a token, as words and rows."""
        assert isinstance(token, Token), token
        assert token.claims is not None
        wanted = Need(protocol=protocol, mailbox=mailbox, cloud=self.tenant.cloud, tenant_id=TENANT, **need)
        found = tokens.lint(token.claims, wanted, now=self.practice.backend.now())
        return [" ".join([each.check, *each.rows]) for each in found]

    def requests(self) -> int:
        """Return how many tokens Entra was asked for."""
        now = self.practice.backend.now() + timedelta(minutes=1)
        return sum(1 for _ in self.practice.backend.ledger.sign_ins(TENANT, now=now, tables=get_args(Table)))


@pytest.fixture
def place() -> Iterator[Place]:
    made = woodgrove()
    with running(made) as practice:
        entry = practice.entry()
        cloud = Cloud(**{**entry, "name": "practice", "ca_file": Path(entry["ca_file"])})
        yield Place(made, practice, Tenant(name="woodgrove", tenant_id=TENANT, cloud=cloud))


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Flow:
    monkeypatch.setenv("WOODGROVE_SECRET", SECRET)
    return Flow(kind="secret", secret=SecretRef("env", "WOODGROVE_SECRET"))


# --- an app that signs in as itself ---------------------------------------------------------------


def certificate(place: Place, *, kind: trustme.KeyType = trustme.KeyType.RSA) -> trustme.LeafCert:
    """Return a certificate whose public part is the app's."""
    made = trustme.CA(key_type=kind).issue_cert("app.example", key_type=kind)
    with place.changing() as directory:
        app = directory.application(place.made.daemon.app_id)
        app.key_credentials = [public_part(made.cert_chain_pems[0].bytes().decode(), name="app")]
    return made


def key_of(leaf: trustme.LeafCert) -> Any:
    """Return the private key of a certificate."""
    return serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)


def pfx(leaf: trustme.LeafCert, password: str = "") -> bytes:
    """Return a PFX as Windows exports one."""
    own = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"app", key_of(leaf), own, None, how)


def _by_secret(_place: Place, _folder: Path, environ: pytest.MonkeyPatch) -> Flow:
    environ.setenv("WOODGROVE_SECRET", SECRET)
    return Flow(kind="secret", secret=SecretRef("env", "WOODGROVE_SECRET"))


def _by_pem(place: Place, folder: Path, _environ: pytest.MonkeyPatch) -> Flow:
    certificate(place).private_key_and_cert_chain_pem.write_to_path(folder / "app.pem")
    return Flow(kind="certificate", certificate=SecretRef("file", str(folder / "app.pem")))


def _by_locked_pem(place: Place, folder: Path, environ: pytest.MonkeyPatch) -> Flow:
    environ.setenv("WOODGROVE_PASSPHRASE", "open it")
    leaf = certificate(place)
    how = serialization.BestAvailableEncryption(b"open it")
    pem = key_of(leaf).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    (folder / "app.pem").write_bytes(pem + leaf.cert_chain_pems[0].bytes())
    password = SecretRef("env", "WOODGROVE_PASSPHRASE")
    return Flow(kind="certificate", certificate=SecretRef("file", str(folder / "app.pem")), password=password)


def _by_pfx(place: Place, folder: Path, environ: pytest.MonkeyPatch) -> Flow:
    environ.setenv("WOODGROVE_PASSPHRASE", "open it")
    (folder / "app.pfx").write_bytes(pfx(certificate(place), "open it"))
    password = SecretRef("env", "WOODGROVE_PASSPHRASE")
    return Flow(kind="certificate", certificate=SecretRef("file", str(folder / "app.pfx")), password=password)


def _by_pfx_in_a_variable(place: Place, _folder: Path, environ: pytest.MonkeyPatch) -> Flow:
    environ.setenv("WOODGROVE_PFX", base64.encodebytes(pfx(certificate(place))).decode())
    return Flow(kind="certificate", certificate=SecretRef("env", "WOODGROVE_PFX"))


def _federated(place: Place, folder: Path, _environ: pytest.MonkeyPatch) -> Flow:
    issuer = f"{place.practice.base_url}/practice-issuer"
    with place.changing() as directory:
        app = directory.application(place.made.daemon.app_id)
        app.federated_credentials = [FederatedCredential(name="runner", issuer=issuer, subject="runner")]
    answer = session(place.practice).post(f"{issuer}/token", json={"subject": "runner"}, timeout=20)
    (folder / "token").write_text(answer.json()["token"], encoding="ascii")
    return Flow(kind="federated", assertion=SecretRef("file", str(folder / "token")))


Make = Callable[[Place, Path, pytest.MonkeyPatch], Flow]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_by_secret, id="secret"),
        pytest.param(_by_pem, id="PEM"),
        pytest.param(_by_locked_pem, id="PEM with a passphrase"),
        pytest.param(_by_pfx, id="PFX with a passphrase"),
        pytest.param(_by_pfx_in_a_variable, id="PFX in a variable"),
        pytest.param(_federated, id="federated"),
    ],
)
def test_an_apps_token_opens_every_protocol_and_every_mailbox_that_it_may(
    make: Make, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = make(place, tmp_path, monkeypatch)
    ours = place.tokens(attended=False)
    first = ours.token(place.daemon, flow, IMAP)
    assert isinstance(first, Token)
    assert first.claims is not None
    assert first.claims.aud == "https://outlook.office365.com"
    principal = place.made.daemon_principal.id
    for protocol in ALL:
        for mailbox in (ADA, INVOICES):
            again = ours.token(place.daemon, flow, [protocol])
            assert again is first
            assert place.opens(again, protocol, mailbox)
            need = {"app_id": place.daemon.client_id, "as_app": True, "principal_id": principal}
            assert place.findings(again, protocol, mailbox, exchange_id=principal, **need) == []
    assert place.requests() == 1


@pytest.fixture
def machine(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the client id of a managed identity of this machine, which may read mail."""
    estate = place.made.estate
    with place.practice.states.changing(TENANT):
        app = estate.app("Runner")
        principal = estate.enterprise_app(app, service_principal_type="ManagedIdentity")
        estate.allow(principal, EXCHANGE, "IMAP.AccessAsApp")
        mirrored = estate.exchange_principal(principal.app_id, principal.id, "Runner")
        estate.full_access(place.made.ada_box, mirrored.sid)

    class Endpoint(BaseHTTPRequestHandler):
        """An App Service's: without TLS, on the machine itself."""

        def do_GET(self) -> None:
            where = f"{place.practice.base_url}/msi/{self.path.lstrip('/')}"
            header = {"X-IDENTITY-HEADER": self.headers.get("X-IDENTITY-HEADER") or ""}
            answer = session(place.practice).get(where, headers=header, timeout=20)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", principal.id)
        yield principal.app_id
        server.shutdown()
        thread.join()


def test_a_managed_identity_opens_a_mailbox(place: Place, machine: str) -> None:
    flow, ours = Flow(kind="managed-identity"), place.tokens(attended=False)
    found = ours.token(MailApp(name="runner", client_id=machine), flow, IMAP)
    assert place.opens(found, "imap", ADA)
    assert place.findings(found, "imap", app_id=machine, as_app=True) == []
    assert ours.token(MailApp(name="runner", client_id=machine), flow, IMAP, fresh=True) is not found


def test_a_machine_s_own_identity_is_asked_for_without_an_id(place: Place, machine: str) -> None:
    own = Flow(kind="managed-identity", identity="system")
    # Under an id that no machine has: what is not sent cannot be missed.
    found = place.tokens(attended=False).token(MailApp(name="runner", client_id=place.daemon.client_id), own, IMAP)
    assert place.opens(found, "imap", ADA)
    assert place.findings(found, "imap", app_id=machine, as_app=True) == []


def test_a_managed_identity_that_the_machine_does_not_have_is_named(place: Place, machine: str) -> None:
    found = place.tokens(attended=False).token(place.daemon, Flow(kind="managed-identity"), IMAP)
    assert isinstance(found, NoToken)
    assert (found.code, "No User Assigned Managed Identity" in found.said) == ("no platform identity", True)
    assert machine != place.daemon.client_id


# --- a person -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_persons_token_opens_their_mailbox_and_a_shared_one_and_is_asked_for_once(
    kind: FlowKind, place: Place
) -> None:
    ours, flow = place.tokens(), Flow(kind=kind)
    with place.window():
        first = ours.token(place.client, flow, ALL, account=ADA)
    assert isinstance(first, Token)
    assert first.claims is not None
    assert (first.claims.aud, first.claims.user) == ("https://outlook.office.com", ADA)
    for protocol in ALL:
        assert ours.token(place.client, flow, [protocol], account=ADA.upper()) is first
        assert place.opens(first, protocol, ADA)
        assert place.findings(first, protocol, app_id=place.client.client_id, as_app=False) == []
    assert place.opens(first, "imap", INVOICES)
    assert place.findings(first, "imap", INVOICES, shared=True) == ["shared I11"]
    assert place.findings(first, "smtp", INVOICES, shared=True) == ["shared S11"]


def test_a_person_is_asked_for_exactly_what_the_protocol_needs(place: Place) -> None:
    place.tokens().token(place.client, Flow(kind="pasted"), ["imap", "smtp"], account=ADA)
    shown = re.search(r"^https://\S+$", place.shown[0], re.MULTILINE)
    assert shown is not None
    asked = parse_qs(urlsplit(shown[0]).query)
    host = "https://outlook.office.com"
    wanted = {f"{host}/IMAP.AccessAsUser.All", f"{host}/SMTP.Send", "openid", "profile", "offline_access"}
    assert set(asked["scope"][0].split()) == wanted
    assert asked["login_hint"] == [ADA]


def test_each_person_has_a_sign_in_of_their_own(place: Place) -> None:
    ours, flow = place.tokens(), Flow(kind="pasted")
    mine = ours.token(place.client, flow, IMAP, account=ADA)
    place.who = ADMIN
    other = ours.token(place.client, flow, IMAP, account=ADMIN)
    assert place.findings(mine, "imap") == []
    assert place.findings(other, "imap") == ["user I6 I11"]
    assert place.findings(other, "smtp") == ["user S10"]
    assert ours.token(place.client, flow, IMAP, account=ADA) is mine


def test_people_are_asked_one_at_a_time(place: Place) -> None:
    asking, most = [0], [0]

    def ask(prompt: str) -> str:
        asking[0] += 1
        most[0] = max(most[0], asking[0])
        answer = place.ask(prompt)
        asking[0] -= 1
        return answer

    ours = place.tokens(ask=ask)
    found = at_once(lambda number: ours.token(place.client, Flow(kind="pasted"), IMAP, account=(ADA, ADMIN)[number]), 2)
    assert all(isinstance(each, Token) for each in found)
    assert most == [1]


def test_a_remembered_sign_in_needs_nobody(place: Place, tmp_path: Path) -> None:
    how = {"remember": tmp_path / "signins", "plain": True}
    assert isinstance(place.tokens(**how).token(place.client, Flow(kind="pasted"), IMAP, account=ADA), Token)
    later = place.tokens(**how, attended=False).token(place.client, Flow(kind="pasted"), IMAP, account=ADA)
    assert place.opens(later, "imap", ADA)


@pytest.mark.parametrize("kind", PEOPLE)
def test_where_nobody_is_a_person_cannot_sign_in(kind: FlowKind, place: Place) -> None:
    found = place.tokens(attended=False).token(place.client, Flow(kind=kind), IMAP, account=ADA)
    assert isinstance(found, NoToken)
    assert (found.code, "nobody to ask" in found.said) == ("interaction_required", True)
    assert (place.shown, place.requests()) == ([], 0)


# --- a token that somebody else got ---------------------------------------------------------------


def brought(monkeypatch: pytest.MonkeyPatch, text: str) -> Flow:
    """Return a flow whose token is *text*."""
    monkeypatch.setenv("MAIL_TOKEN", text)
    return Flow(kind="token", token=SecretRef("env", "MAIL_TOKEN"))


@pytest.mark.parametrize("around", ["{}", "Bearer {}\n", "  bearer   {}\r\n"])
def test_a_token_that_was_brought_along_is_used_as_it_is(
    around: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = mailing.app_only(place.practice, place.made)
    flow = brought(monkeypatch, around.format(text))
    found = place.tokens().token(MailApp(name="theirs"), flow, IMAP)
    assert place.opens(found, "imap", ADA)
    assert place.findings(found, "imap") == []
    assert isinstance(found, Token)
    assert found.claims is not None
    assert found.ends_at == found.claims.ends_at
    assert place.requests() == 0


def test_a_brought_token_is_read_anew_when_it_ends_or_is_asked_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, app, ours = brought(monkeypatch, mailing.app_only(place.practice, place.made)), place.daemon, place.tokens()
    first = ours.token(app, flow, IMAP)
    brought(monkeypatch, mailing.app_only(place.practice, place.made, roles=["IMAP.AccessAsApp"]))
    assert ours.token(app, flow, IMAP) is first
    second = ours.token(app, flow, IMAP, fresh=True)
    assert place.findings(second, "smtp") == ["role I5 S8"]
    brought(monkeypatch, "opaque-and-good-for-somebody")
    place.skew = timedelta(minutes=56)
    third = ours.token(app, flow, IMAP)
    assert isinstance(third, Token)
    assert (third.claims, third.ends_at, third.reveal()) == (None, None, "opaque-and-good-for-somebody")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cAn8ary cAn8ary", "env:MAIL_TOKEN holds 15 characters with a space, a line end or worse"),
        ("cAn8ary\x01auth=x", "env:MAIL_TOKEN holds 14 characters with a space, a line end or worse"),
        ("  ", "env:MAIL_TOKEN is empty"),
    ],
)
def test_what_is_no_token_is_not_sent(text: str, complaint: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    found = place.tokens().token(place.daemon, brought(monkeypatch, text), IMAP)
    assert isinstance(found, NoToken)
    assert found.code == "secret"
    assert complaint in found.said
    assert "cAn8ary" not in repr(found)


# --- once, in time, and anew ----------------------------------------------------------------------


def at_once(does: Callable[[int], Any], count: int) -> list[Any]:
    """Return what *does* returns in as many threads, all begun together."""
    gate, found = threading.Barrier(count), [None] * count

    def run(number: int) -> None:
        gate.wait(20)
        found[number] = does(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found


@pytest.mark.parametrize("fresh", [False, True])
def test_threads_that_want_the_same_token_ask_once(fresh: bool, place: Place, secret: Flow) -> None:
    ours = place.tokens(attended=False)
    if fresh:
        ours.token(place.daemon, secret, IMAP)
    found = at_once(lambda number: ours.token(place.daemon, secret, [ALL[number % 3]], fresh=fresh), 24)
    # Who asks for a new one while another is on its way gets that one; who comes after it gets another.
    assert len({id(each) for each in found}) <= (6 if fresh else 1)
    assert place.requests() <= (7 if fresh else 1)


def test_a_token_is_renewed_before_it_ends(place: Place, secret: Flow) -> None:
    ours = place.tokens(attended=False)
    first = ours.token(place.daemon, secret, IMAP)
    assert isinstance(first, Token)
    assert first.ends_at is not None
    place.skew = first.ends_at - datetime.now(UTC) - timedelta(minutes=5, seconds=20)
    assert ours.token(place.daemon, secret, IMAP) is first
    place.skew += timedelta(seconds=30)
    second = ours.token(place.daemon, secret, IMAP)
    assert isinstance(second, Token)
    assert second.reveal() != first.reveal()
    assert place.requests() == 2


def test_a_persons_token_is_renewed_without_them(place: Place) -> None:
    ours, flow = place.tokens(), Flow(kind="pasted")
    first = ours.token(place.client, flow, IMAP, account=ADA)
    place.skew = timedelta(hours=2)
    second = ours.token(place.client, flow, IMAP, account=ADA)
    assert isinstance(first, Token)
    assert isinstance(second, Token)
    assert second.reveal() != first.reveal()
    assert len(place.pasted) == 1


def test_after_a_change_of_consent_a_new_token_says_what_holds_now(place: Place, secret: Flow) -> None:
    ours = place.tokens(attended=False)
    old = ours.token(place.daemon, secret, IMAP)
    with place.changing() as directory:
        directory.app_role_assignments.clear()
    assert ours.token(place.daemon, secret, IMAP) is old
    assert place.findings(old, "imap") == []
    new = ours.token(place.daemon, secret, IMAP, fresh=True)
    assert place.findings(new, "imap") == ["role I5"]
    assert ours.token(place.daemon, secret, IMAP) is new


def test_a_person_gets_a_new_token_silently(place: Place) -> None:
    ours, flow = place.tokens(), Flow(kind="pasted")
    old = ours.token(place.client, flow, ["imap"], account=ADA)
    assert isinstance(old, Token)
    new = ours.token(place.client, flow, ["imap"], account=ADA, fresh=True)
    assert isinstance(new, Token)
    assert (new.reveal() != old.reveal(), len(place.pasted)) == (True, 1)


def test_a_refusal_stands_for_a_minute(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOODGROVE_SECRET", WRONG)
    flow, ours = Flow(kind="secret", secret=SecretRef("env", "WOODGROVE_SECRET")), place.tokens(attended=False)
    refused = ours.token(place.daemon, flow, IMAP)
    monkeypatch.setenv("WOODGROVE_SECRET", SECRET)
    assert ours.token(place.daemon, flow, IMAP) is refused
    place.skew = timedelta(seconds=61)
    assert place.opens(ours.token(place.daemon, flow, IMAP), "imap", ADA)


def test_a_refusal_does_not_stand_where_a_new_answer_is_wanted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOODGROVE_SECRET", WRONG)
    flow, ours = Flow(kind="secret", secret=SecretRef("env", "WOODGROVE_SECRET")), place.tokens(attended=False)
    assert isinstance(ours.token(place.daemon, flow, IMAP), NoToken)
    monkeypatch.setenv("WOODGROVE_SECRET", SECRET)
    assert isinstance(ours.token(place.daemon, flow, IMAP, fresh=True), Token)


# --- refusals -------------------------------------------------------------------------------------

NOWHERE = "5f5f5f5f-0000-4000-8000-00000000c1c1"


def _nothing(_place: Place, _directory: Any) -> None:
    pass


def _secret_ended(place: Place, directory: Any) -> None:
    for each in directory.application(place.made.daemon.app_id).password_credentials:
        each.end_date_time = place.now() - timedelta(days=1)


def _disabled(place: Place, directory: Any) -> None:
    directory.principal(place.made.daemon.app_id).account_enabled = False


def _blocked(_place: Place, directory: Any) -> None:
    directory.policies.conditional_access = [
        ConditionalAccessPolicy(
            display_name="No robots",
            conditions={
                "clientApplications": {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]},
                "applications": {"includeApplications": ["All"]},
            },
            grant_controls={"operator": "OR", "builtInControls": ["block"]},
        )
    ]


def _no_exchange(_place: Place, directory: Any) -> None:
    directory.service_principals = [each for each in directory.service_principals if each.app_id != EXCHANGE]


def _no_enterprise_app(place: Place, directory: Any) -> None:
    own = place.made.daemon.app_id
    directory.service_principals = [each for each in directory.service_principals if each.app_id != own]


@pytest.mark.parametrize(
    ("broken", "secret_is", "client_id", "tenant_id", "expected"),
    [
        pytest.param(_nothing, WRONG, "", "", ("AADSTS7000215", "invalid_client"), id="7000215"),
        pytest.param(_secret_ended, SECRET, "", "", ("AADSTS7000222", "invalid_client"), id="7000222"),
        pytest.param(_disabled, SECRET, "", "", ("AADSTS7000112", "unauthorized_client"), id="7000112"),
        pytest.param(_blocked, SECRET, "", "", ("AADSTS53003", "access_denied"), id="53003"),
        pytest.param(_no_exchange, SECRET, "", "", ("AADSTS500011", "invalid_resource"), id="500011"),
        pytest.param(_no_enterprise_app, SECRET, "", "", ("AADSTS7000229", "unauthorized_client"), id="7000229"),
        pytest.param(_nothing, SECRET, NOWHERE, "", ("AADSTS700016", "unauthorized_client"), id="700016"),
    ],
)
def test_what_entra_refuses_an_app_passes_through_with_its_number_and_ids(
    broken: Callable[[Place, Any], None],
    secret_is: str,
    client_id: str,
    tenant_id: str,
    expected: tuple[str, str],
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WOODGROVE_SECRET", secret_is)
    with place.changing() as directory:
        broken(place, directory)
    app = replace(place.daemon, client_id=client_id or place.daemon.client_id)
    flow = Flow(kind="secret", secret=SecretRef("env", "WOODGROVE_SECRET"))
    found = place.tokens(attended=False).token(app, flow, IMAP)
    assert isinstance(found, NoToken)
    assert (found.code, found.error) == expected
    _has_ids(found)


def _has_ids(found: NoToken) -> None:
    guid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert guid.fullmatch(found.correlation_id)
    assert guid.fullmatch(found.trace_id)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", found.at)
    assert found.said
    for part in (found.correlation_id, found.trace_id, found.at, "Trace ID", "AADSTS", "\n"):
        assert part not in found.said


def test_a_certificate_that_the_app_does_not_have_is_700027(place: Place, tmp_path: Path) -> None:
    certificate(place)
    other = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("other.example", key_type=trustme.KeyType.RSA)
    other.private_key_and_cert_chain_pem.write_to_path(tmp_path / "other.pem")
    flow = Flow(kind="certificate", certificate=SecretRef("file", str(tmp_path / "other.pem")))
    found = place.tokens(attended=False).token(place.daemon, flow, IMAP)
    assert isinstance(found, NoToken)
    assert found.code == "AADSTS700027"
    _has_ids(found)


def test_another_providers_token_for_somebody_else_is_700213(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = _federated(place, tmp_path, monkeypatch)
    with place.changing() as directory:
        directory.application(place.made.daemon.app_id).federated_credentials[0].subject = "Runner"
    found = place.tokens(attended=False).token(place.daemon, flow, IMAP)
    assert isinstance(found, NoToken)
    assert found.code == "AADSTS700213"


def _unconsented(_place: Place, directory: Any) -> None:
    directory.grants.clear()


def _account_off(_place: Place, directory: Any) -> None:
    directory.user(ADA).account_enabled = False


def _signed_out(place: Place, directory: Any) -> None:
    directory.user(ADA).sessions_valid_from = place.now()


def _for_assigned_people(place: Place, directory: Any) -> None:
    directory.principal(place.made.client.app_id).app_role_assignment_required = True


def _people_need(*controls: str) -> Callable[[Place, Any], None]:
    def act(_place: Place, directory: Any) -> None:
        directory.policies.conditional_access = [
            ConditionalAccessPolicy(
                display_name="Careful",
                conditions={
                    "users": {"includeUsers": ["All"]},
                    "applications": {"includeApplications": ["All"]},
                    "clientAppTypes": ["all"],
                },
                grant_controls={"operator": "OR", "builtInControls": list(controls)},
            )
        ]

    return act


def _idle(place: Place, _directory: Any) -> None:
    place.practice.faults.clock.skew = timedelta(days=91)


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        pytest.param(_idle, "AADSTS700082", id="700082"),
        pytest.param(_people_need("mfa"), "AADSTS50076", id="50076"),
        pytest.param(_unconsented, "AADSTS65001", id="65001"),
        pytest.param(_account_off, "AADSTS50057", id="50057"),
        pytest.param(_signed_out, "AADSTS50173", id="50173"),
        pytest.param(_for_assigned_people, "AADSTS50105", id="50105"),
        pytest.param(_people_need("block"), "AADSTS53003", id="53003"),
        pytest.param(_people_need("compliantDevice"), "AADSTS53000", id="53000"),
    ],
)
def test_a_persons_silent_renewal_that_is_refused_says_why(
    broken: Callable[[Place, Any], None], code: str, place: Place, tmp_path: Path
) -> None:
    how = {"remember": tmp_path / "signins", "plain": True}
    place.tokens(**how).token(place.client, Flow(kind="pasted"), IMAP, account=ADA)
    with place.changing() as directory:
        broken(place, directory)
    found = place.tokens(**how, attended=False).token(place.client, Flow(kind="pasted"), IMAP, account=ADA, fresh=True)
    assert isinstance(found, NoToken)
    assert found.code == code
    _has_ids(found)


def test_a_cancelled_consent_is_65004(place: Place) -> None:
    with place.changing() as directory:
        directory.grants.clear()
        permission = next(
            one for one in directory.principal(EXCHANGE).oauth2_permission_scopes if one.value == "SMTP.Send"
        )
        asked = RequiredResource(
            resource_app_id=EXCHANGE, resource_access=[ResourceAccess(id=permission.id, type="Scope")]
        )
        directory.application(place.made.client.app_id).required_resource_access = [asked]
    place.press = "decline"
    found = place.tokens().token(place.client, Flow(kind="pasted"), ["smtp"], account=ADA)
    assert isinstance(found, NoToken)
    assert found.code == "AADSTS65004"
    assert found.error == "access_denied"


def test_a_device_code_needs_a_public_client(place: Place) -> None:
    with place.changing() as directory:
        directory.application(place.made.client.app_id).is_fallback_public_client = False
    found = place.tokens().token(place.client, Flow(kind="device-code"), IMAP, account=ADA)
    assert isinstance(found, NoToken)
    assert found.code == "AADSTS7000218"


def test_an_app_that_is_not_registered_yet_is_named(place: Place, secret: Flow) -> None:
    found = place.tokens().token(MailApp(name="mail"), secret, IMAP)
    assert found == NoToken(
        "not_registered",
        said="mail_apps: mail has no client_id: it is not registered yet. Register it in notebook 20, or write its id "
        "into the tenants file.",
    )


def test_entra_that_does_not_answer_is_unreachable(place: Place, secret: Flow) -> None:
    nowhere = replace(
        place, tenant=replace(place.tenant, cloud=replace(place.tenant.cloud, login="https://localhost:9"))
    )
    found = nowhere.tokens(attended=False).token(place.daemon, secret, IMAP)
    assert isinstance(found, NoToken)
    assert (found.code, "https://localhost:9" in found.said) == ("unreachable", True)


def test_a_tenant_that_does_not_exist_is_90002(place: Place, secret: Flow) -> None:
    nowhere = replace(place, tenant=replace(place.tenant, tenant_id=NOWHERE))
    found = nowhere.tokens(attended=False).token(place.daemon, secret, IMAP)
    assert isinstance(found, NoToken)
    assert found.code == "AADSTS90002"
    assert "compare tenant_id and cloud" in found.said


def test_a_secret_that_is_not_there_is_named_by_its_reference(place: Place) -> None:
    flow = Flow(kind="secret", secret=SecretRef("env", "NO_SUCH_VARIABLE_HERE"))
    found = place.tokens(attended=False).token(place.daemon, flow, IMAP)
    assert isinstance(found, NoToken)
    assert (found.code, "env:NO_SUCH_VARIABLE_HERE: no such" in found.said) == ("secret", True)


def _pfx_with(password: str) -> Callable[[trustme.LeafCert], bytes]:
    return lambda leaf: pfx(leaf, password)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(_pfx_with("another"), "its PFX cannot be opened; is the password right", id="password"),
        pytest.param(lambda leaf: pfx(leaf)[:200], "its PFX cannot be opened", id="half"),
        pytest.param(lambda leaf: leaf.cert_chain_pems[0].bytes(), "holds no PRIVATE KEY", id="no key"),
        pytest.param(lambda leaf: leaf.private_key_pem.bytes(), "holds no CERTIFICATE", id="no certificate"),
        pytest.param(lambda leaf: b"\xff\x00cAn8ary", "is not text", id="neither"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_not_quoted(
    content: Callable[[trustme.LeafCert], bytes], complaint: str, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "app.pfx").write_bytes(content(certificate(place)))
    flow = Flow(kind="certificate", certificate=SecretRef("file", str(tmp_path / "app.pfx")))
    found = place.tokens(attended=False).token(place.daemon, flow, IMAP)
    assert isinstance(found, NoToken)
    assert (found.code, complaint in found.said) == ("secret", True)
    assert "cAn8ary" not in found.said
    assert "-----BEGIN" not in found.said


def test_a_key_that_is_not_rsa_is_named(place: Place, tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert("app.example", key_type=trustme.KeyType.ECDSA)
    (tmp_path / "app.pfx").write_bytes(pfx(leaf))
    flow = Flow(kind="certificate", certificate=SecretRef("file", str(tmp_path / "app.pfx")))
    found = place.tokens(attended=False).token(place.daemon, flow, IMAP)
    assert isinstance(found, NoToken)
    assert "its key is not RSA" in found.said


# --- what fits and what does not, in tokens that Entra issued --------------------------------------


def test_an_app_with_another_permission_is_found_before_anything_is_sent(place: Place, secret: Flow) -> None:
    estate = place.made.estate
    with place.changing() as directory:
        directory.app_role_assignments.clear()
        estate.allow(place.made.daemon_principal, EXCHANGE, "full_access_as_app")
    found = place.tokens(attended=False).token(place.daemon, secret, ALL)
    assert [place.findings(found, protocol) for protocol in ALL] == [["role I5"], ["role I5 P1"], ["role I5 S8"]]


def test_a_permission_beside_a_role_in_exchange_is_found(place: Place, secret: Flow) -> None:
    found = place.tokens(attended=False).token(place.daemon, secret, ALL)
    assert place.findings(found, "smtp", smtp="rbac") == ["rbac S9"]
    with place.changing() as directory:
        directory.app_role_assignments.clear()
    without = place.tokens(attended=False).token(place.daemon, secret, ALL)
    assert place.findings(without, "smtp", smtp="rbac") == []


def test_the_registrations_id_in_exchange_is_found(place: Place, secret: Flow) -> None:
    found = place.tokens(attended=False).token(place.daemon, secret, IMAP)
    wrong = place.made.daemon.id
    assert place.findings(found, "imap", exchange_id=wrong, registration_id=wrong) == ["principal I2"]
    assert place.findings(found, "pop", exchange_id=wrong) == ["principal I2 P1"]
    assert place.findings(found, "smtp", exchange_id=wrong) == ["principal I2 S8"]


def test_a_scope_without_its_host_brings_graphs_token_which_is_found(place: Place) -> None:
    form = {"grant_type": "password", "client_id": place.client.client_id, "username": ADA, "password": SIGN_IN_WORD}
    answer = session(place.practice).post(
        f"{place.practice.base_url}/{TENANT}/oauth2/v2.0/token",
        data={**form, "scope": "IMAP.AccessAsUser.All"},
        timeout=20,
    )
    claims = tokens.read(answer.json()["access_token"])
    need = Need(protocol="imap", mailbox=ADA, cloud=place.tenant.cloud, tenant_id=TENANT)
    (found,) = tokens.lint(claims, need, now=place.practice.backend.now())
    assert (found.check, found.rows) == ("graph", ("I1",))


def test_a_token_that_has_ended_is_found(place: Place, secret: Flow) -> None:
    place.practice.faults.clock.skew = timedelta(hours=-5)
    found = place.tokens(attended=False).token(place.daemon, secret, IMAP)
    place.practice.faults.clock.skew = timedelta()
    assert place.findings(found, "imap") == ["ended T1"]


def test_a_token_that_begins_later_is_found(place: Place, secret: Flow) -> None:
    place.practice.faults.clock.skew = timedelta(hours=5)
    found = place.tokens(attended=False).token(place.daemon, secret, IMAP)
    place.practice.faults.clock.skew = timedelta()
    assert place.findings(found, "imap") == ["not begun"]


# --- what is not to be seen -----------------------------------------------------------------------


def _parts(text: str) -> Iterable[str]:
    """Return what of a token must show nowhere: whole, and in pieces of its own."""
    return [text, *(text[place : place + 40] for place in range(0, len(text) - 40, 40))]


def test_no_token_secret_or_code_is_seen_anywhere(place: Place, secret: Flow, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ours = place.tokens()
    mine = ours.token(place.daemon, secret, ALL)
    hers = ours.token(place.client, Flow(kind="pasted"), ALL, account=ADA)
    assert isinstance(mine, Token)
    assert isinstance(hers, Token)
    shown = f"{mine!r} {mine} {hers!r} {ours!r} {vars(ours)!r} {mine.claims!r} {place.shown} {caplog.text}"
    code = parse_qs(urlsplit(place.pasted[0]).query)["code"][0]
    for held in (mine.reveal(), hers.reveal(), code):
        for part in _parts(held):
            assert part not in shown
    assert SECRET not in shown
    assert repr(mine) == f"<access token of {len(mine)} characters>"


def test_a_token_is_neither_pickled_nor_copied_out(place: Place, secret: Flow) -> None:
    found = place.tokens(attended=False).token(place.daemon, secret, IMAP)
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(found)
    with pytest.raises(TypeError, match="not written down"):
        copy.deepcopy(found)


class _Stranger(BaseHTTPRequestHandler):
    """Somebody who answers in Entra's place and says again what they were sent."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        said = {"error_description": f"You sent {sent}, which is wrong.", "correlation_id": sent, "timestamp": sent}
        self._answer(400, {"error": "invalid_client", **said, "trace_id": sent})

    def do_GET(self) -> None:
        here = f"https://{self.headers['Host']}/x"
        self._answer(200, dict.fromkeys(("issuer", "authorization_endpoint", "token_endpoint"), here))

    def _answer(self, status: int, content: dict[str, str]) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


def test_a_stranger_in_entras_place_gets_nothing_shown_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = trustme.CA()
    own.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.issue_cert("localhost").configure_cert(context)
    monkeypatch.setenv("WOODGROVE_SECRET", WRONG)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Stranger) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        login = f"https://localhost:{server.server_port}"
        cloud = replace(place.tenant.cloud, login=login, ca_file=tmp_path / "ca.pem")
        there = replace(place, tenant=replace(place.tenant, cloud=cloud))
        flow = Flow(kind="secret", secret=SecretRef("env", "WOODGROVE_SECRET"))
        found = there.tokens(attended=False).token(place.daemon, flow, IMAP)
        server.shutdown()
        thread.join()
    assert isinstance(found, NoToken)
    assert found.error == "invalid_client"
    assert WRONG not in repr(found)
