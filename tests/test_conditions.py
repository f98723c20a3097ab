"""mailauth.conditions and services/conditions: what Graph says about signing in, whole, in part, and in many pages."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from mailauth import conditions
from mailauth.conditions import Conditions, People
from mailauth.errors import ConfigurationError
from mailauth.services import conditions as reading
from mailauth.services import http
from mailauth.services.client import Pace
from practice import cloud
from practice.limits import GraphLimits
from practice.state import ConditionalAccessPolicy, Domain, Group
from practice.wellknown import GRAPH, ROLES
from tests.exchanging import Credential, mailauth_cloud
from tests.practice import tokens
from tests.practice.woodgrove import Woodgrove, running, woodgrove

READS = "Policy.Read.All Directory.Read.All AuditLog.Read.All"


def test_a_policy_keeps_what_decides_about_mail() -> None:
    made = conditions.access_policy(
        {
            "id": "p1",
            "displayName": "Legacy",
            "state": "enabled",
            "createdDateTime": "2026-03-02T09:00:00Z",
            "conditions": {
                "users": {
                    "includeUsers": ["All"],
                    "excludeUsers": ["AAAA", "GuestsOrExternalUsers"],
                    "excludeGroups": ["G1"],
                    "excludeRoles": ["R1"],
                },
                "applications": {"includeApplications": ["Office365"]},
                "clientAppTypes": ["other"],
                "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]},
                "platforms": None,
            },
            "grantControls": {"operator": "AND", "builtInControls": ["mfa"], "authenticationStrength": {"id": "s"}},
        }
    )
    assert (made.include, made.exclude) == (
        People(everybody=True),
        People(guests=True, users=frozenset({"aaaa"}), groups=frozenset({"g1"}), roles=frozenset({"r1"})),
    )
    assert (made.exchange, made.clients, made.narrowed) == (True, frozenset({"other"}), ("locations",))
    assert (made.controls, made.either) == (("mfa", "authentication strength"), False)


@pytest.mark.parametrize(
    "record",
    [{}, {"conditions": None}, {"conditions": {"users": [], "applications": "all"}, "grantControls": 5}, {"id": None}],
)
def test_a_policy_of_a_shape_that_nobody_expects_covers_nothing(record: dict[str, Any]) -> None:
    made = conditions.access_policy(record)
    assert not made.reaches("other")
    assert made.include == People()


@pytest.mark.parametrize(
    ("name", "managed"),
    [
        ("Microsoft-managed: Block legacy authentication", True),
        ("Microsoft managed: Block device code flow", True),
        ("Block legacy authentication", False),
    ],
)
def test_a_managed_policy_is_known_by_its_name(name: str, managed: bool) -> None:
    assert conditions.access_policy({"displayName": name}).managed is managed


def test_nothing_read_is_nothing_known() -> None:
    found = conditions.of({})
    unread = (found.defaults, found.policies, found.accounts, found.roles, found.domains, found.changes)
    assert unread == (None,) * 6
    assert found.federated("ada@woodgrove.example") is None


@pytest.mark.parametrize(
    ("plans", "licensed"),
    [
        pytest.param([{"service": "exchange", "capabilityStatus": "Enabled"}], True, id="on"),
        pytest.param([{"service": "exchange", "capabilityStatus": "Deleted"}], False, id="taken away"),
        pytest.param([{"service": "SharePoint", "capabilityStatus": "Enabled"}], False, id="another service"),
        pytest.param([], False, id="none"),
        pytest.param(None, None, id="not read"),
    ],
)
def test_an_account_is_licensed_where_a_plan_for_exchange_is_on(plans: Any, licensed: bool | None) -> None:
    assert conditions.account({"id": "a", "assignedPlans": plans}).licensed is licensed


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({}, id="empty"),
        pytest.param({"targetResources": [{"id": "p"}], "activityDateTime": "yesterday"}, id="no date"),
        pytest.param(
            {"targetResources": [{"id": "p"}], "activityDateTime": "2026-11-03T14:05:00Z", "result": "failure"},
            id="failed",
        ),
    ],
)
def test_what_is_no_change_is_left_out(record: dict[str, Any]) -> None:
    assert conditions.change(record) is None


def test_a_change_whose_versions_cannot_be_read_still_says_when_and_who() -> None:
    made = conditions.change(
        {
            "activityDateTime": "2026-11-03T14:05:00Z",
            "initiatedBy": {"user": None, "app": {"displayName": "Baseline"}},
            "targetResources": [{"id": "p", "modifiedProperties": [{"oldValue": "{", "newValue": "[1]"}]}],
        }
    )
    assert made is not None
    assert (made.by, made.excluded) == ("Baseline", frozenset())


# --- through Graph --------------------------------------------------------------------------------


class Look:
    """A reader of a tenant's directory; `requests` counts what it sent."""

    def __init__(self, practice: cloud.Cloud, made: Woodgrove) -> None:
        self.practice = practice
        self.made = made
        self.requests = 0

    def __call__(self, *account_ids: str, scopes: str = READS) -> Conditions:
        made, practice = self.made, self.practice
        token = tokens.signed(
            practice.backend, made.estate.tenant, aud=GRAPH, oid=made.admin.id, appid=made.client.app_id, scp=scopes
        )
        pace = Pace(100_000, 1.0, monotonic=self._count)
        return reading.read(mailauth_cloud(practice), Credential(token), account_ids, pace=pace)

    def _count(self) -> float:
        self.requests += 1
        return float(self.requests)


