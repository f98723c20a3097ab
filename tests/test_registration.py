"""registration: what Graph's records become, what a policy lets an app have, and what is wrong with a registration."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailauth import clouds, grants, permissions, registration
from mailauth.permissions import Offer
from mailauth.registration import App, Ask, Credential, Federated, Found, Policy, Principal, Wanted
from mailauth.tenants import Protocol

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PUBLIC = clouds.built_in()["public"]
EXCHANGE, GRAPH = permissions.APP_IDS["exchange"], permissions.APP_IDS["graph"]
MAIL_READ, MAIL_SEND = "810c84a8-4a9e-49e6-bf7d-12d183f40d01", "e383f46e-2787-4529-855e-0e479a3ffac0"


def offers() -> tuple[Offer, ...]:
    """Return the mail resources as a tenant has them, with two permissions of Graph's own."""
    found = []
    for name in permissions.APP_IDS:
        own = [each for each in permissions.known() if each.resource == name]
        scopes = {each.value: each.id for each in own if each.kind == "scope"}
        roles = {each.value: each.id for each in own if each.kind == "role"}
        if name == "graph":
            scopes, roles = {**scopes, "Mail.Send": MAIL_SEND}, {**roles, "Mail.Read": MAIL_READ}
        found.append(Offer(name, f"{name}-object", scopes, roles))
    return tuple(found)


def ask(value: str, kind: permissions.Kind = "role", resource: permissions.Resource = "exchange") -> Ask:
    offer = next(each for each in offers() if each.resource == resource)
    return Ask(permissions.APP_IDS[resource], offer.id_of(kind, value), kind)


