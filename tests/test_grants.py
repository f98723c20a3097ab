"""Consent as a tenant holds it: what it opens, by protocol, and what is missing."""

from dataclasses import replace
from typing import Any

import pytest

from mailauth import clouds, grants, permissions
from mailauth.checks import Check
from mailauth.grants import Consents, Enterprise, Extent, Found, Held, Scopes, Status
from mailauth.tenants import Flow, FlowKind, MailApp, Mailbox, Protocol, Tenant
from tests.test_permissions import offers

APP = "22222222-2222-2222-2222-222222222222"
EXCHANGE, GRAPH = offers()
ENTERPRISE = Enterprise("object", "Mail relay")
MAIL = frozenset({"IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"})
ROLES = frozenset((EXCHANGE.object_id, EXCHANGE.roles[each]) for each in ("IMAP.AccessAsApp", "POP.AccessAsApp"))
SMTP = (EXCHANGE.object_id, EXCHANGE.roles["SMTP.SendAsApp"])
RECOMMENDED = "ManagePermissionGrantsForSelf.microsoft-user-default-recommended"
CLIENTS = "ManagePermissionGrantsForSelf.microsoft-user-default-allow-consent-apps"


def tenant(*flows: FlowKind, client_id: str = APP, mailboxes: tuple[Mailbox, ...] = ()) -> Tenant:
    apps = (MailApp(name="relay", client_id=client_id, flows=tuple(Flow(kind=kind) for kind in flows)),)
    public = clouds.built_in()["public"]
    return Tenant(name="woodgrove", tenant_id=APP, cloud=public, mail_apps=apps, mailboxes=mailboxes)


def found(*scopes: Scopes, roles: frozenset[tuple[str, str]] = frozenset(), **more: Any) -> Found:
    held = replace(Held(ENTERPRISE, scopes, roles), **more)
    return Found(tuple(offers()), {APP: held})


def state(seen: Found, *flows: FlowKind) -> Consents:
    return grants.assess(tenant(*(flows or ("interactive",))), seen)


def outcomes(seen: Consents) -> dict[str, str]:
    return {check.name.removeprefix("relay: "): check.outcome for check in seen.checks}


def one(seen: Consents, name: str) -> Check:
    return next(check for check in seen.checks if check.name == f"relay: {name}")


@pytest.mark.parametrize(
    ("flows", "needed"),
    [
        ((), ()),
        (("interactive",), ("scope",)),
        (("device-code",), ("scope",)),
        (("pasted",), ("scope",)),
        (("secret",), ("role",)),
        (("certificate",), ("role",)),
        (("federated", "managed-identity"), ("role",)),
        (("certificate", "interactive"), ("scope", "role")),
    ],
)
def test_who_signs_in_decides_which_kind_is_needed(
    flows: tuple[FlowKind, ...], needed: tuple[permissions.Kind, ...]
) -> None:
    assert grants.needs(tenant(*flows).mail_apps[0]) == needed


@pytest.mark.parametrize("resource", [EXCHANGE, GRAPH], ids=lambda each: each.resource)
def test_a_grant_for_everybody_is_good_on_either_resource(resource: permissions.Offer) -> None:
    seen = state(found(Scopes(resource.object_id, MAIL)))
    assert [each.everybody for each in seen.apps[0].protocols] == [(resource.resource,)] * 3
    assert {*outcomes(seen).values()} == {"ok"}


def test_the_same_words_on_another_resource_are_no_grant() -> None:
    seen = state(found(Scopes("somebody's own interface", MAIL)))
    assert outcomes(seen)["IMAP for people"] == "wrong"


def test_a_grant_for_some_people_is_named_and_leaves_it_open() -> None:
    seen = replace(found(Scopes(GRAPH.object_id, MAIL, "u1")), people={"u1": "ada@woodgrove.example"})
    assessed = state(seen)
    assert assessed.apps[0].protocols[0].people == ("ada@woodgrove.example",)
    check = one(assessed, "IMAP for people")
    assert (check.outcome, check.found) == ("cannot know", "IMAP.AccessAsUser.All is granted for 1 person only")


