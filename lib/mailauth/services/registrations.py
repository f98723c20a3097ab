"""An app registration read from Microsoft Graph, with all that a plan for it has to know; and the proof of a token.

What one part refuses costs that part alone and becomes coverage. Reading changes nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from azure.core.credentials import TokenCredential

from mailauth import permissions, registration
from mailauth.checks import Check
from mailauth.clouds import Cloud
from mailauth.coverage import Coverage
from mailauth.errors import AccessError, MailauthError
from mailauth.registration import App, Found, Policy

from .client import Graph, Pace
from .parts import SOURCE, Parts, Record

__all__ = ["NEEDS", "prove", "read", "unread"]

NEEDS: Final = "reading app registrations needs Application.Read.All and Policy.Read.All"

_PACE: Final = (50, 10.0)  # requests and seconds, as for consent
_REGISTRATION: Final = (
    "id,appId,uniqueName,displayName,signInAudience,requiredResourceAccess,publicClient,web,spa,isFallbackPublicClient,"
    "createdDateTime,tags,passwordCredentials,keyCredentials"
)
_PRINCIPAL: Final = "id,appId,accountEnabled,disabledByMicrosoftStatus"
# What Entra says for as long as a new app or credential has not reached all of its servers.
_NOT_YET: Final = frozenset({"AADSTS700016", "AADSTS700027", "AADSTS7000215", "AADSTS70021", "AADSTS700213"})


def read(
    cloud: Cloud, credential: TokenCredential, unique_name: str, *, client_id: str = "", pace: Pace | None = None
) -> Found:
    """Return what the directory holds of a registration.

    Args:
        cloud: Where Graph is.
        credential: Signs in with what `NEEDS` says.
        unique_name: The name that the runbook makes it under.
        client_id: Its application id, where the tenants file has one: it decides.
        pace: How fast; None for what suits the directory.
    """
    with Graph(cloud, credential, pace=pace or Pace(*_PACE), needs=NEEDS) as graph:
        look = _Look(graph)
        key = f"appId='{client_id}'" if client_id else f"uniqueName='{unique_name}'"
        app = look.part("app registration", lambda: look.app(key))
        known, one = app is not None, app[0] if app else None
        principal = look.part("enterprise application", lambda: look.enterprise(one)) if one else None
        offers = tuple(offer for name in permissions.APP_IDS if (offer := look.offer(name)))
        policy = look.part("app management policies", lambda: look.policy(one))
        return Found(one, principal[0] if principal else None, offers, policy, known, tuple(look.coverage))


def unread(error: MailauthError) -> Found:
    """Return the look of somebody who could not begin to look."""
    lost = Coverage("app registration", "unknown", SOURCE, reason=error.message, remedy=error.remedy)
    return Found(known=False, coverage=(lost,))


def prove(
    credential: Callable[[], TokenCredential],
    scope: str,
    *,
    name: str,
    patience_s: float = 120.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Check:
    """Return whether Entra gives a token for a credential; a new one is waited for.

    Args:
        credential: Makes what signs in, anew each time: a refusal may be remembered.
        scope: What the token is for.
        name: What the check is called.
        patience_s: How long a credential that has not arrived everywhere is waited for, in seconds.
        sleep: Waits for a number of seconds.
    """
    waited, pause_s = 0.0, 1.0
    while True:
        try:
            token = credential().get_token(scope)
        except AccessError as error:
            if error.code not in _NOT_YET or waited >= patience_s:
                return Check(name, "wrong", error.message, error.remedy)
        except MailauthError as error:
            return Check(name, "cannot know", error.message, error.remedy)
        else:
            return Check(name, "ok", f"Entra gave a token of {len(token.token)} characters for {scope}")
        sleep(pause_s)
        waited, pause_s = waited + pause_s, min(2 * pause_s, 15.0)


class _Look(Parts):
    """One look at a registration. What may not be there comes as a list of none or one: None is for "not read"."""

    def app(self, key: str) -> Sequence[App]:
        record = self.if_any(f"/v1.0/applications({key})", {"$select": _REGISTRATION})
        if not record:
            return ()
        federated = self.all(f"/v1.0/applications/{record['id']}/federatedIdentityCredentials")
        return (registration.app(record, list(federated)),)

    def enterprise(self, app: App) -> Sequence[registration.Principal]:
        record = self.principal(app.client_id, _PRINCIPAL)
        return (registration.principal(record),) if record else ()

    def policy(self, app: App | None) -> Policy:
        default: Mapping[str, object] = self.graph.get("/v1.0/policies/defaultAppManagementPolicy")
        own: list[Record] = []
        if app:
            own = list(self.all(f"/v1.0/applications/{app.object_id}/appManagementPolicies"))
        return registration.policy(default, own, created=app.created if app else None)