ALONE = Wanted(name="Mail", flow="app-only")
PEOPLE = Wanted(name="Mail", flow="delegated", clients=("program",), credential="none")
CERTIFICATE = Credential("certificate", "k1", "ours", NOW - timedelta(days=1), NOW + timedelta(days=364), "AB12")
ROLES = tuple(ask(value) for value in ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"))
SCOPES = tuple(ask(value, "scope", "graph") for value in ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"))


def app(**changed: Any) -> App:
    """Return an app that acts as itself, in order but for what is changed."""
    whole = App(
        "object",
        "11111111-1111-1111-1111-111111111111",
        "mailauth-runbook-mail",
        "Mail",
        redirects={"web": ("http://localhost",)},
        fallback_public=False,
        asks=ROLES,
        credentials=(CERTIFICATE,),
    )
    return replace(whole, **changed)


def found(one: App | None = None, **changed: Any) -> Found:
    return replace(Found(one or app(), Principal("enterprise"), offers(), Policy()), **changed)


def wrong(look: Found, wanted: Wanted = ALONE) -> dict[str, tuple[str, str]]:
    checks = registration.lint(look, wanted, PUBLIC, now=NOW)
    return {check.name: (check.found, check.remedy) for check in checks if check.outcome == "wrong"}


def test_a_registration_in_order_has_nothing_wrong_with_it() -> None:
    assert wrong(found()) == {}
    one = app(asks=SCOPES, redirects={"publicClient": ("http://localhost",)}, fallback_public=True, credentials=())
    assert wrong(found(one), PEOPLE) == {}


SECRET = replace(CERTIFICATE, kind="secret", id="s1", name="old", thumbprint="")


@pytest.mark.parametrize(
    ("look", "wanted", "name", "said"),
    [
        pytest.param(
            found(app(asks=(*ROLES, Ask(GRAPH, MAIL_READ, "role")))),
            ALONE,
            "wrong interface",
            "Mail.Read is an application permission of Microsoft Graph",
            id="wrong API",
        ),
        pytest.param(
            found(app(asks=(Ask(EXCHANGE, ROLES[0].id, "scope"), *ROLES[1:]))),
            ALONE,
            "wrong type",
            "IMAP.AccessAsApp is asked for as a delegated permission",
            id="wrong type",
        ),
        pytest.param(
            found(app(asks=(*ROLES, Ask(GRAPH, MAIL_SEND, "scope")))),
            ALONE,
            "Graph only",
            "sends nothing by SMTP",
            id="Graph-only permission",
        ),
        pytest.param(
            found(app(asks=(*ROLES, ask("full_access_as_app")))),
            ALONE,
            "full_access_as_app",
            "none by IMAP, POP or SMTP",
            id="full_access_as_app by mistake",
        ),
        pytest.param(
            found(app(asks=ROLES[1:])), ALONE, "IMAP for the app itself", "not asked for", id="permission missing"
        ),
        pytest.param(
            found(app(asks=(*ROLES, Ask(EXCHANGE, "0" * 8 + "-0000-0000-0000-000000000000", "role")))),
            ALONE,
            "unknown permission",
            "offers nothing with the id",
            id="unknown permission",
        ),
        pytest.param(
            found(app(asks=SCOPES, fallback_public=None, credentials=())),
            PEOPLE,
            "public client",
            "AADSTS7000218",
            id="public client off for people",
        ),
        pytest.param(
            found(app(fallback_public=True)),
            ALONE,
            "public client",
            "nobody is meant to sign in",
            id="public client on for an app",
        ),
        pytest.param(
            found(app(redirects={})), ALONE, "redirect http://localhost", "AADSTS50011", id="redirect missing"
        ),
        pytest.param(
            found(app(asks=SCOPES, fallback_public=True, redirects={"spa": ("http://localhost",)}, credentials=())),
            PEOPLE,
            "redirect http://localhost",
            "single-page application",
            id="redirect on the wrong platform",
        ),
        pytest.param(
            found(app(audience="AzureADandPersonalMicrosoftAccount")),
            ALONE,
            "audience",
            "personal accounts may sign in",
            id="Graph's default audience",
        ),
        pytest.param(
            found(), replace(ALONE, audience="multi"), "audience", "other tenants cannot use it", id="one for several"
        ),
        pytest.param(found(principal=None), ALONE, "enterprise application", "has none", id="no service principal"),
        pytest.param(
            found(principal=Principal("enterprise", enabled=False)),
            ALONE,
            "enterprise application",
            "AADSTS7000112",
            id="switched off",
        ),
        pytest.param(
            found(principal=Principal("enterprise", disabled_by_microsoft="DisabledDueToViolation")),
            ALONE,
            "enterprise application",
            "DisabledDueToViolation",
            id="disabled by Microsoft",
        ),
        pytest.param(
            found(app(credentials=(CERTIFICATE, replace(SECRET, ends=NOW - timedelta(days=3))))),
            ALONE,
            "secret old",
            "it ended on 2026-11-24, 3 days ago",
            id="expired",
        ),
        pytest.param(
            found(app(credentials=(replace(CERTIFICATE, ends=NOW + timedelta(days=9, hours=1)),))),
            ALONE,
            "certificate ours",
            "it ends on 2026-12-06, in 9 days",
            id="expiring",
        ),
        pytest.param(
            found(app(credentials=(SECRET,))), ALONE, "credential", "a certificate could do its work", id="a secret"
        ),
        pytest.param(found(app(credentials=())), ALONE, "credential", "none", id="no credential"),
        pytest.param(
            found(), replace(ALONE, smtp="rbac"), "SMTP.SendAsApp", "would defeat the role", id="consent beside a role"
        ),
    ],
)
def test_each_mistake_is_named_with_its_remedy(look: Found, wanted: Wanted, name: str, said: str) -> None:
    text, remedy = wrong(look, wanted)[name]
    assert said in text
    assert remedy


def test_what_could_not_be_read_is_not_called_missing() -> None:
    [check] = registration.lint(Found(known=False), ALONE, PUBLIC, now=NOW)
    assert (check.name, check.outcome) == ("registration", "cannot know")


def test_a_delegated_permission_counts_on_either_resource() -> None:
    on_exchange = tuple(ask(value, "scope") for value in ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"))
    one = app(asks=on_exchange, fallback_public=True, redirects={"publicClient": ("http://localhost",)}, credentials=())
    assert wrong(found(one), PEOPLE) == {}


# Policies.


def restriction(kind: str, **more: str) -> dict[str, str]:
    return {"restrictionType": kind, **more}


def default(*secrets: dict[str, str], keys: tuple[dict[str, str], ...] = (), on: bool = True) -> dict[str, Any]:
    held = {"passwordCredentials": list(secrets), "keyCredentials": list(keys)}
    return {"isEnabled": on, "applicationRestrictions": held, "displayName": "Default app management tenant policy"}


@pytest.mark.parametrize(
    ("record", "own", "expected"),
    [
        pytest.param(default(restriction("passwordAddition")), [], (False, None, None, False), id="no secrets"),
        pytest.param(default(restriction("passwordAddition"), on=False), [], (True, None, None, False), id="off"),
        pytest.param(
            default(restriction("passwordLifetime", maxLifetime="P90D")),
            [],
            (True, 90, None, False),
            id="short secrets",
        ),
        pytest.param(
            default(keys=(restriction("asymmetricKeyLifetime", maxLifetime="P180D"),)),
            [],
            (True, None, 180, False),
            id="short certificates",
        ),
        pytest.param(
            default(keys=(restriction("trustedCertificateAuthority"),)),
            [],
            (True, None, None, True),
            id="an authority's",
        ),
        pytest.param(
            default(restriction("passwordAddition", state="disabled")), [], (True, None, None, False), id="switched off"
        ),
        pytest.param(
            default(restriction("passwordAddition")),
            [
                {
                    "isEnabled": True,
                    "restrictions": {"passwordCredentials": [restriction("passwordAddition", state="disabled")]},
                }
            ],
            (True, None, None, False),
            id="the app's own goes first",
        ),
        pytest.param(
            default(restriction("passwordAddition", restrictForAppsCreatedAfterDateTime="2026-11-28T00:00:00Z")),
            [],
            (True, None, None, False),
            id="older apps are spared",
        ),
    ],
)
def test_policies_say_what_an_app_may_have(record: Any, own: Any, expected: tuple[bool, Any, Any, bool]) -> None:
    policy = registration.policy(record, own, created=NOW)
    days = [each.days if each else None for each in (policy.secret_lasts, policy.certificate_lasts)]
    assert (policy.secrets, *days, policy.trusted_issuers) == expected


def test_a_restriction_for_new_apps_holds_for_one_that_is_to_be_made() -> None:
    record = default(restriction("passwordAddition", restrictForAppsCreatedAfterDateTime="2020-01-01T00:00:00Z"))
    assert registration.policy(record, [], created=None).secrets is False
    assert registration.policy(record, [], created=NOW).names == ("Default app management tenant policy",)


# What is wanted.


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"name": "<b>"}, "app: found '<b>'", id="name"),
        pytest.param({"name": "---"}, "with a letter or digit", id="name without a letter"),
        pytest.param({"protocols": ("imap", "ftp")}, "protocols: found 'ftp'", id="protocol"),
        pytest.param({"protocols": ()}, "protocols: found none", id="no protocol"),
        pytest.param({"credential": "none"}, "credential: found none for flow app-only", id="no credential"),
        pytest.param(
            {"credential": "federated"},
            "federated: credential federated needs NAME ISSUER SUBJECT",
            id="federated by whom",
        ),
        pytest.param({"flow": "both", "clients": ()}, "clients: found none for flow both", id="no client"),
        pytest.param({"lasts": timedelta(days=900)}, "days: found 900", id="too long"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(ALONE, **change)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        pytest.param(("a", "https://idp.example", "job"), "name", id="name too short"),
        pytest.param(("runner", "http://idp.example", "job"), "issuer", id="issuer without TLS"),
        pytest.param(("runner", "https://idp.example", " "), "subject", id="no subject"),
    ],
)
def test_a_federated_credential_is_checked_before_it_is_sent(values: tuple[str, str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"federated {complaint}"):
        Federated(*values)


def test_permissions_for_people_are_asked_for_where_the_portal_shows_them() -> None:
    asked = {(each.resource, each.value) for each in registration.wanted_permissions(PEOPLE)}
    values = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", "offline_access")
    assert asked == {("graph", value) for value in values}


def test_an_app_that_sends_by_a_role_in_exchange_does_not_ask_for_the_permission() -> None:
    asked = {each.value for each in registration.wanted_permissions(replace(ALONE, smtp="rbac"))}
    assert asked == {"IMAP.AccessAsApp", "POP.AccessAsApp"}


# Clouds and ways.


@pytest.mark.parametrize(
    ("cloud", "audience", "sure", "rbac"),
    [
        pytest.param("public", "api://AzureADTokenExchange", True, True, id="public"),
        pytest.param("gcc-high", "api://AzureADTokenExchangeUSGov", False, False, id="gcc-high"),
        pytest.param("dod", "api://AzureADTokenExchangeUSGov", False, False, id="dod"),
        pytest.param("china", "api://AzureADTokenExchangeChina", False, False, id="china"),
    ],
)
def test_each_cloud_has_its_own_values_and_says_which_are_not_verified(
    cloud: str, audience: str, sure: bool, rbac: bool
) -> None:
    where = clouds.built_in()[cloud]
    assert registration.federated_audience(where) == (audience, sure)
    assert registration.rbac_for_smtp(where) is rbac
    native = replace(PEOPLE, clients=("nativeclient",))
    assert registration.redirects(native, where)["publicClient"] == (f"{where.login}/common/oauth2/nativeclient",)


def test_one_address_never_stands_on_two_platforms() -> None:
    found = registration.redirects(replace(PEOPLE, clients=("program", "thunderbird")), PUBLIC)
    assert found == {"publicClient": ("http://localhost", "https://localhost"), "web": ()}
    assert registration.redirects(ALONE, PUBLIC) == {"publicClient": (), "web": ("http://localhost",)}


@pytest.mark.parametrize(
    ("attended", "own_code", "protocols", "choice"),
    [
        pytest.param(True, None, ("imap",), "delegated", id="a person"),
        pytest.param(False, None, ("imap",), "app-only", id="nobody there"),
        pytest.param(False, True, ("imap", "smtp"), "no IMAP", id="code that can change"),
        pytest.param(False, True, ("pop",), "app-only", id="POP is not in Graph"),
        pytest.param(None, None, ("imap",), "", id="nobody said"),
    ],
)
def test_the_way_is_advised_by_who_signs_in_and_who_can_change_the_program(
    attended: bool | None, own_code: bool | None, protocols: tuple[Protocol, ...], choice: str
) -> None:
    ways = registration.advice(protocols, attended=attended, own_code=own_code)
    assert "".join(each.choice for each in ways if each.advised) == choice
    assert len(ways) == 3


def test_a_record_of_graph_becomes_a_value() -> None:
    record = {
        "id": "o",
        "appId": "a",
        "displayName": "Mail",
        "signInAudience": "AzureADMyOrg",
        "requiredResourceAccess": [{"resourceAppId": EXCHANGE, "resourceAccess": [{"id": "R", "type": "Role"}]}],
        "passwordCredentials": [{"keyId": "s", "displayName": None, "endDateTime": "2026-12-01T00:00:00Z"}],
        "keyCredentials": [{"keyId": "k", "customKeyIdentifier": "AB", "startDateTime": None, "endDateTime": None}],
    }
    federated = [{"id": "f", "name": "n", "issuer": "https://i", "subject": "s", "audiences": ["x"]}]
    one = registration.app(record, federated)
    assert [each.kind for each in one.credentials] == ["certificate", "secret", "federated"]
    assert one.of_kind("secret")[0].ends == datetime(2026, 12, 1, tzinfo=UTC)
    assert one.asks == (Ask(EXCHANGE, "r", "role"),)


def test_offers_come_from_the_tenant_itself() -> None:
    record = {"id": "x", "appRoles": [{"value": "IMAP.AccessAsApp", "id": ROLES[0].id}], "oauth2PermissionScopes": []}
    assert grants.offer("exchange", record).id_of("role", "IMAP.AccessAsApp") == ROLES[0].id
