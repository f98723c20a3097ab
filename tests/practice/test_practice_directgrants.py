"""Direct consent against the practice cloud: planned from a look, carried out, proven by the same look, taken back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import consent, directgrants, grants, mailclients, plan, secretrefs
from mailauth.directgrants import Wanted
from mailauth.grants import Consents, Status
from mailauth.plan import Plan, Receipt
from mailauth.services import directory
from mailauth.services.client import Pace
from mailauth.tenants import Flow, MailApp, Tenant
from practice.state import Application, Redirects, ServicePrincipal
from practice.wellknown import EXCHANGE, GRAPH, SIGN_IN_WORD
from tests.practice.asking import ADA, ADMIN, IMAP, OUTLOOK, Asking
from tests.practice.browsing import Browser
from tests.practice.graphclient import lab
from tests.practice.test_practice_changes import Credential, Mover
from tests.practice.woodgrove import DOMAIN, ROLES, SCOPES, TENANT, Woodgrove, woodgrove

SECRET = "woodgrove~relay~only-in-tests"
THUNDERBIRD = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
MANAGED = "ManagePermissionGrantsForSelf.microsoft-user-default-recommended"
BOTH = ("interactive", "secret")


@pytest.fixture
def made() -> Woodgrove:
    return woodgrove()


@pytest.fixture
def relay(made: Woodgrove) -> Application:
    """Return an app that somebody registered by hand, for both flows; nobody has consented to it."""
    app = made.estate.app(
        "New mail relay",
        asks=[
            *(("graph", "scope", scope) for scope in (*SCOPES, "offline_access")),
            *(("exchange", "role", role) for role in ROLES),
        ],
        public_client=Redirects(redirect_uris=["http://localhost:5000"]),
    )
    made.estate.secret(app, SECRET)
    return app


class Consented:
    """Looks at one app's consent, plans and carries out, as an administrator does."""

    def __init__(self, mover: Mover, app: Application, **about: Any) -> None:
        flows = tuple(Flow(kind=kind, **_credential(kind)) for kind in about.pop("flows", BOTH))
        self.mover = mover
        self.app = app
        self.tenant = Tenant(
            name="woodgrove",
            tenant_id=TENANT,
            cloud=mover.lab.cloud(),
            mail_apps=(MailApp(name="relay", client_id=app.app_id, flows=flows, **about),),
        )

    def look(self) -> Consents:
        clients = [each.app_id for each in mailclients.known()]
        who, pace = Credential(self.mover.lab), Pace(1_000, 0.0)
        names = {self.app.app_id: "relay"}
        return grants.assess(self.tenant, directory.read(self.tenant.cloud, who, names, clients=clients, pace=pace))

    def plan(self, wanted: Wanted | None = None) -> Plan:
        now = self.mover.now()
        return directgrants.plan(self.tenant, self.look(), wanted, id=plan.new_id(now), now=now)

    def apply(self, wanted: Wanted | None = None) -> Receipt:
        return self.mover.apply(self.plan(wanted))

    def status(self) -> Status:
        return grants.status(self.look())[0]

    def principal(self) -> ServicePrincipal:
        found: ServicePrincipal | None = self.mover.directory().principal(self.app.app_id)
        assert found is not None
        return found

    def scopes(self) -> dict[str, str]:
        """Return the grants for everybody, by the resource's application id."""
        held = self.mover.directory()
        names = {each.id: each.app_id for each in held.service_principals}
        mine = [each for each in held.grants if each.client_id == self.principal().id and not each.principal_id]
        found = {names[each.resource_id]: each.scope for each in mine}
        assert len(found) == len(mine)
        return found


def _credential(kind: str) -> dict[str, Any]:
    return {"secret": secretrefs.parse("env:MAILAUTH_TEST_RELAY")} if kind == "secret" else {}


@pytest.fixture
def mover(made: Woodgrove, relay: Application, tmp_path: Path) -> Iterator[Mover]:
    with lab(made) as found:
        yield Mover(found, tmp_path)


@pytest.fixture
def consented(mover: Mover, relay: Application) -> Consented:
    return Consented(mover, relay)


