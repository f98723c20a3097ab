"""The practice Graph: accounts made, renamed, blocked, licensed, signed out and deleted, as sign-ins feel it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from practice.graph.licences import EXCHANGE_PLAN, PREMIUM
from practice.state import RoleAssignment
from practice.wellknown import ROLES
from tests.practice.asking import ADA, Asking
from tests.practice.graphclient import ALL, Client, Lab, lab
from tests.practice.woodgrove import DOMAIN

SCOPES = f"{ALL} User.ReadWrite.All User-PasswordProfile.ReadWrite.All"
DENIED = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
WORD = "Another-Word-2026!"
SEATS = {"addLicenses": [{"skuId": EXCHANGE_PLAN.sku_id, "disabledPlans": []}], "removeLicenses": []}


@pytest.fixture
def fresh() -> Iterator[Lab]:
    with lab() as found:
        yield found


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    """A cloud for tests that are refused."""
    with lab() as found:
        yield found


def admin(found: Lab) -> Client:
    return found.user(found.made.admin, SCOPES)


def clerk(found: Lab) -> Client:
    """Return Ada with the role of a User Administrator."""
    with found.practice.states.changing("woodgrove") as tenant:
        held = RoleAssignment(principal_id=found.made.ada.id, role_template_id=ROLES["User Administrator"])
        tenant.directory.role_assignments.append(held)
    return found.user(found.made.ada, SCOPES)


def code(answer: dict[str, Any]) -> int:
    """Return the number behind AADSTS; 0 for a token."""
    return 0 if "access_token" in answer else int(answer["error_codes"][0])


def person(name: str, **details: Any) -> dict[str, Any]:
    profile = {"password": WORD, "forceChangePasswordNextSignIn": False}
    usual = {"accountEnabled": True, "displayName": name, "mailNickname": name, "passwordProfile": profile}
    return {**usual, "userPrincipalName": f"{name}@{DOMAIN}", **details}


def test_a_blocked_account_signs_in_nowhere_until_it_is_enabled(fresh: Lab) -> None:
    entra, path = Asking(fresh.made, fresh.practice), f"/users/{fresh.made.ada.id}"
    for enabled, expected in ((False, 50057), (True, 0)):
        admin(fresh).patch(path, {"accountEnabled": enabled})
        assert code(entra.password()) == expected


def test_a_new_password_ends_what_the_old_one_opened(fresh: Lab) -> None:
    entra, path = Asking(fresh.made, fresh.practice), f"/users/{ADA}"
    refresh = entra.password()["refresh_token"]
    admin(fresh).patch(path, {"passwordProfile": {"password": WORD, "forceChangePasswordNextSignIn": False}})
    assert code(entra.refresh(refresh)) == 50173
    assert code(entra.password()) == 50126
    assert code(entra.password(WORD)) == 0
    admin(fresh).patch(path, {"passwordProfile": {"forceChangePasswordNextSignIn": True}})
    assert code(entra.password(WORD)) == 50055


def test_an_account_that_is_locked_opens_with_a_new_password(fresh: Lab) -> None:
    entra = Asking(fresh.made, fresh.practice)
    for _ in range(10):
        entra.password("wrong")
    assert code(entra.password()) == 50053
    admin(fresh).patch(f"/users/{ADA}", {"passwordProfile": {"password": WORD}})
    assert code(entra.password(WORD)) == 0


def test_a_change_is_seen_when_it_has_spread(fresh: Lab) -> None:
    fresh.practice.faults.directory_lag = timedelta(minutes=5)
    entra = Asking(fresh.made, fresh.practice)
    admin(fresh).patch(f"/users/{ADA}", {"accountEnabled": False})
    assert code(entra.password()) == 0
    fresh.practice.faults.clock.skew = timedelta(minutes=6)
    assert code(entra.password()) == 50057


def test_sessions_end_when_they_are_revoked_and_new_ones_may_begin(fresh: Lab) -> None:
    entra = Asking(fresh.made, fresh.practice)
    for client, path in (
        (admin(fresh), f"/users/{ADA}/revokeSignInSessions"),
        (fresh.user(fresh.made.ada, SCOPES), "/me/revokeSignInSessions"),
        (fresh.user(fresh.made.ada, SCOPES), f"/users/{ADA}/revokeSignInSessions"),
    ):
        refresh = entra.password()["refresh_token"]
        assert code(entra.refresh(refresh)) == 0
        assert client.post(path, status=200)["value"] is True
        assert code(entra.refresh(refresh)) == 50173
    other = f"/users/{fresh.made.admin.id}/revokeSignInSessions"
    assert fresh.user(fresh.made.ada, SCOPES).refused("POST", other, {}) == DENIED
    daemon = fresh.app(fresh.made.daemon_principal, "User.RevokeSessions.All")
    assert daemon.refused("POST", "/me/revokeSignInSessions", {})[0] == 400
    daemon.post(f"/users/{ADA}/revokeSignInSessions", status=200)


def test_a_renamed_account_signs_in_under_its_new_name_and_keeps_its_addresses(fresh: Lab) -> None:
    entra = Asking(fresh.made, fresh.practice)
    admin(fresh).patch(f"/users/{fresh.made.ada.id}", {"userPrincipalName": f"ada.byron@{DOMAIN}"})
    assert code(entra.password()) == 50034
    assert code(entra.password(username=f"ada.byron@{DOMAIN}")) == 0
    with fresh.practice.states.reading("woodgrove") as tenant:
        box = tenant.exchange.mailbox(fresh.made.ada.id)
        assert box is not None
        assert box.primary_smtp == ADA


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ada@elsewhere.example", "You must use one of the verified domain names"),
        ("ADMIN@woodgrove.example", "Another object with the same value for property userPrincipalName"),
        ("nobody", "Property userPrincipalName is invalid."),
        ("two words@woodgrove.example", "Property userPrincipalName is invalid."),
        ("", "'userPrincipalName'"),
        (None, "'userPrincipalName'"),
        (5, "'userPrincipalName'"),
    ],
)
def test_a_name_is_one_of_the_tenants_own_and_nobody_elses(shared: Lab, name: Any, said: str) -> None:
    change = {"userPrincipalName": name}
    for refused in (
        admin(shared).refused("PATCH", f"/users/{ADA}", change),
        admin(shared).refused("POST", "/users", person("new", **change)),
    ):
        assert refused[:2] == (400, "Request_BadRequest")
        assert said in refused[2]


@pytest.mark.parametrize(
    "change",
    [
        {"passwordProfile": {"password": "short"}},
        {"passwordProfile": {"password": "all-in-small-letters"}},
        {"passwordProfile": {"password": 5}},
        {"passwordProfile": {"forceChangePasswordNextSignIn": "yes"}},
        {"passwordProfile": {"colour": "red"}},
        {"passwordProfile": None},
        {"accountEnabled": "no"},
        {"displayName": ""},
        {"userType": "Robot"},
        {"failedSignIns": 0},
        {"mfa": False},
        {"id": "x"},
    ],
)
def test_a_change_that_is_none_leaves_all_as_it_was(shared: Lab, change: dict[str, Any]) -> None:
    before = shared.practice.states.find("woodgrove")
    assert before is not None
    kept = before.written()
    assert admin(shared).refused("PATCH", f"/users/{ADA}", change)[:2] == (400, "Request_BadRequest")
    after = shared.practice.states.find("woodgrove")
    assert after is not None
    assert after.written() == kept


def test_a_password_is_shown_nowhere(fresh: Lab) -> None:
    admin(fresh).patch(f"/users/{ADA}", {"passwordProfile": {"password": WORD}})
    for path in ("/users", f"/users/{ADA}?$select=passwordProfile", f"/users/{ADA}"):
        assert WORD not in admin(fresh).ask("GET", path).text


def test_an_account_that_is_made_signs_in_and_gets_its_mailbox_with_its_licence(fresh: Lab) -> None:
    entra, client = Asking(fresh.made, fresh.practice), admin(fresh)
    made = client.post("/users", person("new"))
    assert code(entra.password(WORD, username=f"new@{DOMAIN}")) == 0
    with fresh.practice.states.changing("woodgrove") as tenant:
        assert tenant.exchange.mailbox(made["id"]) is None
        tenant.exchange.cas_mailbox_plans[0].imap_enabled = False
    shown = client.ask("POST", f"/users/{made['id']}/assignLicense?$select=assignedLicenses", SEATS).json()
    assert [one["skuId"] for one in shown["assignedLicenses"]] == [EXCHANGE_PLAN.sku_id]
    with fresh.practice.states.reading("woodgrove") as tenant:
        box = tenant.exchange.mailbox(f"new@{DOMAIN}")
        assert box is not None
        assert (box.user_id, box.imap_enabled, box.pop_enabled) == (made["id"], False, True)
    assert client.refused("POST", "/users", person("new"))[0] == 400


def test_a_licence_is_given_and_taken(fresh: Lab) -> None:
    client, path = admin(fresh), f"/users/{ADA}/assignLicense"
    away = {"addLicenses": [], "removeLicenses": [EXCHANGE_PLAN.sku_id]}

    def held() -> tuple[bool, int]:
        with fresh.practice.states.reading("woodgrove") as tenant:
            found = tenant.directory.user(ADA)
            assert found is not None
            return found.licensed, len(tenant.exchange.mailboxes)

    boxes = held()[1]
    client.post(path, away, 200)
    assert held() == (False, boxes)
    assert client.refused("POST", path, away)[2] == "User does not have a corresponding license."
    client.post(path, SEATS, 200)
    assert held() == (True, boxes)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"addLicenses": []},
        {"addLicenses": [5], "removeLicenses": []},
        {"addLicenses": [{"skuId": "0"}], "removeLicenses": []},
        {"addLicenses": [{"skuId": PREMIUM.sku_id}], "removeLicenses": []},
        {"addLicenses": [], "removeLicenses": [None]},
    ],
)
def test_a_licence_that_the_tenant_does_not_have_is_refused(shared: Lab, body: dict[str, Any]) -> None:
    assert admin(shared).refused("POST", f"/users/{ADA}/assignLicense", body)[:2] == (400, "Request_BadRequest")


def test_a_deleted_account_is_gone_with_what_it_held_and_its_mailbox_is_kept_aside(fresh: Lab) -> None:
    entra, client, ada = Asking(fresh.made, fresh.practice), admin(fresh), fresh.made.ada
    clerk(fresh)
    assert client.ask("DELETE", f"/users/{ada.id}").status_code == 204
    assert client.refused("GET", f"/users/{ada.id}")[0] == 404
    assert code(entra.password()) == 50034
    with fresh.practice.states.reading("woodgrove") as tenant:
        box = tenant.exchange.mailbox(ada.id)
        assert box is not None
        assert box.soft_deleted
        assert not tenant.directory.roles_of(ada.id)


def test_an_account_made_again_under_its_old_name_gets_a_mailbox_of_its_own(fresh: Lab) -> None:
    client, old = admin(fresh), fresh.made.ada
    client.ask("DELETE", f"/users/{old.id}")
    made = client.post("/users", person("ada"))
    client.post(f"/users/{made['id']}/assignLicense", SEATS, 200)
    with fresh.practice.states.reading("woodgrove") as tenant:
        removed, box = tenant.exchange.mailbox(old.id), tenant.exchange.mailbox(ADA)
        assert removed is not None
        assert box is not None
        assert (removed.soft_deleted, box.soft_deleted, box.user_id) == (True, False, made["id"])


def test_an_accounts_removed_mailbox_comes_back_with_its_licence(fresh: Lab) -> None:
    with fresh.practice.states.changing("woodgrove") as tenant:
        removed = tenant.exchange.mailbox(ADA)
        assert removed is not None
        removed.soft_deleted = True
    admin(fresh).post(f"/users/{ADA}/assignLicense", SEATS, 200)
    with fresh.practice.states.reading("woodgrove") as tenant:
        assert [one.soft_deleted for one in tenant.exchange.mailboxes if one.user_id == fresh.made.ada.id] == [False]


def test_who_may_change_accounts_is_decided_by_permission_and_role(fresh: Lab) -> None:
    path, block = f"/users/invoices@{DOMAIN}", {"accountEnabled": False}
    ada = fresh.user(fresh.made.ada, SCOPES)
    reset = {"passwordProfile": {"password": WORD}}
    assert ada.refused("PATCH", path, block) == DENIED
    assert fresh.user(fresh.made.admin, ALL).refused("PATCH", path, block) == DENIED
    # Each half of the permissions changes its half alone.
    assert fresh.user(fresh.made.admin, "User.ReadWrite.All").refused("PATCH", path, reset) == DENIED
    assert fresh.user(fresh.made.admin, "User-PasswordProfile.ReadWrite.All").refused("PATCH", path, block) == DENIED
    helper = clerk(fresh)
    helper.patch(path, block)
    helper.patch(path, reset)
    # Whoever holds a role is changed by a Global Administrator alone.
    for method, change in (("PATCH", block), ("PATCH", reset), ("DELETE", None)):
        assert helper.refused(method, f"/users/{fresh.made.admin.id}", change) == DENIED
    daemon = fresh.app(fresh.made.daemon_principal, "User.ReadWrite.All")
    daemon.patch(path, {"accountEnabled": True})
    assert daemon.refused("PATCH", f"/users/{fresh.made.admin.id}", block) == DENIED


def test_an_account_from_a_synchronized_directory_is_changed_there(fresh: Lab) -> None:
    with fresh.practice.states.changing("woodgrove") as tenant:
        found = tenant.directory.user(ADA)
        assert found is not None
        found.on_premises_sync_enabled = True
    status, _, said = admin(fresh).refused("PATCH", f"/users/{ADA}", {"displayName": "Ada"})
    assert status == 400
    assert said.startswith("Unable to update the specified properties for on-premises mastered")


def test_whom_nobody_assigned_signs_in_to_no_app_that_asks_for_it(fresh: Lab) -> None:
    entra, principal = Asking(fresh.made, fresh.practice), fresh.made.client_principal.id
    path = f"/servicePrincipals/{principal}"
    fresh.admin.patch(path, {"appRoleAssignmentRequired": True})
    assert code(entra.password()) == 50105
    nothing = "00000000-0000-0000-0000-000000000000"
    wanted = {"principalId": fresh.made.ada.id, "resourceId": principal, "appRoleId": nothing}
    fresh.admin.post(f"{path}/appRoleAssignedTo", wanted)
    assert code(entra.password()) == 0
