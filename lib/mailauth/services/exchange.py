"""Exchange Online's administration over HTTPS: cmdlets invoked as the official PowerShell module invokes them.

``POST {exchange}/adminapi/beta/{tenant}/InvokeCommand`` runs any cmdlet that the caller's management roles hold. The
module stands on it and Microsoft documents it nowhere, so it may change without notice; the documented road is the
module itself. Whatever is sent here can be written as a PowerShell script instead, which does the same.

Read from public code that uses it, and so unverified: the headers, the shape of an error, how pages are linked.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    HttpLoggingPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse

from mailauth import cmdlets
from mailauth.clouds import Cloud
from mailauth.errors import AccessError, SourceError, UnclearError, UnreachableError
from mailauth.plan import Cmdlet

from . import http, pipeline, refusals

__all__ = ["ROAD", "Exchange", "missing", "unknown"]

ROAD: Final = (
    "This way into Exchange is the official PowerShell module's own and Microsoft does not document it; "
    "if it stays closed, run the PowerShell script that stands beside each plan."
)
"""What is said wherever the way itself fails."""

# The mailbox that Exchange routes calls of apps by; from public code.
_ANCHOR: Final = "APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant_id}"
_PAGE: Final = 1000
_READS: Final = ("Get", "Test")
_NOT_FOUND: Final = "ManagementObjectNotFoundException"
_UNKNOWN: Final = "CommandNotFoundException"
_DEHYDRATED: Final = "InvalidOperationInDehydratedContextException"

# What a cmdlet's exception means here, and what to do, by the end of its type's name.
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    _NOT_FOUND: ("names something that Exchange does not have", "Check the spelling; something new takes minutes."),
    "ManagementObjectAmbiguousException": (
        "names something that Exchange has several of",
        "Name it by its primary address or its guid.",
    ),
    "ADObjectAlreadyExistsException": (
        "makes something that exists already",
        "Plan again: what is there already is left out.",
    ),
    _DEHYDRATED: (
        "needs an organization that can be customized, and this one has never been (it is dehydrated)",
        "Run Enable-OrganizationCustomization once; nothing takes it back, and it takes some minutes to count.",
    ),
    "ParameterTransformationException": ("was given a value that does not fit", "Correct the value that it names."),
    "ParameterBindingException": ("was called without something that it needs", "Add the parameter that it names."),
    "AmbiguousParameterSetException": (
        "does not take these parameters, or not all of them together",
        "The cmdlet may have changed, or the management role may hold fewer of its parameters.",
    ),
}

_APPS: Final = (
    "An app is named by the ObjectId, the Sid or the Identity that Get-ServicePrincipal shows: neither by its display "
    "name nor by the ids of its registration. New-ServicePrincipal makes it known to Exchange first."
)


class Exchange(pipeline.Client):
    """The administration of one organization, as one identity.

    Args:
        cloud: Where it is, and how to reach it.
        credential: What signs in; its token is sent to the cloud's Exchange host only.
        tenant_id: The tenant's id.
        anchor: What calls are routed by, as ``UPN:admin@contoso.example``; empty for the organization's own mailbox.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        cloud: Cloud,
        credential: TokenCredential,
        *,
        tenant_id: str,
        anchor: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base = f"{cloud.exchange.rstrip('/')}/adminapi/beta/{tenant_id}"
        self._place = f"Exchange at {cloud.exchange}"
        self._silence = refusals.silent(cloud)
        self._lock = threading.Lock()
        self._calls = 0
        self._warnings: list[str] = []
        headers = {
            "Accept": "application/json",
            "Prefer": f"odata.maxpagesize={_PAGE}",
            "X-AnchorMailbox": anchor or _ANCHOR.format(tenant_id=tenant_id),
            "X-ResponseFormat": "json",
            "X-SerializationLevel": "Partial",
        }
        self._pipeline: Pipeline[Any, Any] = Pipeline(
            http.transport(cloud, timeout_s=300),
            policies=[
                RequestIdPolicy(),
                HeadersPolicy(headers),
                UserAgentPolicy(base_user_agent="mailauth-runbook"),
                pipeline.Retries(sleep),
                BearerTokenCredentialPolicy(credential, f"{cloud.mail_resource or cloud.exchange}/.default"),
                HttpLoggingPolicy(),
            ],
        )

    @property
    def calls(self) -> int:
        """How many requests were made: one for each page of each cmdlet; what azure-core sent again is not counted."""
        return self._calls

    @property
    def warnings(self) -> Sequence[str]:
        """What cmdlets warned of, each once, as ``Set-CASMailbox: The command completed successfully but …``."""
        return tuple(dict.fromkeys(self._warnings))

    def invoke(self, cmdlet: Cmdlet) -> list[Mapping[str, Any]]:
        """Return the rows of a cmdlet, of every page. A change is sent once, a read until it is answered.

        Several threads may call it at once.

        Raises:
            AccessError: 401, 403, or a cmdlet that the caller's roles do not hold; `remedy` says who can change that.
            UnreachableError: Nothing was sent, or nothing was done.
            UnclearError: A change was sent, and no answer tells what became of it.
            SourceError: The cmdlet refused; `code` is the HTTP status and the exception's type without its namespace.
        """
        return [row for page in self._pages(cmdlet) for row in page]

    def rows(self, cmdlet: Cmdlet) -> list[Mapping[str, Any]]:
        """Return the rows of a cmdlet, none where what it names does not exist; raises as `invoke` does otherwise."""
        try:
            return self.invoke(cmdlet)
        except SourceError as error:
            if missing(error):
                return []
            raise

    def _pages(self, cmdlet: Cmdlet) -> Iterator[list[Mapping[str, Any]]]:
        link, seen = f"{self.base}/InvokeCommand", set[str]()
        content = {"CmdletInput": {"CmdletName": cmdlet.name, "Parameters": _plain(cmdlet.parameters)}}
        while link not in seen:
            seen.add(link)
            answer = self._ask(HttpRequest("POST", link, headers={"X-CmdletName": cmdlet.name}, json=content), cmdlet)
            rows = answer.get("value")
            yield [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
            next_link = answer.get("@odata.nextLink")
            if not next_link:
                return
            link = self._followed(str(next_link))
        raise SourceError(f"{cmdlet.name}: the pages of its answer lead back to one that was read.", code="endless")

    def _ask(self, request: HttpRequest, cmdlet: Cmdlet) -> Mapping[str, Any]:
        reads = cmdlet.name.partition("-")[0] in _READS
        with self._lock:
            self._calls += 1
        try:
            response = self._pipeline.run(request, retry_on_methods=["POST"] if reads else []).http_response
            content = _content(response)
        except ClientAuthenticationError as error:
            raise refusals.no_token(self._place, error) from error
        except (AzureError, ValueError) as error:
            if not reads and not pipeline.before_sending(error):
                raise self._unclear(cmdlet, refusals.first_line(error), "no answer") from error
            raise self._unanswered(error) from error
        if content is None:
            raise self._refusal(response, cmdlet, reads=reads)
        self._note(cmdlet, content)
        return content

    def _note(self, cmdlet: Cmdlet, content: Mapping[str, Any]) -> None:
        warned = content.get("@adminapi.warnings")
        texts = [each for each in warned if isinstance(each, str)] if isinstance(warned, list) else []
        with self._lock:
            self._warnings += [f"{cmdlet.name}: {_line(each)}" for each in texts]

    def _unanswered(self, error: Exception) -> SourceError:
        if isinstance(error, ValueError):
            return SourceError(f"{self._place} answered something that is not JSON.", remedy=ROAD, code="not JSON")
        if pipeline.before_sending(error):
            return refusals.unreachable(self._place, error, remedy=self._silence)
        said = f"{self._place} broke off: {refusals.first_line(error)}"
        return UnreachableError(said, remedy=self._silence, code="504 no answer")

    def _unclear(self, cmdlet: Cmdlet, said: str, code: str) -> UnclearError:
        return UnclearError(
            f"{self._place} was sent {cmdlet.name} and did not say what became of it: {said}",
            remedy="Run it again: it looks first, and sends only what is missing.",
            code=code,
        )

    def _refusal(self, response: HttpResponse, cmdlet: Cmdlet, *, reads: bool) -> SourceError:
        kind, said = _told(response)
        code = f"{response.status_code} {kind}".rstrip()
        if response.status_code in (401, 403):
            return _no_entry(self._place, said, code, app="application" in said.lower())
        if response.status_code == 429 or response.status_code >= 500:
            if reads or pipeline.refused(response):
                text = f"{self._place} kept answering {code} to {cmdlet.name}: {said or 'no reason given'}"
                return UnreachableError(text, remedy="Wait some minutes and run it again.", code=code)
            return self._unclear(cmdlet, said or "no reason given", code)
        if kind == _UNKNOWN:
            return _no_role(cmdlet, code)
        return _cmdlet_error(cmdlet, kind, said, code)


def missing(error: SourceError) -> bool:
    """Whether *error* says that what a cmdlet names does not exist."""
    return error.code.endswith(_NOT_FOUND)


def unknown(error: SourceError) -> bool:
    """Whether *error* says that no role of the caller holds the cmdlet (or that there is none of this name)."""
    return error.code.endswith(_UNKNOWN)


def _no_role(cmdlet: Cmdlet, code: str) -> AccessError:
    return AccessError(
        f"{cmdlet.name} is not among the cmdlets that whoever is signed in may run, or the name is wrong: Exchange "
        "says the same of both.",
        remedy=f'Ask an administrator: "Please give the account or app {cmdlets.who_may(cmdlet.name)}, in the Exchange '
        'admin center under Roles, Admin roles." Sign in again afterwards.',
        code=code,
    )


def _no_entry(place: str, said: str, code: str, *, app: bool) -> AccessError:
    remedy = (
        "Give the app's enterprise application the Entra role Exchange Administrator (Exchange Recipient "
        "Administrator for mailboxes alone), and consent to Exchange.ManageAsApp for it."
        if app
        else "Sign in again with a token for Exchange of this tenant: a person needs the scope Exchange.Manage, an app "
        "the application permission Exchange.ManageAsApp."
    )
    return AccessError(f"{place} refused: {said or 'no reason given'}", remedy=f"{remedy} {ROAD}", code=code)


def _cmdlet_error(cmdlet: Cmdlet, kind: str, said: str, code: str) -> SourceError:
    if "Enable-OrganizationCustomization" in said:
        kind = _DEHYDRATED
    meant, remedy = _KINDS.get(kind, ("was refused", ""))
    if kind == _NOT_FOUND and {"User", "Trustee", "App"} & set(cmdlet.parameters):
        remedy = _APPS
    if not kind:
        remedy = ROAD
    return SourceError(f"{cmdlet.name} {meant}: {said or 'no reason given'}", remedy=remedy, code=code)


def _content(response: HttpResponse) -> Mapping[str, Any] | None:
    """Return the object of a success, an empty one where there is none; None for a refusal.

    Raises:
        ValueError: Something that is no object came with a success, as from a proxy on the way.
    """
    if response.status_code >= 300:
        return None
    found = response.json() if response.content else {}
    if not isinstance(found, Mapping):
        raise ValueError("the answer is no JSON object")
    return found


def _told(response: HttpResponse) -> tuple[str, str]:
    """Return the type of the exception, without its namespace, and what it says; '' for what is not told."""
    error = refusals.body(response)
    inner = error.get("innererror")
    exception = inner.get("internalexception") if isinstance(inner, Mapping) else None
    if isinstance(exception, Mapping):
        kind, said = exception.get("type"), exception.get("message")
    else:
        kind, said = "", error.get("message")
    diagnostics = response.headers.get("x-ms-diagnostics", "")
    return str(kind or "").rpartition(".")[2][:100], _line(said) or _line(diagnostics)


def _line(said: object) -> str:
    return " ".join(str(said or "").split())[:300]


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in parameters.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(each) for each in value]
    return value