def test_a_person_whose_name_is_unknown_stands_with_the_id() -> None:
    assert state(found(Scopes(GRAPH.object_id, MAIL, "u1"))).apps[0].protocols[0].people == ("u1",)


def test_an_app_that_acts_as_itself_needs_the_roles_and_no_grant_helps() -> None:
    seen = state(found(Scopes(GRAPH.object_id, MAIL), roles=ROLES), "certificate")
    told = outcomes(seen)
    assert (told["IMAP for the app itself"], told["POP for the app itself"]) == ("ok", "ok")
    assert told["SMTP for the app itself"] == "wrong"
    assert "IMAP for people" not in told


def test_what_is_missing_names_the_link() -> None:
    assert one(state(found()), "POP for people").remedy == (
        "Open the link “all that the app asks for” for relay as an administrator."
    )


def test_what_the_registration_does_not_ask_for_is_to_be_added_first() -> None:
    seen = state(found(asks=frozenset({permissions.of("imap", "scope")[1].id})))
    assert one(seen, "IMAP for people").remedy.startswith("Open the link")
    assert one(seen, "POP for people").remedy.startswith(
        "The registration does not ask for POP.AccessAsUser.All: add it there first, then open the link"
    )


def test_sending_as_itself_may_be_a_role_in_exchange_and_a_consent_would_undo_its_limits() -> None:
    remedy = one(state(found(roles=ROLES), "secret"), "SMTP for the app itself").remedy
    assert "sends by a role in Exchange" in remedy
    assert "as every mailbox" in remedy


def test_only_the_protocols_of_the_mailboxes_are_asked_about() -> None:
    box = Mailbox(address="a@woodgrove.example", protocols=("smtp",))
    seen = grants.assess(tenant("interactive", mailboxes=(box,)), found())
    assert [each.protocol for each in seen.apps[0].protocols] == ["smtp"]


@pytest.mark.parametrize(
    ("enterprise", "outcome", "said"),
    [
        (None, "wrong", "the tenant has none, so nobody has consented"),
        (replace(ENTERPRISE, enabled=False), "wrong", "it is switched off in this tenant (AADSTS7000112)"),
        (replace(ENTERPRISE, disabled_by_microsoft="Violation"), "wrong", "Microsoft has disabled the app: Violation"),
        (
            replace(ENTERPRISE, assigned_only=True),
            "cannot know",
            "only people who are assigned can sign in; who is was not read",
        ),
    ],
    ids=["none", "off", "disabled by Microsoft", "assignment"],
)
def test_an_enterprise_application_that_lets_nobody_in_is_said(
    enterprise: Enterprise | None, outcome: str, said: str
) -> None:
    check = one(state(found(Scopes(GRAPH.object_id, MAIL), enterprise=enterprise)), "enterprise application")
    assert (check.outcome, check.found) == (outcome, said)


def test_what_a_new_consent_may_take_back_is_said_before_somebody_opens_a_link() -> None:
    listed = frozenset(permissions.of(protocol, "scope")[1].id for protocol in ("imap", "pop"))
    given = Scopes(GRAPH.object_id, frozenset({"IMAP.AccessAsUser.All", "SMTP.Send"}))
    person = Scopes(GRAPH.object_id, frozenset({"offline_access"}), "u1")
    seen = state(found(given, person, roles=ROLES, asks=listed))
    assert one(seen, "a new consent").found == "it may take back IMAP.AccessAsApp, POP.AccessAsApp, SMTP.Send"
    # Where nothing is missing, nobody is about to open one; of what is registered elsewhere, nobody here knows.
    assert "a new consent" not in outcomes(state(found(Scopes(GRAPH.object_id, MAIL), asks=listed)))
    assert "a new consent" not in outcomes(state(found(given)))


