"""What is tried: from the tenants file or as asked, no window unasked, nothing left out without a word."""

from dataclasses import replace
from typing import Any

import pytest

from mailauth import matrix
from mailauth.clouds import built_in
from mailauth.errors import ConfigurationError
from mailauth.matrix import Row
from mailauth.secretrefs import SecretRef
from mailauth.tenants import Flow, MailApp, Mailbox, Tenant

ADA = Mailbox(address="ada@x.example")
SHARED = Mailbox(address="orders@x.example", protocols=("imap", "smtp"), kind="shared", send_as=("shop@x.example",))
SECRET = Flow(kind="secret", secret=SecretRef("env", "A"))
CERTIFICATE = Flow(kind="certificate", certificate=SecretRef("env", "B"))
PERSON = Flow(kind="interactive")
DAEMON = MailApp(name="daemon", client_id="11111111-1111-1111-1111-111111111111", flows=(SECRET, CERTIFICATE))
CLIENT = MailApp(name="client", client_id="22222222-2222-2222-2222-222222222222", flows=(PERSON,))


def tenant(*apps: MailApp, boxes: tuple[Mailbox, ...] = (ADA, SHARED)) -> Tenant:
    return Tenant(name="x", tenant_id="x.example", cloud=built_in()["public"], mail_apps=apps, mailboxes=boxes)


def told(rows: tuple[Row, ...]) -> list[tuple[str, str, str, str]]:
    return [(row.mailbox, row.protocol, row.app.name, row.flow.kind if row.flow else "") for row in rows]


def test_each_mailbox_protocol_app_and_flow_is_a_row() -> None:
    found = told(matrix.rows(tenant(DAEMON)))
    assert found == [
        (box.address, protocol, "daemon", kind)
        for box in (ADA, SHARED)
        for protocol in box.protocols
        for kind in ("secret", "certificate")
    ]


def test_what_a_person_signs_in_for_is_tried_only_by_name() -> None:
    assert {bool(row.said) for row in matrix.rows(tenant(CLIENT))} == {True}
    assert {row.said for row in matrix.rows(tenant(CLIENT), flow="interactive")} == {""}


def test_an_app_with_both_kinds_of_flow_is_tried_by_those_without_a_person() -> None:
    both = replace(DAEMON, flows=(PERSON, SECRET))
    assert {kind for *_, kind in told(matrix.rows(tenant(both)))} == {"secret"}


@pytest.mark.parametrize(
    ("apps", "said"),
    [((), "No mail app"), ((replace(DAEMON, flows=()),), "no flow")],
    ids=["no app", "no flow"],
)
def test_what_cannot_be_tried_says_why(apps: tuple[MailApp, ...], said: str) -> None:
    found = matrix.rows(tenant(*apps))
    assert len(found) == 5
    assert all(said in row.said and row.flow is None for row in found)


def test_a_flow_that_an_app_has_not_is_said_of_that_app_alone() -> None:
    found = matrix.rows(tenant(DAEMON, CLIENT), mailboxes=ADA.address, protocols="imap", flow="interactive")
    assert [(row.app.name, bool(row.said)) for row in found] == [("daemon", True), ("client", False)]


def test_an_address_that_is_in_the_file_keeps_what_the_file_says_of_it() -> None:
    found = matrix.rows(tenant(DAEMON), mailboxes="Orders@x.example, new@x.example", flow="secret")
    assert {(row.mailbox, row.box.kind) for row in found} == {("orders@x.example", "shared"), ("new@x.example", "user")}


@pytest.mark.parametrize(
    ("signs_in", "accounts"),
    [
        ("", {"ada@x.example": "ada@x.example", "orders@x.example": ""}),
        ("clerk@x.example", {"ada@x.example": "ada@x.example", "orders@x.example": "clerk@x.example"}),
        ("ada@x.example=boss@x.example", {"ada@x.example": "boss@x.example", "orders@x.example": ""}),
    ],
    ids=["nobody named", "one for shared mailboxes", "one for one mailbox"],
)
def test_a_mailboxs_own_account_signs_in_and_a_shared_ones_is_named(signs_in: str, accounts: dict[str, str]) -> None:
    found = matrix.rows(tenant(CLIENT), flow="interactive", signs_in=signs_in)
    assert {row.mailbox: row.account for row in found} == accounts


def test_who_sends_as_a_shared_mailbox_signs_in_as_himself() -> None:
    rows = matrix.rows(tenant(CLIENT), mailboxes=SHARED.address, flow="interactive", signs_in="clerk@x.example")
    assert [(row.protocol, row.user, row.senders) for row in rows] == [
        ("imap", "orders@x.example", ()),
        ("smtp", "clerk@x.example", ("orders@x.example", "shop@x.example")),
    ]
    [app] = matrix.rows(tenant(DAEMON), mailboxes=SHARED.address, protocols="smtp", flow="secret")
    assert app.user == "orders@x.example"


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"mailboxes": "ada"}, "mailboxes: "),
        ({"mailboxes": "every mailbox"}, "mailboxes: found 'every mailbox'"),
        ({"mailboxes": "ada@x.example\\orders"}, "mailboxes: "),
        ({"protocols": "imap,smtps"}, "protocols: found 'smtps'; expected some of imap, pop, smtp"),
        ({"app": "other"}, "app: found 'other'; x has daemon."),
        ({"flow": "password"}, "flow: found 'password'; expected one or more of interactive, "),
        ({"signs_in": "clerk"}, "signs_in: "),
    ],
    ids=lambda each: str(each),
)
def test_what_is_asked_for_wrongly_is_named(asked: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        matrix.rows(tenant(DAEMON), **asked)
    assert str(caught.value).startswith(complaint)


def test_a_tenant_without_mailboxes_is_told_to_name_one() -> None:
    with pytest.raises(ConfigurationError, match="mailboxes: x has none"):
        matrix.rows(tenant(DAEMON, boxes=()))


@pytest.mark.parametrize(
    ("trial", "found"),
    [
        ("another-mailbox", [("orders@x.example", "imap", "daemon", "secret")]),
        ("another-protocol", [("ada@x.example", "pop", "daemon", "secret")]),
        ("another-flow", [("ada@x.example", "imap", "daemon", "certificate")]),
        ("again", []),
    ],
)
def test_an_experiment_differs_in_one_thing(trial: str, found: list[tuple[str, str, str, str]]) -> None:
    where = tenant(DAEMON)
    [row] = matrix.rows(where, mailboxes=ADA.address, protocols="imap", flow="secret")
    assert told(tuple(matrix.controls(where, row, trial, [row]))) == found


def test_an_experiment_that_was_made_is_not_offered_again() -> None:
    where = tenant(DAEMON)
    rows = matrix.rows(where)
    assert list(matrix.controls(where, rows[0], "another-mailbox", rows)) == []
