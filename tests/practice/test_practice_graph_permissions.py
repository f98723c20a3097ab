"""Whatever Graph asks of a token, Entra offers: each operation is reached with a permission that can be given."""

from collections.abc import Iterator

import pytest

from practice.graph.calls import Operation
from practice.graph.routes import Routes
from practice.state import ServicePrincipal
from practice.wellknown import GRAPH
from tests.practice.asking import ADA, ADMIN, Asking
from tests.practice.graphclient import Lab, lab
from tests.practice.woodgrove import woodgrove

# Offered to people alone here; /me is nobody where no user is signed in.
_PEOPLE_ALONE = {"Policy.ReadWrite.Authorization", "Policy.ReadWrite.ConsentRequest"}


@pytest.fixture
def fresh() -> Iterator[Lab]:
    """A cloud whose apps have consent to administer accounts."""
    made = woodgrove()
    made.estate.consent(made.client_principal, GRAPH, "User.ReadWrite.All")
    made.estate.allow(made.daemon_principal, GRAPH, "User.ReadWrite.All")
    with lab(made) as found:
        yield found


def graph(found: Lab) -> ServicePrincipal:
    offered = found.made.estate.tenant.directory.principal(GRAPH)
    assert offered is not None
    return offered


def guarded(found: Lab) -> list[Operation]:
    return [one for one in Routes(found.practice.backend).operations if one.access.permissions]


def test_every_operation_can_be_reached_by_a_person(fresh: Lab) -> None:
    offered = {one.value for one in graph(fresh).oauth2_permission_scopes}
    assert len(guarded(fresh)) > 50
    assert [one.path for one in guarded(fresh) if not offered.intersection(one.access.permissions)] == []


def test_every_operation_that_is_not_for_people_alone_can_be_reached_by_an_app(fresh: Lab) -> None:
    offered = {one.value for one in graph(fresh).app_roles}
    unreached = [
        one.path
        for one in guarded(fresh)
        if not offered.intersection(one.access.permissions) and not one.path.startswith("me")
        if not _PEOPLE_ALONE.issuperset(one.access.permissions)
    ]
    assert unreached == []


def test_what_reaches_beyond_the_signed_in_user_takes_an_administrators_consent(fresh: Lab) -> None:
    kinds = {one.value: one.type for one in graph(fresh).oauth2_permission_scopes}
    assert kinds["IMAP.AccessAsUser.All"] == "User"
    assert {kinds[one] for one in ("Directory.AccessAsUser.All", "User.ReadWrite.All")} == {"Admin"}


def test_an_account_is_blocked_and_opened_with_tokens_that_entra_gave(fresh: Lab) -> None:
    entra = Asking(fresh.made, fresh.practice)
    person = entra.password(username=ADMIN, scope="https://graph.microsoft.com/User.ReadWrite.All")
    app = entra.daemon("https://graph.microsoft.com/.default")
    for answer, enabled in ((person, False), (app, True)):
        assert "access_token" in answer, answer
        fresh.client(answer["access_token"]).patch(f"/users/{ADA}", {"accountEnabled": enabled})
        assert entra.password().get("error_codes", []) == ([] if enabled else [50057])