Opened = Callable[[Woodgrove], Look]


@pytest.fixture
def opened() -> Iterator[Opened]:
    with ExitStack() as stack:
        yield lambda made: Look(stack.enter_context(running(made)), made)


def leaving_out(group: Group, **users: Any) -> ConditionalAccessPolicy:
    """Return a policy for everybody but a group."""
    return ConditionalAccessPolicy.model_validate(
        {
            "displayName": "Block legacy authentication",
            "conditions": {
                "users": {"includeUsers": ["All"], "excludeGroups": [group.id], **users},
                "applications": {"includeApplications": ["All"]},
                "clientAppTypes": ["other"],
            },
            "grantControls": {"operator": "OR", "builtInControls": ["block"]},
        }
    )


def test_a_look_reads_all_that_decides(opened: Opened) -> None:
    made = woodgrove()
    directory = made.estate.tenant.directory
    group = made.estate.group("Printers", [made.ada])
    role = ROLES["Global Administrator"]
    directory.policies.conditional_access = [leaving_out(group, excludeRoles=[role])]
    directory.domains.append(Domain(id="federated.example", authentication_type="Federated"))
    made.ada.licensed = False
    found = opened(made)(made.ada.id, made.admin.id)
    assert found.policies is not None
    (policy,) = found.policies
    assert found.defaults is False
    assert [found.excludes(policy, each) for each in (made.ada.id, made.admin.id, made.invoices.user_id)] == [
        True,
        True,
        False,
    ]
    assert (found.excluded_by(policy, made.ada.id), found.names) == (group.id, {group.id: "Printers"})
    assert found.federated("bob@federated.example") is True
    assert {each.name: each.licensed for each in (found.accounts or {}).values()} == {
        "ada@woodgrove.example": False,
        "admin@woodgrove.example": True,
    }
    assert found.changes == ()
    assert {each.state for each in found.coverage} == {"complete"}


