"""Signing in: the flow that a tenants file names, as a credential that azure-core's clients take.

People and apps sign in through msal, silently where they can; machines that need no secret
through azure-identity. Nothing here prints, logs or keeps a token outside the cache, and the
cache is in memory unless the platform can encrypt it.
"""

import getpass
import logging
import os
import re
import time
import warnings
import webbrowser
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, Protocol
from urllib.parse import parse_qs, urlsplit

import msal
import requests
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError

from mailauth.clouds import Cloud
from mailauth.errors import AccessError, ConfigurationError, UnreachableError
from mailauth.secretrefs import SecretRef
from mailauth.tenants import PEOPLE

from . import certificates, http, refusals, secrets

__all__ = ["SignIn", "acquire", "credential", "granted", "remedy"]

# A person has so long to answer the browser or to type a code.
_ATTENDED_S: Final = 300

_LOOPBACK: Final = "http://localhost"
"""Registered for a public client, it stands for every port (RFC 8252, section 7.3)."""

# Text browsers, which Python takes for browsers and no sign-in page works in.
_TEXT_ONLY: Final = frozenset({"www-browser", "links", "elinks", "lynx", "w3m"})
# Set where a notebook runs on somebody else's machine: JupyterHub (Binder too), Colab.
_ELSEWHERE: Final = ("JUPYTERHUB_SERVICE_PREFIX", "COLAB_RELEASE_TAG")

# At DEBUG these two write the authorization code that a browser brought back.
for _talkative in ("msal.oauth2cli.authcode", "msal.token_cache"):
    logging.getLogger(_talkative).setLevel(logging.INFO)

_REMEDIES: Final[Mapping[str, str]] = {
    "AADSTS50034": "Sign in with an account of this tenant.",
    "AADSTS500011": "The tenant does not have the service that the token is for: nothing of it was ever set up there.",
    "AADSTS50076": "Sign in with the flow interactive, which can answer MFA.",
    "AADSTS50079": "Enrol the account for MFA, then sign in with the flow interactive.",
    "AADSTS50011": "Add the redirect address http://localhost to the app, as a mobile and desktop application.",
    "AADSTS50020": "Sign in with an account of this tenant, or compare tenant_id.",
    "AADSTS50105": "The app is for assigned people only: assign the account to it in its enterprise application.",
    "AADSTS53003": "A Conditional Access policy blocks this sign-in; its administrator can say which (sign-in log, by "
    "correlation id). Device code is often blocked: use interactive.",
    "AADSTS65002": "An id of Microsoft's own may not ask for this: sign in through a registration of your own.",
    "AADSTS65004": "Consent was cancelled on the page. Nothing was changed; run this again to be asked again.",
    "AADSTS90094": "The tenant leaves this consent to administrators: `mailauth runbook-app` shows the link to send.",
    "AADSTS90095": "A request for consent went to the tenant's administrators: run this again once they approved it.",
    "AADSTS65001": "Nobody consented to this for the app: an administrator consents, then sign in again.",
    "AADSTS700016": "The app is not in this tenant: compare admin.client_id and tenant_id with its overview page.",
    "AADSTS700027": "The certificate is not, or no longer, on the app: upload its public part there.",
    "AADSTS700213": "No federated credential of the app matches this machine's subject: compare it letter by letter.",
    "AADSTS7000215": "The value is not a secret of this app: often the secret's ID was copied instead of its value.",
    "AADSTS7000218": 'Switch on "Allow public client flows" in the app\'s authentication settings.',
    "AADSTS7000222": "The secret has expired: make a new one, and put it where the reference points.",
    "AADSTS90002": "There is no such tenant in this cloud: compare tenant_id and cloud.",
}

_CODE = re.compile(r"AADSTS\d+")


