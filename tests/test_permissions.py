"""Mail permissions: known by value, held against what a tenant offers."""

from dataclasses import replace

import pytest

from mailauth import permissions
from mailauth.permissions import Offer
from mailauth.tenants import Protocol


def offers() -> list[Offer]:
    """Return both resources as the facts have them."""
    return [
        Offer(
            name,
            f"{name}-object",
            {each.value: each.id for each in permissions.known() if (each.resource, each.kind) == (name, "scope")},
            {each.value: each.id for each in permissions.known() if (each.resource, each.kind) == (name, "role")},
        )
        for name in permissions.APP_IDS
    ]


@pytest.mark.parametrize(
    ("protocol", "scope", "role"),
    [
        ("imap", "IMAP.AccessAsUser.All", "IMAP.AccessAsApp"),
        ("pop", "POP.AccessAsUser.All", "POP.AccessAsApp"),
        ("smtp", "SMTP.Send", "SMTP.SendAsApp"),
    ],
)
def test_a_protocol_has_a_scope_on_either_resource_and_a_role_on_exchange(
    protocol: Protocol, scope: str, role: str
) -> None:
    people, apps = permissions.of(protocol, "scope"), permissions.of(protocol, "role")
    assert {(each.resource, each.value) for each in people} == {("exchange", scope), ("graph", scope)}
    assert [(each.resource, each.value) for each in apps] == [("exchange", role)]


def test_the_same_scope_has_another_id_on_each_resource() -> None:
    ids = [each.id for protocol in permissions.PROTOCOLS for each in permissions.of(protocol, "scope")]
    assert len(set(ids)) == 6


def test_a_tenant_that_offers_the_known_ids_is_in_order() -> None:
    assert permissions.check(offers()).outcome == "ok"


def test_an_id_that_differs_is_a_finding_with_both() -> None:
    exchange, graph = offers()
    odd = replace(exchange, roles={**exchange.roles, "IMAP.AccessAsApp": "99999999-0000-4000-8000-000000000000"})
    found = permissions.check([odd, graph])
    assert found.outcome == "wrong"
    assert "IMAP.AccessAsApp: found 99999999-0000-4000-8000-000000000000" in found.found
    assert "expected 5e5addcd-3e8d-4e90-baf5-964efab2b20a" in found.found


def test_a_permission_that_a_tenant_does_not_offer_is_a_finding() -> None:
    exchange, graph = offers()
    assert "SMTP.SendAsApp: found none" in permissions.check([replace(exchange, roles={}), graph]).found


def test_a_resource_that_was_not_read_leaves_it_open() -> None:
    found = permissions.check(offers()[:1])
    assert (found.outcome, found.found) == ("cannot know", "not read: Microsoft Graph")
