"""As whom a notebook acts, read from the practice cloud; and what is missing for a plan, before anything is tried."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailauth import actors
from mailauth.actors import Actor
from mailauth.cmdlets import Available
from mailauth.plan import Cmdlet, GraphCall, Look, Plan, Step
from mailauth.secretrefs import SecretRef
from mailauth.services import actors as reading
from mailauth.services import identity
from mailauth.session.signing_in import SigningIn
from mailauth.session.tenancy import Tenancy
from mailauth.tenants import Admin, Configuration, Tenant
from mailauth.views import actors as views
from practice.state import RoleAssignment
from practice.wellknown import EXCHANGE, GRAPH, SIGN_IN_WORD
from tests.practice.browsing import Browser
from tests.practice.graphclient import Lab, lab
from tests.practice.woodgrove import DOMAIN, SECRET, TENANT, woodgrove

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
PERSON = Actor("wanda@woodgrove.example", "person", "id", TENANT, "Woodgrove Bank", ("Global Reader",), frozenset())
APP = Actor("Operator", "app", "5f5f5f5f-0000-4000-8000-00000000c1c1", TENANT, "Woodgrove Bank", (), frozenset())


def plan(*needs: str, exchange: tuple[str, ...] = ()) -> Plan:
    """Return a plan that needs these permissions of Graph and management roles of Exchange."""
    look = Look(GraphCall("GET", ("/v1.0/organization",)))
    step = Step("a", "A", "", "a", "graph", look.ask, look, None, {}, needs=needs)
    other = Step("b", "B", "", "b", "exchange", Cmdlet("Get-Mailbox"), look, None, {}, needs=exchange)
    return Plan("p", "Plan", "woodgrove", TENANT, "practice", (step, other), made_at=NOW)


def test_nothing_is_missing_where_all_is_held() -> None:
    held = replace(APP, graph=frozenset({"Application.ReadWrite.All"}), roles=("Exchange Administrator",))
    (check,) = actors.missing(plan("Application.Read.All", exchange=("Mail Recipients",)), held)
    assert (check.outcome, check.found) == ("ok", "the app Operator in Woodgrove Bank has all that the plan needs")


def test_a_permission_that_an_app_lacks_is_named_with_the_request_to_send() -> None:
    (check,) = actors.missing(plan("Application.ReadWrite.All"), APP)
    assert (check.name, check.outcome) == ("permission Application.ReadWrite.All", "wrong")
    assert APP.client_id in check.remedy
    assert "application permission Application.ReadWrite.All of Microsoft Graph" in check.remedy


@pytest.mark.parametrize(
    ("roles", "outcomes"),
    [
        pytest.param(("Global Administrator",), ["ok"], id="all"),
        pytest.param(("Cloud Application Administrator",), ["ok"], id="just enough"),
        pytest.param(("Global Reader",), ["wrong"], id="too little"),
        pytest.param(None, ["cannot know"], id="not read"),
    ],
)
def test_a_person_needs_a_role_and_is_asked_for_scopes_later(roles: Any, outcomes: list[str]) -> None:
    found = actors.missing(plan("Application.ReadWrite.All"), replace(PERSON, roles=roles))
    assert [check.outcome for check in found] == outcomes


def test_the_least_role_is_asked_for_and_for_a_day() -> None:
    (check,) = actors.missing(plan("DelegatedPermissionGrant.ReadWrite.All"), PERSON)
    assert check.name == "role Cloud Application Administrator"
    assert "Please give wanda@woodgrove.example the role Cloud Application Administrator, for a day" in check.remedy


def test_what_exchange_says_goes_before_what_directory_roles_let_expect() -> None:
    asked = plan(exchange=("Mail Recipients",))
    (guessed,) = actors.missing(asked, PERSON)
    assert guessed.outcome == "cannot know"
    assert "Exchange Administrator" in guessed.remedy or "Recipient" in guessed.remedy
    (told,) = actors.missing(asked, PERSON, [Available("Add-MailboxPermission", False, ("Mail Recipients",))])
    assert (told.name, told.outcome) == ("may run Add-MailboxPermission", "wrong")
    (fine,) = actors.missing(asked, PERSON, [Available("Add-MailboxPermission", True)])
    assert fine.outcome == "ok"


@dataclass
class Signed:
    """A practice cloud, and how somebody signs in to it.

    Args:
        at: The cloud.
    """

    at: Lab

    def read(self, admin: Admin, **options: Any) -> Actor:
        """Return who acts after signing in."""
        cloud = self.at.cloud()
        credential = identity.credential(admin, tenant_id=TENANT, cloud=cloud, attended=True, **options)
        return reading.read(cloud, credential, admin, tenant_id=TENANT)


@pytest.fixture
def signed() -> Iterator[Signed]:
    made = woodgrove()
    made.estate.allow(made.daemon_principal, GRAPH, "Application.ReadWrite.All", "Directory.Read.All")
    made.estate.role(made.daemon_principal.id, "Exchange Administrator")
    made.estate.consent(made.client_principal, GRAPH, "Directory.Read.All", user=made.admin)
    with lab(made) as at:
        yield Signed(at)


def test_an_app_is_read_with_its_permissions_and_roles(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOODGROVE_SECRET", SECRET)
    admin = Admin(flow="secret", client_id=signed.at.made.daemon.app_id, secret=SecretRef("env", "WOODGROVE_SECRET"))
    found = signed.read(admin)
    assert (found.name, found.kind, found.tenant, found.roles) == (
        "Daemon",
        "app",
        "Woodgrove Bank",
        ("Exchange Administrator",),
    )
    assert found.graph is not None
    assert {"Application.ReadWrite.All", "IMAP.AccessAsApp"} <= found.graph
    assert {record.state for record in found.coverage} == {"complete"}
    assert actors.missing(plan("Application.ReadWrite.All", exchange=("Mail Recipients",)), found)[0].outcome == "ok"


def test_a_person_is_read_with_roles_and_with_the_scopes_of_the_sign_in(signed: Signed) -> None:
    def paste(_prompt: str) -> str:
        browser = Browser(signed.at.practice)
        page = browser.sign_in(browser.open(shown[0].split("\n\n")[1]), f"admin@{DOMAIN}", SIGN_IN_WORD)
        while page.status == 200:
            page = browser.press(page, page.buttons[0])
        return page.address

    shown: list[str] = []
    found = signed.read(Admin(flow="pasted", client_id=signed.at.made.client.app_id), show=shown.append, ask=paste)
    assert (found.name, found.kind, found.roles) == (f"admin@{DOMAIN}", "person", ("Global Administrator",))
    assert found.graph is not None
    assert "Directory.Read.All" in found.graph
    assert str(found) == f"admin@{DOMAIN} in Woodgrove Bank"


def test_what_may_not_be_read_is_unknown_and_not_missing(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOODGROVE_SECRET", SECRET)
    with signed.at.practice.states.changing(TENANT) as tenant:
        tenant.directory.app_role_assignments = []
    admin = Admin(flow="secret", client_id=signed.at.made.daemon.app_id, secret=SecretRef("env", "WOODGROVE_SECRET"))
    found = signed.read(admin)
    assert (found.roles, found.graph) == (None, None)
    assert {check.outcome for check in actors.missing(plan("Application.ReadWrite.All"), found)} == {"cannot know"}


@pytest.mark.parametrize(
    ("role", "lacks"),
    [
        pytest.param("29232cdf-9323-42fd-ade2-1d097af3e4de", [], id="all"),
        pytest.param("31392ffb-586c-42d1-9346-e59415a2cc4e", ["may run New-ServicePrincipal"], id="recipients only"),
    ],
)
def test_what_exchange_does_not_let_the_operator_run_is_named_before_the_first_step(
    role: str, lacks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WOODGROVE_SECRET", SECRET)
    made = woodgrove()
    made.estate.allow(made.daemon_principal, GRAPH, "Directory.Read.All")
    made.estate.allow(made.daemon_principal, EXCHANGE, "Exchange.ManageAsApp")
    held = RoleAssignment(principal_id=made.daemon_principal.id, role_template_id=role)
    made.estate.tenant.directory.role_assignments.append(held)
    operator = Admin(flow="secret", client_id=made.daemon.app_id, secret=SecretRef("env", "WOODGROVE_SECRET"))
    before = made.estate.tenant.exchange.model_copy(deep=True)
    with lab(made) as at:
        tenant = Tenant(name="woodgrove", tenant_id=TENANT, cloud=at.cloud(), operator=operator)
        here = SigningIn(Tenancy(Configuration(tmp_path / "tenants.yaml", {tenant.name: tenant}), tenant, tmp_path))
        change = of_cmdlets("New-ServicePrincipal", "Set-CASMailbox")
        assert here.changes(change) == (None, ())
        actor, found = here.changes(change, apply=True)
        with at.practice.states.reading(TENANT) as after:
            assert after.exchange == before
    assert actor is not None
    assert [(check.name, check.outcome) for check in found if check.outcome != "ok"] == [
        (one, "wrong") for one in lacks
    ]


def of_cmdlets(*names: str) -> Plan:
    """Return a plan that runs these cmdlets."""
    look = Look(Cmdlet("Get-Mailbox"))
    steps = (Step(name, name, "", name, "exchange", Cmdlet(name), look, None, {}) for name in names)
    return Plan("p", "Plan", "woodgrove", TENANT, "practice", tuple(steps), made_at=NOW)


def test_a_name_from_outside_stays_text_on_a_page() -> None:
    hostile = replace(APP, name="<img src=x onerror=alert(1)>")
    lacking = actors.missing(plan("Application.ReadWrite.All"), hostile)
    shown = "".join(view.html() for view in views.acting(hostile, lacking).views)
    assert "<img" not in shown
    assert "onerror" in shown
    assert "As whom this acts" in shown