class SignIn(Protocol):
    """What `credential` needs to know of who signs in; `tenants.Admin` is one.

    Attributes:
        flow: ``interactive``, ``pasted``, ``device-code``, ``secret``, ``certificate``, ``federated`` or
            ``managed-identity``.
        client_id: The app that signs in.
        account: The person who is expected.
        secret, certificate, password, assertion: References, as the flow needs them.
    """

    @property
    def flow(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def secret(self) -> SecretRef | None: ...
    @property
    def certificate(self) -> SecretRef | None: ...
    @property
    def password(self) -> SecretRef | None: ...
    @property
    def assertion(self) -> SecretRef | None: ...


class _Who(NamedTuple):
    """A sign-in in its tenant and cloud."""

    admin: SignIn
    tenant_id: str
    cloud: Cloud

    @property
    def authority(self) -> str:
        return f"{self.cloud.login.rstrip('/')}/{self.tenant_id}"

    def __str__(self) -> str:
        return f"sign-in to {self.tenant_id} ({self.admin.flow}, app {self.admin.client_id or 'of the platform'})"


def credential(
    admin: SignIn,
    *,
    tenant_id: str,
    cloud: Cloud,
    attended: bool,
    show: Callable[[str], object] = print,
    ask: Callable[[str], str] = getpass.getpass,
    patience_s: float = _ATTENDED_S,
    remember: Path | None = None,
    strict: bool = False,
    plain: bool = False,
    turn: AbstractContextManager[object] | None = None,
) -> TokenCredential:
    """Return a credential; nobody is asked and nothing is sent before the first token is wanted.

    A person's sign-in asks for exactly the scopes that a token is wanted for, so that what Entra asks them to consent
    to is what is needed and no more. An app cannot ask for single scopes: it asks for all that it was given.

    Args:
        admin: Who signs in, and how.
        tenant_id: The directory to sign in to.
        cloud: Where Entra is, and how to reach it.
        attended: Whether a person sits there who can use a browser; without one, flows that need one fail at once.
        show: Receives what a person has to open: the address, and the code of a device-code sign-in.
        ask: Receives a prompt and returns the address that a person pasted, without showing it: it holds a code that
            is good for a token.
        patience_s: How long a person has for the browser, in seconds.
        remember: A file for the token cache of people's sign-ins; None keeps it in memory. Where the platform cannot
            encrypt the file, memory it is.
        strict: Refuse where it cannot be encrypted, instead of falling back on memory.
        plain: Keep that file unencrypted where there is no other way; only when the user asks for it.
        turn: Held while a person is asked, such as a lock: who has several sign-ins at once is asked one at a time.

    Raises:
        ConfigurationError: The flow lacks something, or a file was to be encrypted that cannot be.
        SecretError: A reference cannot be read.
    """
    who = _Who(admin, tenant_id, cloud)
    if admin.flow == "managed-identity" or (admin.flow == "federated" and admin.assertion is None):
        return _Platform(who)
    if admin.flow in PEOPLE:
        asked = _Asked(attended, show, ask, patience_s, turn or nullcontext())
        return _Person(who, asked, _cache(remember, strict=strict, plain=plain))
    return _App(who)


def acquire(credential: TokenCredential, *scopes: str, fresh: bool = False) -> Mapping[str, Any]:
    """Return what Entra answers where a token for *scopes* is wanted: the token, or its refusal with all its ids.

    Args:
        credential: One that `credential` made.
        scopes: As in `credential`; they are sent as they stand.
        fresh: Have a new token issued, though one is known that has time left: after a change of consent the old one
            says what held before. What a machine's identity service remembers cannot be passed by from here.

    Raises:
        AccessError: A person would have to sign in, and nobody is there; `code` is ``interaction_required``.
        UnreachableError: Entra does not answer.
        ConfigurationError: A reference cannot be read.
    """
    assert isinstance(credential, (_Msal, _Platform))
    return credential.answer(list(scopes), fresh=fresh)


def remedy(code: str) -> str:
    """Return what to do about a refusal of Entra's, by its number with the prefix; empty where nothing is known."""
    return _REMEDIES.get(code, "")


def granted(credential: TokenCredential) -> frozenset[str] | None:
    """Return the scopes that a person's sign-in has brought so far, by short names; None where no person signed in.

    Entra says them beside each token, so nobody has to read a token for it.
    """
    return credential.scopes if isinstance(credential, _Person) else None


class _Asked(NamedTuple):
    """How a person is asked, as `credential` says."""

    attended: bool
    show: Callable[[str], object]
    ask: Callable[[str], str]
    patience_s: float
    turn: AbstractContextManager[object]


class _Shown(AccessToken):
    """An access token that shows only its length, whoever prints it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<access token of {len(self.token)} characters>"

    __str__ = __repr__


class _Msal(ABC):
    """What people and apps have in common."""

    def __init__(self, who: _Who) -> None:
        self._who = who

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_options: Any,
    ) -> AccessToken:
        """Return a token for *scopes*.

        Raises:
            AccessError: Entra refuses, or nobody is there to sign in; `code` is the AADSTS number.
            UnreachableError: Entra does not answer.
        """
        answer = self.answer(list(scopes), claims)
        if "access_token" not in answer:
            raise _refusal(self._who, answer)
        # msal counts from its own clock, and so must the moment of expiry.
        return _Shown(answer["access_token"], _now() + int(answer.get("expires_in", 0)))

    def answer(self, scopes: list[str], claims: str | None = None, *, fresh: bool = False) -> Mapping[str, Any]:
        """Return what Entra answers; raises as `acquire` does."""
        try:
            return self._acquire(scopes, claims, fresh)
        except (requests.RequestException, ValueError, RuntimeError, msal.exceptions.MsalError) as error:
            # RuntimeError: msal's for an authority that answers neither 200 nor an error.
            _unreachable(self._who, error)

    def close(self) -> None:
        """Return at once: nothing stays open."""
        return

    def __repr__(self) -> str:
        return f"<{self._who}>"

    @abstractmethod
    def _acquire(self, scopes: list[str], claims: str | None, fresh: bool) -> Mapping[str, Any]: ...


class _App(_Msal):
    """An app that signs in as itself, with a secret, a certificate or another provider's token."""

    def __init__(self, who: _Who) -> None:
        super().__init__(who)
        self._app: Any = None

    def _acquire(self, scopes: list[str], claims: str | None, fresh: bool) -> Mapping[str, Any]:
        # msal always looks into its cache first for an app's own token: a new one begins without any.
        if self._app is None or fresh:
            self._app = _confidential(self._who)
        answer: Mapping[str, Any] = self._app.acquire_token_for_client(_whole(scopes), claims_challenge=claims)
        return answer


class _Person(_Msal):
    """A person in a browser, here or elsewhere; asked once for each scope, then silent as long as Entra allows."""

    def __init__(self, who: _Who, asked: _Asked, cache: msal.TokenCache) -> None:
        super().__init__(who)
        if not who.admin.client_id:
            raise ConfigurationError(
                f"admin.client_id: found nothing; flow {who.admin.flow} expects the id of an app registration of your "
                "own. A borrowed id of Microsoft's looks like phishing, and policies block it."
            )
        self.scopes: frozenset[str] | None = None
        self._asked = asked
        self._cache = cache
        self._app: Any = None

    def _acquire(self, scopes: list[str], claims: str | None, fresh: bool) -> Mapping[str, Any]:
        answer = self._token(scopes, claims, fresh)
        if said := str(answer.get("scope") or ""):
            self.scopes = (self.scopes or frozenset()) | {each.rpartition("/")[2] for each in said.split()}
        return answer

    def _token(self, scopes: list[str], claims: str | None, fresh: bool) -> Mapping[str, Any]:
        if self._app is None:
            self._app = _public(self._who, self._cache)
        known = self._silent(scopes, claims, fresh)
        if "access_token" in known:
            return known
        if not self._asked.attended:
            # Entra's own reason says more than that a person is missing.
            if known:
                return known
            raise _nobody_there(self._who)
        with self._asked.turn:
            return self._by_person(scopes, claims)

    def _silent(self, scopes: list[str], claims: str | None, fresh: bool) -> Mapping[str, Any]:
        account = next(iter(self._app.get_accounts(self._who.admin.account or None)), None)
        if account is None:
            return {}
        how = {"claims_challenge": claims, "force_refresh": fresh}
        return _object(self._app.acquire_token_silent_with_error(scopes, account, **how))

    def _by_person(self, scopes: list[str], claims: str | None) -> Mapping[str, Any]:
        if self._who.admin.flow == "device-code":
            return self._by_code(scopes, claims)
        if self._who.admin.flow == "pasted" or not _has_browser():
            return self._by_address(scopes, claims)
        return self._by_browser(scopes, claims)

    @property
    def _chosen(self) -> Mapping[str, str]:
        """Whom the page expects; without a name it asks: the account that a browser knows is often not the admin's."""
        account = self._who.admin.account
        return {"login_hint": account} if account else {"prompt": "select_account"}

    def _by_browser(self, scopes: list[str], claims: str | None) -> Mapping[str, Any]:
        patience = self._asked.patience_s
        try:
            return _object(
                self._app.acquire_token_interactive(scopes, **self._chosen, claims_challenge=claims, timeout=patience)
            )
        except msal.BrowserInteractionTimeoutError:
            return _said("timeout", f"nobody answered in the browser within {patience:.0f} seconds. Run this again.")

    def _by_address(self, scopes: list[str], claims: str | None) -> Mapping[str, Any]:
        with warnings.catch_warnings():
            # msal would rather have a form posted. That is not to be had here: it is the address that a person copies.
            warnings.filterwarnings("ignore", message="response_mode='form_post' is recommended")
            flow = self._app.initiate_auth_code_flow(
                scopes, redirect_uri=_LOOPBACK, **self._chosen, claims_challenge=claims
            )
        if "auth_uri" not in flow:
            return _object(flow)
        self._asked.show(
            f"Open this address in a browser, on any machine, and sign in to {self._who.tenant_id}:\n\n"
            f"{flow['auth_uri']}\n\n"
            f"At the end the browser shows a page that it cannot open, below {_LOOPBACK}. That is as it should be: "
            "copy the whole address from its address bar and paste it here. It is good once, and for some minutes."
        )
        try:
            fields, wrong = _brought_back(self._asked.ask("The whole address: "), flow["state"])
        except (EOFError, NotImplementedError, OSError):
            # A kernel that nobody can type into, or a terminal without one.
            raise _nobody_there(self._who) from None
        return wrong or _object(self._app.acquire_token_by_auth_code_flow(flow, fields))

    def _by_code(self, scopes: list[str], claims: str | None) -> Mapping[str, Any]:
        flow = self._app.initiate_device_flow(scopes, claims_challenge=claims)
        if "user_code" not in flow:
            return _object(flow)
        # msal waits until this moment; the service's own is fifteen minutes away.
        flow["expires_at"] = min(flow["expires_at"], _now() + self._asked.patience_s)
        self._asked.show(
            f"Open {flow['verification_uri']} and enter {flow['user_code']} to sign in to {self._who.tenant_id}. "
            "A policy may block this kind of sign-in, and it may alert your security team."
        )
        return _object(self._app.acquire_token_by_device_flow(flow, claims_challenge=claims))


_NO_IDENTITY: Final = "no platform identity"
_ELSEWHERE_ONLY: Final = "Run this where the identity is, or choose another flow."


class _Platform:
    """The identity that the machine brings: managed, or federated through the environment."""

    def __init__(self, who: _Who) -> None:
        self._who = who
        self._credential: Any = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token for *scopes*; raises as `_Msal.get_token` does."""
        found = self._found(_whole(scopes), **options)
        if isinstance(found, AccessToken):
            return _Shown(found.token, found.expires_on)
        code = _CODE.search(found)
        raise AccessError(
            f"{self._who}: {found[:300]}",
            remedy=remedy(code[0]) if code else _ELSEWHERE_ONLY,
            code=code[0] if code else _NO_IDENTITY,
        )

    def answer(self, scopes: list[str], *, fresh: bool = False) -> Mapping[str, Any]:
        """Return what the platform answers, as msal would write it."""
        if fresh:
            self.close()
            self._credential = None
        found = self._found(scopes)
        if isinstance(found, AccessToken):
            return {"access_token": found.token, "expires_in": found.expires_on - _now()}
        return {"error": "" if _CODE.search(found) else _NO_IDENTITY, "error_description": found}

    def _found(self, scopes: Iterable[str], **options: Any) -> AccessToken | str:
        """Return a token, or what was said in its place."""
        if self._credential is None:
            self._credential = _platform(self._who)
        try:
            found: AccessToken = self._credential.get_token(*scopes, **options)
        except AzureError as error:
            return " ".join(str(error).split())
        return found

    def close(self) -> None:
        """Give connections back."""
        if self._credential is not None:
            self._credential.close()

    def __repr__(self) -> str:
        return f"<{self._who}>"


def _confidential(who: _Who) -> Any:
    return msal.ConfidentialClientApplication(
        who.admin.client_id,
        client_credential=_client_credential(who),
        authority=who.authority,
        # The authority is a fact or the user's own word; nobody else needs to be asked about it.
        instance_discovery=False,
        http_client=http.session(who.cloud),
    )


def _public(who: _Who, cache: msal.TokenCache) -> Any:
    return msal.PublicClientApplication(
        who.admin.client_id,
        authority=who.authority,
        instance_discovery=False,
        http_client=http.session(who.cloud),
        token_cache=cache,
    )


def _client_credential(who: _Who) -> Any:
    admin = who.admin
    match admin.flow:
        case "secret" if admin.secret:
            return secrets.read(admin.secret).reveal()
        case "certificate" if admin.certificate:
            return _key(admin.certificate, admin.password)
        case "federated" if admin.assertion:
            assertion = admin.assertion
            return {"client_assertion": lambda: secrets.read(assertion).reveal()}
    raise ConfigurationError(f"admin.flow: {admin.flow} lacks its reference; see tenants.example.yaml.")


def _key(certificate: SecretRef, password: SecretRef | None) -> dict[str, str]:
    """Return a certificate with its key in msal's form."""
    pem = certificates.signing(certificate, secrets.read(password) if password else None).reveal()
    return {"private_key": pem, "public_certificate": pem}


def _platform(who: _Who) -> Any:
    # Imported late: it costs a quarter of a second, and most runs do without.
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    client_id = who.admin.client_id or None
    if who.admin.flow == "managed-identity":
        return ManagedIdentityCredential(client_id=client_id)
    # Only what a machine has: a developer's own sign-in would read the tenant as somebody nobody named.
    return DefaultAzureCredential(
        authority=who.cloud.login,
        workload_identity_tenant_id=who.tenant_id,
        workload_identity_client_id=client_id,
        managed_identity_client_id=client_id,
        transport=http.transport(who.cloud),
        **dict.fromkeys(_DEVELOPERS, True),
    )


_DEVELOPERS: Final = (
    "exclude_environment_credential",
    "exclude_shared_token_cache_credential",
    "exclude_visual_studio_code_credential",
    "exclude_cli_credential",
    "exclude_powershell_credential",
    "exclude_developer_cli_credential",
    "exclude_interactive_browser_credential",
    "exclude_broker_credential",
)


def _has_browser() -> bool:
    """Whether this machine can open a page in front of whoever runs this."""
    if any(os.environ.get(name) for name in _ELSEWHERE):
        return False
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    return Path(str(getattr(found, "name", ""))).name not in _TEXT_ONLY


def _brought_back(address: str, state: str) -> tuple[dict[str, str], Mapping[str, Any]]:
    """Return what a pasted address holds, and what is wrong with it as Entra would say it; one of them is empty.

    Nothing is raised where the address can be seen: a traceback may show what its frames hold.
    """
    try:
        parts = urlsplit(address.strip())
        fields = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        here = (parts.scheme, parts.hostname) == ("http", "localhost")
    except ValueError:
        fields, here = {}, False
    if not here or not fields.keys() & {"code", "error"}:
        found = f"found text of {len(address.strip())} characters, not shown"
        return {}, _said(
            "pasted", f"{found}; expected the whole address, beginning with {_LOOPBACK}, with a code in it."
        )
    if fields.get("state") != state:
        return {}, _said("state", "the address answers another sign-in, not this one. Begin again, with the new link.")
    return fields, {}


def _said(code: str, sentence: str) -> Mapping[str, Any]:
    return {"error": code, "error_description": sentence}


def _whole(scopes: Iterable[str]) -> list[str]:
    """Return *scopes* as an app asks for them: all that it was given on the same resource."""
    return list(dict.fromkeys(f"{scope.rpartition('/')[0]}/.default" if "/" in scope else scope for scope in scopes))


def _cache(remember: Path | None, *, strict: bool, plain: bool) -> msal.TokenCache:
    if remember is None:
        return msal.TokenCache()
    import msal_extensions

    try:
        persistence = msal_extensions.build_encrypted_persistence(str(remember))
    except Exception:
        # What is missing differs by platform (a library, a keyring, a session); the answer is the same.
        if strict and not plain:
            raise ConfigurationError(
                "admin.remember: found encrypted, and this machine has nothing to encrypt a sign-in with.",
                remedy="Leave it out, and the sign-in is forgotten with the run; or `plain`, and whoever reads your "
                "files can sign in as you.",
            ) from None
        if not plain:
            return msal.TokenCache()
        persistence = msal_extensions.FilePersistence(str(remember))
    return msal_extensions.PersistedTokenCache(persistence)


def _object(answer: Any) -> Mapping[str, Any]:
    return answer if isinstance(answer, Mapping) else {}


def _nobody_there(who: _Who) -> AccessError:
    return AccessError(
        f"{who}: a person has to sign in, and this run has nobody to ask.",
        remedy="Sign in once in notebook 00, or choose certificate, federated or managed-identity for runs like this.",
        code="interaction_required",
    )


def _refusal(who: _Who, answer: Mapping[str, Any]) -> AccessError:
    said = str(answer.get("error_description") or answer.get("error") or "no reason given")
    code = _CODE.search(said)
    # After the first line come ids and a time, which make two equal refusals look different.
    first = re.split(r"\r?\n| Trace ID:", said, maxsplit=1)[0].strip()
    return AccessError(
        f"{who}: {first[:300]}",
        remedy=_REMEDIES.get(code[0], "") if code else "",
        code=code[0] if code else str(answer.get("error") or ""),
    )


def _unreachable(who: _Who, error: Exception) -> NoReturn:
    # msal asks the authority about itself first, and what Entra says against that is in the text of the cause.
    if isinstance(error, ValueError) and (code := _CODE.search(f"{error} {error.__context__}")):
        said = f"{who}: {code[0]}: {who.cloud.login} has no answer for this tenant."
        raise AccessError(said, remedy=remedy(code[0]), code=code[0]) from None
    advice = "Check login, proxy and ca_file of the cloud, and tenant_id."
    if isinstance(error, requests.exceptions.SSLError):
        kind = "its certificate is not trusted"
    elif isinstance(error, requests.RequestException):
        kind, advice = "it does not answer", refusals.silent(who.cloud, advice)
    else:
        # msal raises ValueError where the authority's metadata is no metadata, its text naming the address.
        kind = f"it does not answer as Entra does ({' '.join(str(error).split())[:200]})"
    raise UnreachableError(
        f"{who}: {who.cloud.login}: {kind}.",
        remedy=advice,
        code="unreachable",
    ) from None


def _now() -> int:
    return int(time.time())