@pytest.mark.parametrize(
    ("listed", "whole", "scoped"),
    [
        pytest.param((), "IMAP.AccessAsUser.All, SMTP.Send", "IMAP.AccessAsUser.All, SMTP.Send", id="lists nothing"),
        pytest.param(("imap", "smtp"), "", "IMAP.AccessAsUser.All, SMTP.Send", id="lists it under Graph"),
        pytest.param(("imap",), "SMTP.Send", "IMAP.AccessAsUser.All, SMTP.Send", id="lists one of two"),
    ],
)
def test_what_each_kind_of_link_may_take_back_follows_from_what_is_listed(
    listed: tuple[Protocol, ...], whole: str, scoped: str
) -> None:
    asks = frozenset(each.id for protocol in listed for each in permissions.of(protocol, "scope"))
    given = Scopes(GRAPH.object_id, frozenset({"IMAP.AccessAsUser.All", "SMTP.Send"}))
    lost = grants.taken_back(state(found(given, Scopes(GRAPH.object_id, MAIL, "u1"), asks=asks)))
    by_link = {link: ", ".join(each.value for each in lost if each.link == link) for link in ("whole", "scoped")}
    assert by_link == {"whole": whole, "scoped": scoped}


def test_app_roles_that_are_not_listed_are_named_and_what_is_registered_elsewhere_is_not_judged() -> None:
    [first, *others] = grants.taken_back(state(found(roles=frozenset({SMTP}), asks=frozenset())))
    assert (first.kind, first.value, first.resource, len(others)) == ("role", "SMTP.SendAsApp", "exchange", 1)
    assert grants.taken_back(state(found(roles=frozenset({SMTP})))) == ()


@pytest.mark.parametrize(
    ("seen", "flows", "people", "itself"),
    [
        (found(), ("interactive",), "none", "not needed"),
        (found(Scopes(GRAPH.object_id, MAIL)), ("interactive", "certificate"), "all", "none"),
        (found(Scopes(GRAPH.object_id, frozenset({"SMTP.Send"}))), ("interactive",), "half", "not needed"),
        (found(Scopes(GRAPH.object_id, MAIL, "u1")), ("interactive",), "half", "not needed"),
        (found(roles=ROLES), ("certificate",), "not needed", "half"),
        (replace(found(), held={}), ("certificate",), "cannot know", "cannot know"),
    ],
    ids=["nothing", "people but not app", "one protocol", "some people", "two roles of three", "not read"],
)
def test_how_far_consent_has_come_is_a_word(
    seen: Found, flows: tuple[FlowKind, ...], people: Extent, itself: Extent
) -> None:
    assert grants.status(state(seen, *flows)) == (Status("relay", people, itself),)


def by_role(seen: Found) -> Check:
    where = tenant("certificate")
    where = replace(where, mail_apps=(replace(where.mail_apps[0], smtp="rbac"),))
    return one(grants.assess(where, seen), "SMTP for the app itself")


def test_an_app_that_sends_by_a_role_in_exchange_must_not_hold_the_permission() -> None:
    assert by_role(found(roles=ROLES)).outcome == "ok"
    check = by_role(found(roles=ROLES | {SMTP}))
    assert (check.outcome, check.found) == (
        "wrong",
        "SMTP.SendAsApp is granted beside a role in Exchange (smtp: rbac)",
    )


def test_nobody_is_asked_to_register_a_permission_that_is_to_go() -> None:
    where = tenant("certificate")
    where = replace(where, mail_apps=(replace(where.mail_apps[0], smtp="rbac"),))
    checks = grants.assess(where, found(roles=ROLES | {SMTP}, asks=frozenset())).checks
    [check] = [each for each in checks if each.name == "relay: a new consent"]
    assert check.found == "it may take back IMAP.AccessAsApp, POP.AccessAsApp"