@pytest.fixture
def entra(made: Woodgrove, mover: Mover) -> Asking:
    return Asking(made, mover.lab.practice)


def outcomes(receipt: Receipt) -> list[str]:
    return [each.outcome for each in receipt.entries]


def test_both_flows_are_granted_proven_and_taken_back_byte_for_byte(consented: Consented, entra: Asking) -> None:
    before = consented.mover.state()
    receipt = consented.apply()
    assert outcomes(receipt) == ["done"] * 5
    assert consented.status() == Status("relay", "all", "all")
    assert consented.plan().steps == ()
    assert consented.scopes() == {GRAPH: " ".join((*SCOPES, "offline_access"))}
    app = {"client_id": consented.app.app_id}
    itself = entra.token(grant_type="client_credentials", client_secret=SECRET, scope=OUTLOOK, **app)
    assert set(entra.claims(itself)["roles"]) == set(ROLES)
    person = entra.redeem(entra.code(**app, scope=f"{IMAP} offline_access"), **app)
    assert "IMAP.AccessAsUser.All" in entra.claims(person)["scp"]
    assert consented.mover.undo(receipt).whole
    assert directory_of(consented.mover.state()) == directory_of(before)


def directory_of(state: dict[str, Any]) -> dict[str, Any]:
    """Return the tenant's directory: a sign-in of the test's own leaves its trace elsewhere."""
    kept: dict[str, Any] = state["directory"]
    return kept


def test_what_was_made_carries_the_plan_that_made_it(consented: Consented) -> None:
    receipt = consented.apply()
    assert f"mailauth:{receipt.plan.id}" in consented.principal().tags


def test_a_grant_that_was_there_keeps_what_it_holds_and_gets_its_text_back(
    made: Woodgrove, relay: Application, mover: Mover, consented: Consented
) -> None:
    principal = made.estate.enterprise_app(relay)
    made.estate.consent(principal, GRAPH, "User.Read", "SMTP.Send")
    before = mover.state()
    receipt = mover.apply(consented.plan())
    assert consented.scopes() == {
        GRAPH: "User.Read SMTP.Send IMAP.AccessAsUser.All POP.AccessAsUser.All offline_access"
    }
    assert mover.undo(receipt).whole
    assert mover.state() == before


CALLS = {
    "enterprise application": "^POST /v1.0/servicePrincipals$",
    "grant": "^POST .*oauth2PermissionGrants$",
    "role": "^POST .*appRoleAssignedTo$",
}


@pytest.mark.parametrize("kind", ["drop", "truncate"])
@pytest.mark.parametrize("call", CALLS)
def test_a_lost_reply_after_a_call_doubles_nothing_and_loses_nothing(
    consented: Consented, call: str, kind: Any
) -> None:
    before = consented.mover.state()
    consented.mover.lab.practice.backend.faults.add("graph", kind, operation=CALLS[call])
    receipt = consented.apply()
    assert receipt.whole
    assert consented.status() == Status("relay", "all", "all")
    held = consented.mover.directory().app_role_assignments
    assert len([each for each in held if each.principal_id == consented.principal().id]) == len(ROLES)
    assert consented.mover.undo(receipt).whole
    assert consented.mover.state() == before


def test_a_lost_reply_after_a_grant_was_rewritten_is_settled_by_looking(
    made: Woodgrove, relay: Application, mover: Mover, consented: Consented
) -> None:
    made.estate.consent(made.estate.enterprise_app(relay), GRAPH, "SMTP.Send")
    before = mover.state()
    mover.lab.practice.backend.faults.add("graph", "truncate", operation="^PATCH .*oauth2PermissionGrants")
    receipt = consented.apply()
    assert receipt.whole
    mover.lab.practice.backend.faults.add("graph", "truncate", operation="^PATCH .*oauth2PermissionGrants")
    assert mover.undo(receipt).whole
    assert mover.state() == before


def test_replicas_that_lag_are_waited_for(consented: Consented) -> None:
    before = consented.mover.state()
    consented.mover.lab.practice.backend.faults.directory_lag = timedelta(seconds=45)
    receipt = consented.apply()
    assert receipt.whole
    assert consented.status() == Status("relay", "all", "all")
    assert consented.mover.undo(receipt).whole
    consented.mover.sleep(45)
    assert consented.mover.state() == before


