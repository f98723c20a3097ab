"""Consent that is granted directly, as a plan: what is missing, merged with what is there, and what takes it back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from mailauth import directgrants, grants, plan
from mailauth.directgrants import Wanted
from mailauth.grants import Consents, Found, Held, Scopes
from mailauth.plan import GraphCall, Operation, Plan, Ref, Step
from mailauth.tenants import FlowKind
from tests.test_grants import APP, EXCHANGE, GRAPH, MAIL, ROLES, SMTP, found, tenant

NOW = datetime(2026, 11, 27, tzinfo=UTC)
THUNDERBIRD = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
APPLE = "f8d98a96-0999-43f5-8af3-69971c7bb423"
IMAP, POP, SEND = "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"


def planned(
    seen: Found, *flows: FlowKind, wanted: Wanted | None = None, smtp: Literal["consent", "rbac"] = "consent"
) -> Plan:
    where = tenant(*(flows or ("interactive",)))
    where = replace(where, mail_apps=tuple(replace(app, smtp=smtp) for app in where.mail_apps))
    state: Consents = grants.assess(where, seen)
    return directgrants.plan(where, state, wanted, id="20261127T000000-abcdef", now=NOW)


def sent(operation: Operation | None) -> tuple[str, str, Mapping[str, Any] | None]:
    assert isinstance(operation, GraphCall)
    path = "".join(f"<{piece.name}>" if isinstance(piece, Ref) else piece for piece in operation.path)
    return operation.method, path, operation.body


def one(made: Plan) -> Step:
    [step] = made.steps
    return step


def test_an_app_that_holds_nothing_gets_its_enterprise_application_and_one_grant_on_exchange() -> None:
    entry, grant = planned(found(enterprise=None)).steps
    assert sent(entry.do) == (
        "POST",
        "/v1.0/servicePrincipals",
        {"appId": APP, "tags": ["WindowsAzureActiveDirectoryIntegratedApp", "mailauth:20261127T000000-abcdef"]},
    )
    assert sent(entry.undo)[:2] == ("DELETE", f"/v1.0/servicePrincipals(appId='{APP}')")
    method, path, body = sent(grant.do)
    assert (method, path) == ("POST", "/v1.0/oauth2PermissionGrants")
    assert body == {
        "clientId": Ref(f"enterprise.{APP}"),
        "consentType": "AllPrincipals",
        "resourceId": EXCHANGE.object_id,
        "scope": f"{IMAP} {POP} {SEND} offline_access",
    }
    assert sent(grant.undo)[:2] == ("DELETE", f"/v1.0/oauth2PermissionGrants/<grant.{APP}.exchange>")
    assert (grant.before, grant.after) == (None, {"scope": [IMAP, POP, SEND, "offline_access"]})


def test_a_grant_that_is_there_is_written_whole_and_its_former_text_is_the_undo() -> None:
    text = f" User.Read  {IMAP}"
    step = one(planned(found(Scopes(GRAPH.object_id, frozenset(text.split()), text=text))))
    assert sent(step.do) == (
        "PATCH",
        f"/v1.0/oauth2PermissionGrants/<grant.{APP}.graph>",
        {"scope": f"User.Read {IMAP} {POP} {SEND} offline_access"},
    )
    assert sent(step.undo)[2] == {"scope": text}
    seen, told = plan.read(
        step.look,
        [
            {"id": "p", "resourceId": GRAPH.object_id, "consentType": "Principal", "principalId": "u", "scope": ""},
            {"id": "g", "resourceId": GRAPH.object_id, "consentType": "AllPrincipals", "scope": text},
        ],
        {},
    )
    assert (plan.standing(step, seen, {}), told) == ("before", {f"grant.{APP}.graph": "g"})


@pytest.mark.parametrize(
    ("seen", "resource"),
    [
        pytest.param(found(), EXCHANGE, id="Exchange where nothing speaks for the other"),
        pytest.param(found(Scopes(GRAPH.object_id, frozenset({IMAP}))), GRAPH, id="where its mail grant lives"),
        pytest.param(found(Scopes(GRAPH.object_id, frozenset({"User.Read"}))), EXCHANGE, id="signing in is no mail"),
        pytest.param(found(asks=frozenset(GRAPH.scopes.values())), GRAPH, id="where the registration lists it"),
        pytest.param(
            found(asks=frozenset([*GRAPH.scopes.values(), *EXCHANGE.scopes.values()])), EXCHANGE, id="listed on both"
        ),
    ],
)
def test_a_grant_goes_where_the_next_consent_leaves_it(seen: Found, resource: Any) -> None:
    assert one(planned(seen)).look.where["resourceId"] == resource.object_id


def test_where_all_is_held_nothing_is_planned() -> None:
    assert planned(found(Scopes(EXCHANGE.object_id, MAIL))).steps == ()
    assert planned(found(roles=ROLES | {SMTP}), "certificate").steps == ()


def test_people_get_a_grant_each_and_whoever_has_one_is_left_alone() -> None:
    seen = found(Scopes(EXCHANGE.object_id, MAIL, "u1"))
    step = one(planned(seen, wanted=Wanted(people={"u1": "ada@x.example", "u2": "bob@x.example"})))
    body = sent(step.do)[2]
    assert body is not None
    assert (body["consentType"], body["principalId"]) == ("Principal", "u2")
    assert step.title.endswith("for bob@x.example")


def test_roles_are_assigned_at_exchange_and_taken_back_by_the_id_that_a_look_tells() -> None:
    steps = planned(found(), "certificate").steps
    assert [sent(step.do)[1] for step in steps] == [
        f"/v1.0/servicePrincipals/{EXCHANGE.object_id}/appRoleAssignedTo"
    ] * 3
    body = sent(steps[0].do)[2]
    assert body == {
        "principalId": "object",
        "resourceId": EXCHANGE.object_id,
        "appRoleId": EXCHANGE.roles["IMAP.AccessAsApp"],
    }
    assert sent(steps[0].undo) == (
        "DELETE",
        f"/v1.0/servicePrincipals/{EXCHANGE.object_id}/appRoleAssignedTo/<role.{APP}.IMAP.AccessAsApp>",
        None,
    )


def test_an_app_that_sends_by_a_role_in_exchange_is_not_given_the_permission() -> None:
    steps = planned(found(), "certificate", smtp="rbac").steps
    assert [step.id.rpartition(":")[2] for step in steps] == ["IMAP.AccessAsApp", "POP.AccessAsApp"]


def test_an_app_that_sends_by_a_role_in_exchange_loses_the_permission_that_defeats_it() -> None:
    step = one(planned(found(roles=ROLES | {SMTP}), "certificate", smtp="rbac"))
    assert (step.before, step.after, step.group) == ({}, None, "Taken back")
    assert "every mailbox in spite of it" in step.why
    assert "off hours" in step.why
    assert "60 to 90 minutes, until the role of notebook 40 counts, which takes 30 minutes to 2 hours" in step.why
    assert sent(step.do)[0] == "DELETE"
    assert sent(step.undo)[2] == {"principalId": "object", "resourceId": EXCHANGE.object_id, "appRoleId": SMTP[1]}


FULL = (EXCHANGE.object_id, EXCHANGE.roles["full_access_as_app"])


def test_what_opens_other_doors_is_left_alone_until_somebody_names_it() -> None:
    seen = found(roles=ROLES | {SMTP, FULL})
    quiet = planned(seen, "certificate")
    assert quiet.steps == ()
    assert [check.remedy for check in quiet.checks] == ['To take it back, name it: remove="full_access_as_app".']
    step = one(planned(seen, "certificate", wanted=Wanted(remove=("full_access_as_app",))))
    assert step.title == "Take full_access_as_app back from “relay”"


def test_a_permission_of_graph_is_taken_out_of_its_grant_and_the_rest_stays() -> None:
    seen = found(Scopes(GRAPH.object_id, MAIL | {"Mail.Read"}, text=f"Mail.Read {' '.join(sorted(MAIL))}"))
    step = one(planned(seen, wanted=Wanted(remove=("Mail.Read",))))
    assert sent(step.do)[2] == {"scope": " ".join(sorted(MAIL))}
    assert step.title == "Take Mail.Read on Microsoft Graph back from “relay”"


def test_a_grant_of_which_nothing_is_left_is_deleted_and_the_undo_makes_it_again() -> None:
    seen = found(Scopes(EXCHANGE.object_id, MAIL), Scopes(GRAPH.object_id, frozenset({"Mail.Read"}), text="Mail.Read"))
    step = one(planned(seen, wanted=Wanted(remove=("Mail.Read",))))
    assert (sent(step.do)[0], step.after) == ("DELETE", None)
    method, _, body = sent(step.undo)
    assert body is not None
    assert (method, body["scope"]) == ("POST", "Mail.Read")


def test_what_was_taken_back_by_name_is_not_granted_in_the_same_breath() -> None:
    wanted = Wanted(remove=(SEND, "SMTP.SendAsApp"))
    first = planned(found(Scopes(EXCHANGE.object_id, MAIL)), wanted=wanted)
    assert one(first).after == {"scope": [IMAP, POP]}
    assert planned(found(Scopes(EXCHANGE.object_id, MAIL - {SEND})), wanted=wanted).steps == ()


def test_what_nobody_holds_is_said_and_nothing_is_done() -> None:
    made = planned(found(Scopes(EXCHANGE.object_id, MAIL)), wanted=Wanted(remove=("Mail.Send",)))
    assert (made.steps, made.checks[-1].name) == ((), "Mail.Send")


@pytest.mark.parametrize("name", [THUNDERBIRD, "thunderbird"])
def test_a_known_program_is_let_in_for_everybody_without_ews(name: str) -> None:
    seen = found(Scopes(EXCHANGE.object_id, MAIL))
    seen = replace(seen, held={**seen.held, THUNDERBIRD: Held()})
    entry, grant = planned(seen, wanted=Wanted(clients=(name,))).steps
    assert sent(entry.do)[2] == {
        "appId": THUNDERBIRD,
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp", "mailauth:20261127T000000-abcdef"],
    }
    body = sent(grant.do)[2]
    assert body is not None
    assert body["scope"] == f"{IMAP} {POP} {SEND} offline_access"


def test_a_phone_is_let_in_by_activesync_alone() -> None:
    seen = found(Scopes(EXCHANGE.object_id, MAIL))
    seen = replace(seen, held={**seen.held, APPLE: Held(grants.Enterprise("apple", "Apple"))})
    body = sent(one(planned(seen, wanted=Wanted(clients=(APPLE,)))).do)[2]
    assert body is not None
    assert body["scope"] == "EAS.AccessAsUser.All offline_access"


@pytest.mark.parametrize(
    ("name", "outcome", "said"),
    [
        ("08162f7c-0fd2-4200-a84a-f25a4db0b584", "wrong", f"Its id is {THUNDERBIRD} now."),
        ("Spark", "cannot know", "the page lists what it asks for"),
        ("d3590ed6-52b3-4102-aeff-aad2292ab01c", "not configured", "Add it to mail_apps"),
        (THUNDERBIRD, "cannot know", "The coverage says why."),
    ],
    ids=["disabled", "nobody knows what it asks", "first party", "not read"],
)
def test_a_program_that_nothing_can_be_planned_for_is_said(name: str, outcome: str, said: str) -> None:
    made = planned(found(Scopes(EXCHANGE.object_id, MAIL)), wanted=Wanted(clients=(name,)))
    assert made.steps == ()
    [check] = made.checks
    assert (check.outcome, said in check.remedy) == (outcome, True)


def test_on_what_is_not_known_nothing_is_planned() -> None:
    for seen in (replace(found(), held={}), replace(found(), offers=(EXCHANGE,))):
        made = planned(seen)
        assert (made.steps, [check.outcome for check in made.checks]) == ((), ["cannot know"])


def test_a_permission_that_the_tenant_does_not_offer_is_not_granted() -> None:
    bare = replace(EXCHANGE, roles={})
    made = planned(replace(found(), offers=(bare, GRAPH)), "certificate")
    assert made.steps == ()
    assert [check.name for check in made.checks if check.outcome == "wrong"] == [
        "mail permissions",
        *(f"relay: {role}" for role in ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp")),
    ]


def test_ids_are_the_tenants_own_and_a_known_one_that_differs_is_said() -> None:
    odd = replace(EXCHANGE, roles={**EXCHANGE.roles, "IMAP.AccessAsApp": "other"})
    made = planned(replace(found(), offers=(odd, GRAPH)), "certificate")
    assert "found other, expected 5e5addcd" in made.checks[0].found
    body = sent(made.steps[0].do)[2]
    assert body is not None
    assert body["appRoleId"] == "other"


def test_it_is_said_who_can_apply_it_and_what_that_person_could_do_as_well() -> None:
    made = planned(found(), "certificate", "interactive")
    assert made.needs("graph") == ("DelegatedPermissionGrant.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")
    [check] = made.checks
    assert "Cloud Application Administrator is enough for all but Microsoft Graph's own app roles" in check.found
    assert "can let any app open every mailbox" in check.remedy


def test_an_undo_restores_the_former_scopes_and_deletes_what_was_made() -> None:
    made = planned(found(enterprise=None), "certificate", "interactive")
    done = plan.Receipt(made, tuple(plan.Entry(step.id, "done", NOW) for step in made.steps))
    back = plan.undo(done, id="undo", now=NOW)
    assert [sent(step.do)[0] for step in back.steps] == ["DELETE"] * 5
    assert back.steps[-1].id == f"enterprise-application:{APP}"