@pytest.mark.parametrize(
    ("scopes", "unread", "permission"),
    [
        pytest.param(
            "Directory.Read.All AuditLog.Read.All", ("defaults", "policies"), "Policy.Read.All", id="policies"
        ),
        pytest.param("Policy.Read.All Directory.Read.All", ("changes",), "AuditLog.Read.All", id="who changed them"),
        pytest.param("Policy.Read.All AuditLog.Read.All", ("accounts", "domains"), "User.Read.All", id="accounts"),
    ],
)
def test_what_one_part_refuses_costs_that_part_alone(
    scopes: str, unread: tuple[str, ...], permission: str, opened: Opened
) -> None:
    made = woodgrove()
    found = opened(made)(made.ada.id, scopes=scopes)
    parts = ("defaults", "policies", "accounts", "domains", "changes")
    assert tuple(each for each in parts if getattr(found, each) is None) == unread
    refused = [each for each in found.coverage if each.state == "unknown"]
    assert len(refused) == len(unread)
    assert any(permission in each.remedy for each in refused)


def test_a_group_that_is_gone_leaves_who_was_in_it_unknown(opened: Opened) -> None:
    made = woodgrove()
    gone = Group(display_name="Gone")
    made.estate.tenant.directory.policies.conditional_access = [leaving_out(gone)]
    found = opened(made)(made.ada.id)
    assert found.policies is not None
    assert found.excludes(found.policies[0], made.ada.id) is None
    (lost,) = [each for each in found.coverage if each.state == "unknown"]
    assert (lost.lost, lost.what) == (1, "members of groups that policies name")


def test_requests_grow_with_pages_and_not_with_mailboxes(opened: Opened) -> None:
    made = woodgrove()
    people = [made.estate.user(f"p{number}", f"Person {number}") for number in range(1_000)]
    group = made.estate.group("Left out", people)
    made.estate.tenant.directory.policies.conditional_access = [leaving_out(group)]
    look = opened(made)
    found = look(*(each.id for each in people))
    assert len(found.accounts or {}) == 1_000
    # Security defaults, policies, names of groups, domains and changes are one each; accounts and members are two.
    assert look.requests == 9
    look.requests = 0
    look.practice.backend.graph = GraphLimits(page=250)
    look(*(each.id for each in people))
    assert look.requests == 5 + 5 + 4


def test_a_few_accounts_are_asked_for_by_their_ids(opened: Opened) -> None:
    made = woodgrove()
    for number in range(1_000):
        made.estate.user(f"p{number}", f"Person {number}")
    look = opened(made)
    found = look(made.ada.id, made.invoices.user_id)
    assert (len(found.accounts or {}), look.requests) == (2, 5)


def test_who_changed_a_policy_is_read_with_what_was_excluded(opened: Opened) -> None:
    made = woodgrove()
    group = made.estate.group("Printers", [made.ada])
    policy = leaving_out(group)
    made.estate.tenant.directory.policies.conditional_access = [policy]
    look = opened(made)
    token = tokens.signed(
        look.practice.backend,
        made.estate.tenant,
        aud=GRAPH,
        oid=made.admin.id,
        appid=made.client.app_id,
        scp="Policy.ReadWrite.ConditionalAccess",
    )
    users = {"includeUsers": ["All"], "excludeUsers": [made.ada.id], "excludeGroups": [group.id]}
    where = mailauth_cloud(look.practice)
    with http.session(where) as session:
        answer = session.patch(
            f"{where.graph}/v1.0/identity/conditionalAccess/policies/{policy.id}",
            json={"conditions": {**policy.conditions, "users": users}},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
    assert answer.status_code == 204, answer.text
    found = look(made.ada.id)
    assert found.policies is not None
    change = found.changed(found.policies[0], excluding=made.ada.id)
    assert change is not None
    assert (change.by, change.excluded) == (made.admin.user_principal_name, frozenset({made.ada.id}))
    assert found.changed(found.policies[0], excluding=group.id) is None


def test_whoever_cannot_begin_to_look_knows_nothing() -> None:
    found = reading.unread(ConfigurationError("Nobody signs in.", remedy="Add admin:."))
    assert (found.policies, [each.state for each in found.coverage]) == (None, ["unknown"])