def test_two_engineers_with_the_same_plan_make_one_consent(consented: Consented) -> None:
    first, second = consented.plan(), consented.plan()
    assert consented.mover.apply(first).whole
    after = consented.mover.state()
    assert outcomes(consented.mover.apply(replace(second, id="second"))) == ["already"] * 5
    assert consented.mover.state() == after


def test_what_a_colleague_added_meanwhile_stops_the_plan_and_both_versions_are_shown(
    made: Woodgrove, relay: Application, mover: Mover, consented: Consented
) -> None:
    principal = made.estate.enterprise_app(relay)
    made.estate.consent(principal, GRAPH, "SMTP.Send")
    planned = consented.plan()
    [grant] = [each for each in mover.directory().grants if each.client_id == principal.id]
    mover.lab.admin.patch(f"/oauth2PermissionGrants/{grant.id}", {"scope": "SMTP.Send User.Read"})
    entry = mover.apply(planned).entries[0]
    assert (entry.outcome, entry.seen) == ("foreign", {"scope": ["SMTP.Send", "User.Read"]})
    assert planned.steps[0].before == {"scope": ["SMTP.Send"]}
    assert grant.scope == "SMTP.Send User.Read"
    assert mover.apply(consented.plan()).whole
    assert "User.Read" in grant.scope


# The failure catalogue, row by row.


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ("Application.ReadWrite.All Directory.Read.All Policy.Read.All", "DelegatedPermissionGrant.ReadWrite.All"),
        (
            "Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All Directory.Read.All",
            "AppRoleAssignment.ReadWrite.All",
        ),
    ],
)
def test_g3_a_permission_that_is_missing_is_named(consented: Consented, scopes: str, missing: str) -> None:
    planned = consented.plan()
    consented.mover.scopes = scopes
    receipt = consented.mover.apply(planned)
    refused = next(each for each in receipt.entries if each.outcome == "refused")
    assert missing in refused.remedy
    assert not receipt.whole


def test_g4_what_somebody_granted_in_the_same_moment_is_taken_for_done(consented: Consented) -> None:
    planned = consented.plan()
    known = consented.mover.apply(planned).bound
    after = consented.mover.state()
    # As if it had been granted between the look and the request, which Graph then refuses.
    blind = tuple(replace(step, watched=False) for step in planned.steps[1:])
    receipt = consented.mover.apply(replace(planned, id="blind", steps=blind, bound=known))
    assert outcomes(receipt) == ["already"] * 4
    assert consented.mover.state() == after


def test_g6_a_permission_that_was_added_after_the_consent_is_told_and_granted(
    made: Woodgrove, relay: Application, mover: Mover, consented: Consented, entra: Asking
) -> None:
    principal = made.estate.enterprise_app(relay)
    made.estate.allow(principal, EXCHANGE, "IMAP.AccessAsApp")
    [check] = [each for each in consented.look().checks if each.name == "relay: SMTP for the app itself"]
    assert "it was added after the consent" in check.remedy
    assert consented.status().itself == "half"
    assert mover.apply(consented.plan()).whole
    token = entra.token(grant_type="client_credentials", client_id=relay.app_id, client_secret=SECRET, scope=OUTLOOK)
    assert "SMTP.SendAsApp" in entra.claims(token)["roles"]


def test_g7_what_a_link_takes_back_was_named_before_and_a_direct_grant_takes_nothing_back(
    made: Woodgrove, relay: Application, mover: Mover, consented: Consented
) -> None:
    made.estate.consent(made.estate.enterprise_app(relay), EXCHANGE, "EAS.AccessAsUser.All", "SMTP.Send")
    named = {(each.resource, each.value) for each in grants.taken_back(consented.look()) if each.link == "whole"}
    assert mover.apply(consented.plan()).whole
    assert consented.scopes()[EXCHANGE].startswith("EAS.AccessAsUser.All SMTP.Send")
    browser = Browser(mover.lab.practice)
    [link, *_] = consent.links(consented.tenant.cloud, tenant=TENANT, client_id=relay.app_id)
    browser.press(browser.sign_in(browser.open(link.url), ADMIN, SIGN_IN_WORD), "accept")
    assert named == {("exchange", "EAS.AccessAsUser.All"), ("exchange", "SMTP.Send")}
    assert consented.scopes() == {GRAPH: " ".join((*SCOPES, "offline_access"))}