def test_a_permission_that_was_added_after_the_consent_is_told_from_one_that_nobody_listed() -> None:
    asks = frozenset(each.id for each in permissions.of("pop", "scope"))
    given = Scopes(GRAPH.object_id, MAIL - {"POP.AccessAsUser.All"})
    assert (
        "it was added after the consent; sign in again" in one(state(found(given, asks=asks)), "POP for people").remedy
    )
    assert "after the consent" not in one(state(found(asks=asks)), "POP for people").remedy


def test_full_access_as_app_opens_everything_and_none_of_this() -> None:
    role = (EXCHANGE.object_id, EXCHANGE.roles["full_access_as_app"])
    seen = state(found(roles=frozenset({role})), "certificate")
    assert "every mailbox by EWS, and none by IMAP" in one(seen, "more than it needs").found


def test_mail_permissions_of_graph_are_a_mistake_where_something_is_missing_and_only_there() -> None:
    graph = replace(GRAPH, roles={"Mail.Read": "mail-read"})
    role = frozenset({(graph.object_id, "mail-read")})
    seen = replace(found(Scopes(graph.object_id, frozenset({"Mail.Send"})), roles=role), offers=(EXCHANGE, graph))
    assert one(state(seen), "of the wrong interface").found.startswith("Mail.Read, Mail.Send of Microsoft Graph")
    whole = replace(seen, held={APP: Held(ENTERPRISE, (Scopes(graph.object_id, MAIL | {"Mail.Send"}),), role)})
    assert "of the wrong interface" not in outcomes(state(whole))


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(Found(tuple(offers())), id="the app was not read"),
        pytest.param(replace(found(), offers=(GRAPH,)), id="a resource was not read"),
    ],
)
def test_what_was_not_read_is_not_called_missing(seen: Found) -> None:
    assessed = state(seen)
    assert assessed.apps[0].protocols == ()
    assert "wrong" not in outcomes(assessed).values()
    assert outcomes(assessed)["relay"] == "cannot know"


def test_what_is_not_configured_is_said_to_be_so() -> None:
    none = Tenant(name="woodgrove", tenant_id=APP, cloud=clouds.built_in()["public"])
    assert [check.outcome for check in grants.assess(none, Found()).checks] == ["not configured"]
    nameless = grants.assess(tenant("interactive", client_id=""), found())
    flowless = grants.assess(tenant(), found())
    assert [(each.checks[-1].outcome, each.checks[-1].found) for each in (nameless, flowless)] == [
        ("not configured", "no client_id"),
        ("not configured", "no flows"),
    ]


def test_a_program_that_is_well_known_is_said_to_be_here_or_not_and_never_guessed() -> None:
    apple, samsung = "f8d98a96-0999-43f5-8af3-69971c7bb423", "8acd33ea-7197-4a96-bc33-d7cc7101262f"
    given = (Scopes("any", frozenset({"EAS.AccessAsUser.All", "User.Read"})), Scopes("any", MAIL, "u1"))
    seen = replace(found(), held={apple: Held(ENTERPRISE, given), samsung: Held()})
    clients = {each.client.app_id: each for each in state(seen).clients}
    assert (clients[apple].everybody, clients[apple].people) == (("EAS.AccessAsUser.All",), 1)
    assert (clients[samsung].known, clients[samsung].here) == (True, False)
    assert not clients["9e5f94bc-e8a4-4e73-b8be-63364c29d753"].known


# What users can do themselves.


def rule(*ids: str, resource: str = "any", kind: str = "delegated") -> dict[str, object]:
    return {"permissionType": kind, "resourceApplication": resource, "permissions": list(ids)}


def excluding(*protocols: Protocol) -> dict[str, dict[str, object]]:
    rules = [
        rule(each.id, resource=permissions.APP_IDS[each.resource])
        for protocol in protocols
        for each in permissions.of(protocol, "scope")
    ]
    return {"microsoft-user-default-recommended": {"excludes": rules}}


