"""services/directory: a tenant's consent read from a Graph that answers, refuses, pages and breaks off."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from azure.core.credentials import TokenCredential

from mailauth import clouds, grants
from mailauth.clouds import Cloud
from mailauth.grants import Found
from mailauth.services import directory, identity
from mailauth.services.client import Pace
from mailauth.tenants import Admin
from practice.state import Grant
from practice.wellknown import EXCHANGE, GRAPH
from tests.practice.woodgrove import ROLES, SCOPES, TENANT, Woodgrove, running, woodgrove

READS = ("Application.Read.All", "Directory.Read.All", "Policy.Read.All")
SECRET = "woodgrove~reader~only-in-tests"


class Look:
    """Looks into the tenant as an app of its own."""

    def __init__(self, made: Woodgrove, where: Cloud, credential: TokenCredential) -> None:
        self.made = made
        self.where = where
        self.credential = credential

    def __call__(self, *clients: str) -> Found:
        pace = Pace(1_000, 1.0)
        apps = {self.made.daemon.app_id: "daemon", self.made.client.app_id: "client"}
        return directory.read(self.where, self.credential, apps, clients=clients, pace=pace)


Opened = Callable[..., Look]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Return a function that starts a cloud with a tenant and a reader in it."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(made: Woodgrove | None = None, *, reads: tuple[str, ...] = READS) -> Look:
            tenant = made or woodgrove()
            app = tenant.estate.app("Reader")
            tenant.estate.secret(app, SECRET)
            tenant.estate.allow(tenant.estate.enterprise_app(app), GRAPH, *reads)
            practice = stack.enter_context(running(tenant))
            entry = {**practice.entry(), "ca_file": practice.ca_file}
            where = replace(clouds.built_in()["public"], name="practice", unverified={}, **entry)
            who = Admin(flow="secret", client_id=app.app_id, secret=_secret())
            return Look(tenant, where, identity.credential(who, tenant_id=TENANT, cloud=where, attended=False))

        yield start


def _secret() -> Any:
    from mailauth import secretrefs

    return secretrefs.parse("env:MAILAUTH_TEST_READER")


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILAUTH_TEST_READER", SECRET)


def states(seen: Found) -> dict[str, str]:
    return {record.what: record.state for record in seen.coverage}


def test_it_finds_grants_roles_and_what_the_registrations_ask_for(opened: Opened) -> None:
    look = opened()
    seen = look()
    daemon, client = (seen.held[app.app_id] for app in (look.made.daemon, look.made.client))
    assert {each.resource for each in seen.offers} == {"exchange", "graph"}
    exchange = next(each for each in seen.offers if each.resource == "exchange")
    assert daemon.roles == {(exchange.object_id, exchange.roles[role]) for role in ROLES}
    [given] = client.scopes
    assert set(SCOPES) <= given.values
    assert (given.user_id, client.redirect_uris[:2]) == ("", ("http://localhost", "https://localhost"))
    assert client.asks is not None
    assert len(client.asks) == 4
    assert set(states(seen).values()) == {"complete"}


def test_a_person_with_a_grant_of_their_own_is_named(opened: Opened) -> None:
    made = woodgrove()
    made.estate.consent(made.client_principal, EXCHANGE, "IMAP.AccessAsUser.All", user=made.ada)
    seen = opened(made)()
    assert seen.people == {made.ada.id: "ada@woodgrove.example"}


def test_a_program_that_the_tenant_does_not_know_is_known_not_to_be_there(opened: Opened) -> None:
    thunderbird = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
    assert opened()(thunderbird).held[thunderbird] == grants.Held()


def test_an_app_without_an_enterprise_application_has_a_registration_all_the_same(opened: Opened) -> None:
    made = woodgrove()
    made.estate.tenant.directory.service_principals.remove(made.client_principal)
    made.estate.tenant.directory.grants = []
    held = opened(made)().held[made.client.app_id]
    assert held.enterprise is None
    assert held.redirect_uris[:1] == ("http://localhost",)


def test_a_policy_that_may_not_be_read_costs_that_part_alone_and_names_the_permission(opened: Opened) -> None:
    seen = opened(reads=READS[:2])()
    assert (seen.assigned, seen.requests, len(seen.held)) == (None, None, 2)
    assert states(seen)["what users can consent to"] == "unknown"
    [record] = [each for each in seen.coverage if each.what == "what users can consent to"]
    assert "Policy.Read.All" in record.remedy


def test_whoever_may_read_nothing_is_told_so_part_by_part(opened: Opened) -> None:
    seen = opened(reads=("AuditLog.Read.All",))()
    assert (seen.offers, dict(seen.held), seen.assigned) == ((), {}, None)
    assert set(states(seen).values()) == {"unknown"}


def test_without_a_token_it_is_asked_for_once(opened: Opened) -> None:
    look = opened()

    class Nobody:
        asked = 0

        def get_token(self, *scopes: str, **more: object) -> Any:
            from azure.core.exceptions import ClientAuthenticationError

            self.asked += 1
            raise ClientAuthenticationError("nobody is there")

    nobody = Nobody()
    look.credential = nobody  # a credential that a person dismissed
    seen = look()
    assert nobody.asked == 1
    assert set(states(seen).values()) == {"unknown"}


def test_a_secret_that_is_not_there_is_said_and_ends_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    look = opened()
    monkeypatch.delenv("MAILAUTH_TEST_READER")
    seen = look()
    assert set(states(seen).values()) == {"unknown"}
    assert all("MAILAUTH_TEST_READER" in record.reason for record in seen.coverage)


def test_every_page_is_read(opened: Opened) -> None:
    made = woodgrove()
    graph = made.estate.tenant.directory.principal(GRAPH)
    assert graph is not None
    people = [made.estate.user(f"person{number}", f"Person {number}") for number in range(130)]
    made.estate.tenant.directory.grants += [
        Grant(
            client_id=made.client_principal.id,
            consent_type="Principal",
            principal_id=person.id,
            resource_id=graph.id,
            scope="SMTP.Send",
        )
        for person in people
    ]
    seen = opened(made)()
    assert len(seen.held[made.client.app_id].scopes) == 131
    assert len(seen.people) == 130


def test_a_tenant_without_exchange_leaves_its_permissions_open(opened: Opened) -> None:
    made = woodgrove()
    kept = [one for one in made.estate.tenant.directory.service_principals if one.app_id != EXCHANGE]
    made.estate.tenant.directory.service_principals = kept
    seen = opened(made)()
    assert states(seen)["permissions of Office 365 Exchange Online"] == "absent"


def test_people_are_found_by_the_address_that_they_sign_in_with_whatever_its_case(opened: Opened) -> None:
    look = opened()
    found = directory.accounts(look.where, look.credential, ["Ada@woodgrove.example", "o'nobody@woodgrove.example"])
    assert found == {"Ada@woodgrove.example": look.made.ada.id}
