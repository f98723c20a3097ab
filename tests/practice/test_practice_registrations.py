"""Each mistake in a registration, made on the practice cloud, read from its Graph, and named."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth.checks import Check
from practice.state import Application, Directory, PasswordCredential, RequiredResource, ResourceAccess
from practice.wellknown import EXCHANGE, GRAPH
from tests.registering import Desk, desk

Break = Callable[[Application, Directory], object]
ASKED: dict[str, Any] = {"flow": "app-only", "smtp": "consent"}


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A tenant with a registration that is right."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder: Path = tmp_path_factory.mktemp("registered")
        with desk(folder, monkeypatch) as at:
            part = at.registering
            wanted = part.wanted("Mail", **ASKED)
            found = part.look(wanted)
            place = part.place(found, wanted)
            assert part.apply(part.plan(found, wanted, place), found, wanted, place, apply=True).whole
            yield at


def ask(app: Application, resource: str, id: str, kind: str) -> None:
    """Let the app ask for one more permission."""
    access = [ResourceAccess.model_validate({"id": id, "type": kind})]
    extra = RequiredResource(resource_app_id=resource, resource_access=access)
    app.required_resource_access = [*app.required_resource_access, extra]


def role(directory: Directory, resource: str, value: str) -> str:
    """Return the id under which this tenant offers an application permission."""
    principal = directory.principal(resource)
    assert principal is not None
    return next(one.id for one in principal.app_roles if one.value == value)


def scope(directory: Directory, resource: str, value: str) -> str:
    """Return the id under which this tenant offers a delegated permission."""
    principal = directory.principal(resource)
    assert principal is not None
    return next(one.id for one in principal.oauth2_permission_scopes if one.value == value)


def secret(days: int) -> PasswordCredential:
    now = datetime.now(UTC)
    return PasswordCredential(
        display_name="by hand", start_date_time=now - timedelta(days=400), end_date_time=now + timedelta(days=days)
    )


def switched_off(app: Application, directory: Directory) -> None:
    principal = directory.principal(app.app_id)
    assert principal is not None
    principal.account_enabled = False


def without_principal(app: Application, directory: Directory) -> None:
    directory.service_principals = [one for one in directory.service_principals if one.app_id != app.app_id]


def secret_alone(app: Application, _directory: Directory) -> None:
    app.key_credentials, app.password_credentials = [], [secret(90)]


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        pytest.param(
            lambda app, all: ask(app, GRAPH, role(all, GRAPH, "Mail.Read"), "Role"),
            "wrong interface",
            "Microsoft Graph",
            id="application permission of Graph",
        ),
        pytest.param(
            lambda app, all: ask(app, GRAPH, scope(all, GRAPH, "Mail.Send"), "Scope"),
            "Graph only",
            "Mail.Send",
            id="Graph-only permission",
        ),
        pytest.param(
            lambda app, all: ask(app, EXCHANGE, role(all, EXCHANGE, "IMAP.AccessAsApp"), "Scope"),
            "wrong type",
            "IMAP.AccessAsApp is asked for as a delegated permission",
            id="wrong type",
        ),
        pytest.param(
            lambda app, all: ask(app, EXCHANGE, role(all, EXCHANGE, "full_access_as_app"), "Role"),
            "full_access_as_app",
            "EWS",
            id="full_access_as_app",
        ),
        pytest.param(
            lambda app, all: ask(app, EXCHANGE, "11111111-1111-1111-1111-111111111111", "Role"),
            "unknown permission",
            "11111111",
            id="unknown permission",
        ),
        pytest.param(
            lambda app, all: setattr(app, "required_resource_access", []),
            "POP for the app itself",
            "POP.AccessAsApp",
            id="permission missing",
        ),
        pytest.param(
            lambda app, all: setattr(app, "is_fallback_public_client", True),
            "public client",
            "device code",
            id="public client flag",
        ),
        pytest.param(
            lambda app, all: setattr(app.web, "redirect_uris", []),
            "redirect http://localhost",
            "AADSTS50011",
            id="redirect",
        ),
        pytest.param(
            lambda app, all: setattr(app, "sign_in_audience", "AzureADandPersonalMicrosoftAccount"),
            "audience",
            "personal accounts",
            id="audience",
        ),
        pytest.param(without_principal, "enterprise application", "has none", id="no service principal"),
        pytest.param(switched_off, "enterprise application", "AADSTS7000112", id="switched off"),
        pytest.param(
            lambda app, all: setattr(app, "disabled_by_microsoft", True),
            "enterprise application",
            "Microsoft has disabled",
            id="disabled by Microsoft",
        ),
        pytest.param(
            lambda app, all: setattr(app, "password_credentials", [secret(-3)]),
            "secret by hand",
            "it ended on",
            id="expired",
        ),
        pytest.param(
            lambda app, all: setattr(app, "password_credentials", [secret(10)]),
            "secret by hand",
            "it ends on",
            id="expiring",
        ),
        pytest.param(
            secret_alone,
            "credential",
            "a certificate could do its work",
            id="a secret where a certificate could be",
        ),
    ],
)
def test_a_mistake_is_read_and_named(registered: Desk, spoil: Break, name: str, said: str) -> None:
    with registered.practice.states.changing("woodgrove") as tenant:
        before = tenant.directory.model_copy(deep=True)
        spoil(next(one for one in tenant.directory.applications if one.display_name == "Mail"), tenant.directory)
    try:
        found = [check for check in checks(registered, **ASKED) if check.outcome == "wrong"]
    finally:
        with registered.practice.states.changing("woodgrove") as tenant:
            tenant.directory = before
    [check] = [check for check in found if check.name == name]
    assert said in check.found
    assert check.remedy


def test_the_permission_beside_a_role_in_exchange_is_named(registered: Desk) -> None:
    wrong = {check.name for check in checks(registered, flow="app-only", smtp="rbac") if check.outcome == "wrong"}
    assert wrong == {"SMTP.SendAsApp"}


def test_nothing_is_wrong_with_what_the_plan_made(registered: Desk) -> None:
    assert {check.outcome for check in checks(registered, **ASKED)} == {"ok"}


def checks(at: Desk, **asked: Any) -> tuple[Check, ...]:
    part = at.registering
    wanted = part.wanted("Mail", **asked)
    found = part.look(wanted)
    return part.lint(found, wanted, part.place(found, wanted))