def users(assigned: tuple[str, ...] | None, rules: dict[str, dict[str, object]] | None = None) -> dict[str, str]:
    seen = Found(tuple(offers()), assigned=assigned, rules=rules or {})
    return {each.protocol: each.answer for each in state(seen).users}


@pytest.mark.parametrize(
    ("assigned", "rules", "answers"),
    [
        pytest.param(None, {}, "cannot know, cannot know, cannot know", id="not read"),
        pytest.param((), {}, "no, no, no", id="nothing assigned"),
        pytest.param(("ManagePermissionGrantsForOwnedResource.x",), {}, "no, no, no", id="of groups only"),
        pytest.param(
            ("ManagePermissionGrantsForSelf.microsoft-user-default-legacy",), {}, "yes, yes, yes", id="anything"
        ),
        pytest.param((RECOMMENDED,), excluding("imap", "pop"), "no, no, yes", id="as Microsoft manages it"),
        pytest.param((RECOMMENDED,), {}, "cannot know, cannot know, cannot know", id="rules not read"),
        pytest.param((RECOMMENDED, CLIENTS), excluding("imap", "pop"), "some apps, some apps, yes", id="mail clients"),
        pytest.param((CLIENTS,), {}, "some apps, some apps, some apps", id="mail clients alone"),
        pytest.param(
            (RECOMMENDED, "ManagePermissionGrantsForSelf.own"),
            excluding("imap", "pop"),
            "cannot know, cannot know, yes",
            id="a policy of one's own",
        ),
    ],
)
def test_what_users_can_consent_to_follows_from_the_rules(
    assigned: tuple[str, ...] | None, rules: dict[str, dict[str, object]], answers: str
) -> None:
    assert ", ".join(users(assigned, rules).values()) == answers


@pytest.mark.parametrize(
    ("excluded", "answer"),
    [
        (rule("all"), "no"),
        (rule("all", resource=permissions.APP_IDS["graph"]), "cannot know"),
        (rule("all", kind="application"), "yes"),
        (rule("00000000-0000-0000-0000-000000000000"), "yes"),
        ({}, "yes"),
    ],
    ids=["everything", "one resource", "apps", "another permission", "an empty rule"],
)
def test_a_rule_counts_for_the_resource_kind_and_permission_that_it_names(
    excluded: dict[str, object], answer: str
) -> None:
    rules: dict[str, dict[str, object]] = {"microsoft-user-default-recommended": {"excludes": [excluded]}}
    assert users((RECOMMENDED,), rules)["imap"] == answer


# From the wire.


def test_the_wire_is_read_as_it_comes() -> None:
    record = {"id": "o", "displayName": None, "accountEnabled": False, "appRoleAssignmentRequired": True}
    assert grants.enterprise(record) == Enterprise("o", "", enabled=False, assigned_only=True)
    everybody = {"resourceId": "r", "scope": " SMTP.Send  offline_access ", "consentType": "AllPrincipals"}
    assert grants.scopes(everybody) == Scopes("r", frozenset({"SMTP.Send", "offline_access"}))
    person = {"resourceId": "r", "scope": None, "consentType": "Principal", "principalId": "u"}
    assert grants.scopes(person) == Scopes("r", frozenset(), "u")
    assert grants.scopes({"consentType": "Principal"}).user_id == "unknown"


def test_a_registration_says_what_it_asks_for_and_where_it_is_answered() -> None:
    access = [{"resourceAppId": "r", "resourceAccess": [{"id": "a", "type": "Scope"}]}, {"resourceAppId": "s"}]
    record = {"requiredResourceAccess": access, "publicClient": {"redirectUris": ["http://localhost"]}, "web": None}
    assert grants.registration(record) == (frozenset({"a"}), ("http://localhost",))
    assert grants.registration({}) == (frozenset(), ())
