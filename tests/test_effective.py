"""views/effective: what a reader sees of what mailboxes let in, of the contradiction, of hygiene."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mailauth import admission, hygiene
from mailauth.admission import Effective
from mailauth.organization import Mailbox, Organization
from mailauth.views import effective as views
from mailauth.views.markup import Badge
from tests.admissions import ADA, AT, GROUP, box, entra, exchange, records

HOSTILE = '<script>alert("x")</script>@woodgrove.example'


def numbered(number: int, **details: Any) -> Mailbox:
    """Return one of many mailboxes."""
    address = f"p{number}@woodgrove.example"
    return replace(box(**details), address=address, upn=address, object_id=f"{number:08x}{ADA[8:]}")


def answers(*boxes: Mailbox, tenant: str = "on", access: str = "none") -> tuple[Effective, ...]:
    return admission.every(exchange(tenant, "none", *boxes), entra(access=access), now=AT)


@pytest.mark.parametrize(
    ("found", "kind", "title"),
    [
        pytest.param(answers(), "cannot know", "No mailbox was looked at", id="none"),
        pytest.param(answers(box()), "attention", "1 mailbox open with a password alone", id="open"),
        pytest.param(answers(box(policy="unread")), "cannot know", "Whether a password opens a mailbox", id="unknown"),
        pytest.param(answers(box(mailbox="off")), "info", "No mailbox opens with a password alone", id="closed"),
    ],
)
def test_the_sentence_says_first_what_a_manager_asks(found: Sequence[Effective], kind: str, title: str) -> None:
    said = views.sentence(found)
    assert (said.kind, said.title) == (kind, title)


def test_the_sentence_counts_each_answer() -> None:
    found = answers(box(), numbered(1, policy="unread"), numbered(2, mailbox="off"), numbered(3, mailbox="off"))
    assert views.sentence(found).body == [
        "We looked at 4 mailboxes. 1 can be used by whoever has the password and nothing else (SMTP AUTH), 2 cannot,"
        " and for 1 we cannot tell.",
        "2 would let an app with OAuth send. What it also needs, consent and permissions, is not counted here.",
    ]


def test_the_counts_of_every_door_add_up_to_the_mailboxes() -> None:
    table = views.counts(answers(box(), numbered(1, policy="unread"), numbered(2, mailbox="off")))
    assert [row[:2] for row in table.rows[:2]] == [("SMTP AUTH", "Password"), ("SMTP AUTH", "OAuth, a person")]
    assert table.rows[0][2:] == (1, 1, 1)
    assert {sum(cell for cell in row[2:] if isinstance(cell, int)) for row in table.rows} == {3}


def test_a_thousand_mailboxes_that_are_alike_share_a_row_and_the_exception_stands_first() -> None:
    found = answers(*(numbered(number, policy="does not let") for number in range(1_000)), box())
    table = views.reasons(found)
    assert len(table.rows) == 5
    mailboxes, protocol, password, *_ = table.rows[0]
    assert (mailboxes, protocol, password) == (["ada@woodgrove.example"], "SMTP AUTH", Badge("open", "bad"))
    shown = [row[0] for row in table.rows if row[1] == "SMTP AUTH"][1]
    assert shown == [
        "p0@woodgrove.example",
        "p1@woodgrove.example",
        "p2@woodgrove.example",
        "and 997 more",
    ]


def excluded() -> tuple[Effective, ...]:
    """Return Ada, whom somebody left out of the policy that keeps passwords out."""
    audit = {
        "activityDisplayName": "Update conditional access policy",
        "activityDateTime": "2026-11-03T14:05:00Z",
        "initiatedBy": {"user": {"userPrincipalName": "wanda@woodgrove.example"}},
        "targetResources": [
            {
                "id": records("excluded")[0]["id"],
                "modifiedProperties": [
                    {"oldValue": None, "newValue": f'{{"conditions":{{"users":{{"excludeGroups":["{GROUP}"]}}}}}}'}
                ],
            }
        ],
    }
    held = exchange("on", "none", box())
    return admission.every(
        held,
        entra(access="excluded", directoryAudits=[audit], groups=[{"id": GROUP, "displayName": "Printers"}]),
        now=AT,
    )


def test_an_open_door_names_the_exception_that_it_is_owed_to_with_since_when_and_who() -> None:
    why = str(views.reasons(excluded()).rows[0][-1])
    assert (
        "“No passwords” leaves out the group “Printers”, which it is in, since 2026-11-03, by wanda@woodgrove.example"
        in why
    )


def test_the_chain_shows_every_link_in_order_and_marks_the_one_that_decides() -> None:
    (found,) = answers(box(policy="does not let"), access="blocks")
    password, *_ = views.chain(found).views
    text = password.text()
    assert text.splitlines()[0] == "ada@woodgrove.example, SMTP AUTH, Password: closed"
    rules = [line.split("  ")[0] for line in text.splitlines()[2:-1]]
    assert rules == [
        "mailbox",
        "SMTP AUTH switch",
        "account",
        "licence",
        "authentication policy, decides",
        "Microsoft's date",
        "security defaults",
        "Conditional Access",
    ]


@pytest.mark.parametrize(("protocol", "tables"), [("smtp", 3), ("imap", 3), ("pop", 3), ("eas", 2)])
def test_the_chain_has_a_table_for_each_kind_of_sign_in(protocol: admission.Protocol, tables: int) -> None:
    (found,) = answers(box())
    assert len(views.chain(found, protocol).views) == tables


def test_the_contradiction_names_what_the_switch_opens_worst_first_and_the_safe_order() -> None:
    found = answers(
        numbered(1, policy="does not let"),
        numbered(2),
        numbered(3, policy="unread"),
        numbered(4, mailbox="on"),
        tenant="off",
    )
    said, table = views.conflict(admission.conflicts(found)).views
    text = said.text()
    assert text.startswith("Today: “Turn SMTP AUTH off” and “send with OAuth” contradict each other")
    assert "off for 3 mailboxes" in text
    assert "to passwords too on 1, and on 1 that cannot be known; on 1 something else keeps them out" in text
    assert "Conditional Access alone keeps none out" in text
    assert "1 mailbox takes a password today" in text
    assert [line.strip() for line in text.splitlines()[-7:]] == [
        f"{number}. {step}" for number, step in enumerate(admission.ORDER, start=1)
    ]
    assert [line.split("  ")[0] for line in table.text().splitlines()[2:]] == [
        "p2@woodgrove.example",
        "p3@woodgrove.example",
        "p1@woodgrove.example",
    ]


def test_where_conditional_access_alone_stops_a_password_the_row_says_that_it_is_no_lock() -> None:
    found = admission.conflicts(answers(numbered(1), tenant="off", access="blocks"))
    text = " ".join(views.conflict(found).views[1].text().split())
    assert "opens the door to passwords" in text
    assert "on its own no lock" in text


def test_where_nothing_is_shut_there_is_no_contradiction() -> None:
    said, table = views.conflict(admission.conflicts(answers(box()))).views
    assert said.text().startswith("Good to know: Nothing stands in the way of OAuth")
    assert table.text().endswith("None.")


def test_hygiene_shows_what_to_do_only_where_there_is_something() -> None:
    held: Organization = exchange("on", "none", box(licensed=False))
    rows = {str(row[0]): row for row in views.hygiene(hygiene.matters(held, entra())).rows}
    assert rows["Licences"][1:4] == (
        Badge("wrong", "warn"),
        "1 of 1 mailbox: a person's, and without a licence",
        ["ada@woodgrove.example"],
    )
    assert rows["Sign-in to shared mailboxes"][3:] == (None, "")


def test_what_comes_from_outside_is_escaped_everywhere() -> None:
    access = [{**records("blocks")[0], "displayName": HOSTILE}]
    held = exchange("off", "none", box(address=HOSTILE, licensed=False, kind="SharedMailbox"))
    directory = entra(conditionalAccess=access)
    found = admission.every(held, directory, now=AT)
    shown = [
        *views.effective(found).views,
        *views.chain(found[0]).views,
        *views.conflict(admission.conflicts(found)).views,
        views.hygiene(hygiene.matters(held, directory)),
    ]
    pages = "".join(each.html() for each in shown)
    assert "&lt;script&gt;" in pages
    assert "<script" not in pages
