"""Apps that are registered elsewhere: what any tenant can consent to although no practice tenant made it.

The ids are those of `facts/mail_clients.toml`; redirect addresses and permissions are those that the
clients' own sources show, as far as they are public, and what such a client needs where they are not.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from .state import Application, Redirects, RequiredResource, ResourceAccess
from .wellknown import EXCHANGE, GRAPH, MICROSOFT, permission

__all__ = ["FIRST_PARTY", "MAIL_CLIENTS", "PREAUTHORIZED", "owner", "published"]

_THUNDERBIRD: Final = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
_THUNDERBIRD_OLD: Final = "08162f7c-0fd2-4200-a84a-f25a4db0b584"
_APPLE: Final = "f8d98a96-0999-43f5-8af3-69971c7bb423"
_GMAIL: Final = "2cee05de-2b8f-45a2-8289-2a06ca32c4c8"
_SAMSUNG: Final = "8acd33ea-7197-4a96-bc33-d7cc7101262f"
_EM_CLIENT: Final = "e9a7fea1-1cc0-4cd9-a31b-9137ca5deedd"
_SPARK: Final = "b50c1dbd-1855-4e54-b07c-d3c3029e93d3"

_K9: Final = "e647013a-ada4-4114-b419-e43d250f99c5"
_POWERSHELL: Final = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
_OFFICE: Final = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
_GRAPH_TOOLS: Final = "14d82eec-204b-4c2f-b7e8-296a70dab67e"

FIRST_PARTY: Final = frozenset({_POWERSHELL, _OFFICE, _GRAPH_TOOLS})
"""Microsoft's own."""

PREAUTHORIZED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    _POWERSHELL: {
        EXCHANGE: ("AdminApi.AccessAsUser.All", "FfoPowerShell.AccessAsUser.All", "RemotePowerShell.AccessAsUser.All"),
    },
    # ≈ Office has more than this; what concerns mail by IMAP, POP and SMTP is not among it.
    _OFFICE: {EXCHANGE: ("user_impersonation",), GRAPH: ("User.Read",)},
}
"""Those of them that are good for certain scopes without anybody's consent, and for nothing else with it."""

MAIL_CLIENTS: Final = frozenset({_THUNDERBIRD, _APPLE, _GMAIL, _SAMSUNG, _EM_CLIENT, _SPARK})
"""Whom the managed consent policy for mail clients lets users consent to (as reported, November 2026)."""

_MAIL: Final = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send")
_SYNC: Final = ("EAS.AccessAsUser.All",)
_NATIVE: Final = "https://login.microsoftonline.com/common/oauth2/nativeclient"

_REDIRECTS: Final[Mapping[str, tuple[str, ...]]] = {
    _THUNDERBIRD: ("https://localhost",),
    _THUNDERBIRD_OLD: ("https://localhost",),
    "e6f8716e-299d-4ed9-bbf3-453f192f44e5": ("msauth://net.thunderbird.android",),
    _K9: ("msauth://com.fsck.k9",),
    _EM_CLIENT: ("com.emclient.MailClient://oauth",),
    "20460e5d-ce91-49af-a3a5-70b6be7486d1": (_NATIVE,),
    _POWERSHELL: ("http://localhost", _NATIVE),
    _OFFICE: (_NATIVE,),
    _GRAPH_TOOLS: ("http://localhost", _NATIVE),
}
_SYNCING: Final = frozenset({_APPLE, _GMAIL, _SAMSUNG, "e0ee12cb-2032-40fc-a44f-d6d9f3fad1eb"})
_MOZILLA: Final = "b8ea3d58-0000-4000-8000-000000000001"
"""Invented: the publisher's real tenant is on no page that was read."""
_OWNERS: Final[Mapping[str, str]] = {
    _APPLE: "e0fad04c-a04c-41ab-b35e-dc523af755a1",
    _THUNDERBIRD: _MOZILLA,
    _THUNDERBIRD_OLD: _MOZILLA,
    _EM_CLIENT: "146ecd75-4414-4ecf-ba6d-ea611895da8c",
}
_DISABLED: Final = frozenset({_THUNDERBIRD_OLD})
_UNVERIFIED: Final = frozenset({_K9})
"""Whose publishers Microsoft has not verified, as far as it was reported."""
_RESOURCES: Final = frozenset({EXCHANGE, GRAPH})


@cache
def published() -> Mapping[str, Application]:
    """Return the apps by application id."""
    text = (resources.files("facts") / "mail_clients.toml").read_text(encoding="utf-8")
    known: Mapping[str, Mapping[str, Any]] = tomllib.loads(text)["app"]
    named = {app_id: str(one["name"]) for app_id, one in known.items() if app_id not in _RESOURCES}
    named[_GRAPH_TOOLS] = "Microsoft Graph Command Line Tools"
    return {app_id: _registration(app_id, name) for app_id, name in named.items()}


def owner(app_id: str) -> str:
    """Return the tenant that an app of the catalogue belongs to; an invented one where the real one is not public."""
    return MICROSOFT if app_id in FIRST_PARTY else _OWNERS.get(app_id, app_id[::-1].replace("-", "")[:8] + app_id[8:])


def _registration(app_id: str, name: str) -> Application:
    first_party = app_id in FIRST_PARTY
    return Application(
        id=app_id,
        app_id=app_id,
        display_name=name,
        sign_in_audience="AzureADandPersonalMicrosoftAccount",
        required_resource_access=[] if first_party else _asks(_SYNC if app_id in _SYNCING else _MAIL),
        public_client=Redirects(redirect_uris=list(_REDIRECTS.get(app_id, (_NATIVE,)))),
        is_fallback_public_client=True,
        verified_publisher=None if app_id in _UNVERIFIED else "Microsoft Corporation" if first_party else name,
        disabled_by_microsoft=app_id in _DISABLED,
    )


def _asks(values: tuple[str, ...]) -> list[RequiredResource]:
    # Mail scopes are listed under Graph, as the portal does; ActiveSync's is Exchange's alone.
    sync = values == _SYNC
    resource = "exchange" if sync else "graph"
    wanted = [
        ResourceAccess(id=permission("exchange" if sync else "graph", one, "scope"), type="Scope") for one in values
    ]
    basics = [ResourceAccess(id=permission("graph", "offline_access", "scope"), type="Scope")]
    if resource == "graph":
        return [RequiredResource(resource_app_id=GRAPH, resource_access=[*wanted, *basics])]
    return [
        RequiredResource(resource_app_id=EXCHANGE, resource_access=wanted),
        RequiredResource(resource_app_id=GRAPH, resource_access=basics),
    ]