@pytest.mark.parametrize(
    "policies",
    [
        pytest.param([MANAGED], id="G8: Microsoft's policy leaves it to an administrator"),
        pytest.param([], id="G9: off"),
    ],
)
def test_g8_g9_a_program_that_users_may_not_consent_to_is_let_in_for_everybody(
    made: Woodgrove, consented: Consented, entra: Asking, policies: list[str]
) -> None:
    made.estate.tenant.directory.policies.permission_grant_policies = policies
    answers = {each.protocol: each.answer for each in consented.look().users}
    assert (answers["imap"], answers["smtp"]) == ("no", "yes" if policies else "no")
    asked = {"client_id": THUNDERBIRD, "redirect_uri": "https://localhost", "scope": f"{IMAP} offline_access"}
    browser = Browser(consented.mover.lab.practice)
    assert "dmin approval" in browser.sign_in(entra.authorize(browser, **asked), ADA, SIGN_IN_WORD).text
    before = consented.mover.state()
    planned = consented.plan(Wanted(clients=("Thunderbird",)))
    steps = tuple(each for each in planned.steps if THUNDERBIRD in each.id)
    receipt = consented.mover.apply(replace(planned, steps=steps))
    assert outcomes(receipt) == ["done", "done"]
    assert entra.code(**asked)
    assert consented.mover.undo(receipt).whole
    assert directory_of(consented.mover.state()) == directory_of(before)


def test_s9_the_permission_that_defeats_a_role_in_exchange_is_taken_back_and_comes_again_with_the_undo(
    made: Woodgrove, relay: Application, mover: Mover
) -> None:
    principal = made.estate.enterprise_app(relay)
    made.estate.allow(principal, EXCHANGE, *ROLES)
    by_role = Consented(mover, relay, flows=("secret",), smtp="rbac")
    [step] = by_role.plan().steps
    receipt = mover.apply(by_role.plan())
    assert (step.group, outcomes(receipt), by_role.plan().steps) == ("Taken back", ["done"], ())
    assert mover.undo(receipt).whole
    assert len(by_role.plan().steps) == 1


def test_full_access_goes_only_by_name_and_comes_again_with_the_undo(
    made: Woodgrove, relay: Application, mover: Mover
) -> None:
    principal = made.estate.enterprise_app(relay)
    made.estate.allow(principal, EXCHANGE, *ROLES, "full_access_as_app")
    consented = Consented(mover, relay, flows=("secret",))
    assert consented.plan().steps == ()
    receipt = consented.apply(Wanted(remove=("full_access_as_app",)))
    assert outcomes(receipt) == ["done"]
    assert not any("full_access" in each.name for each in consented.plan().checks)
    assert mover.undo(receipt).whole
    assert any("full_access" in each.name for each in consented.plan().checks)


def test_people_are_let_in_one_by_one_and_nobody_else(
    made: Woodgrove, mover: Mover, relay: Application, entra: Asking
) -> None:
    consented = Consented(mover, relay, flows=("interactive",))
    made.estate.tenant.directory.policies.permission_grant_policies = []
    made.estate.user("bob", "Bob")
    before = mover.state()
    receipt = consented.apply(Wanted(people={made.ada.id: ADA}))
    assert receipt.whole
    assert consented.status().people == "half"
    assert entra.code(client_id=relay.app_id)
    other = Browser(mover.lab.practice)
    page = other.sign_in(entra.authorize(other, client_id=relay.app_id), f"bob@{DOMAIN}", SIGN_IN_WORD)
    assert "dmin approval" in page.text
    assert mover.undo(receipt).whole
    assert directory_of(mover.state()) == directory_of(before)
