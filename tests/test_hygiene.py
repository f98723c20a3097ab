"""mailauth.hygiene: each matter found, in order, and not known."""

from dataclasses import replace
from typing import Any

import pytest

from mailauth import conditions, hygiene
from mailauth.conditions import Conditions
from mailauth.hygiene import Matter, Use
from mailauth.organization import SELF, MailboxRight, Organization, Plan, Principal
from tests.admissions import ADA, box, entra, exchange

ADDRESS = "ada@woodgrove.example"
GIGABYTE = 1024**3
OFF = (Plan("Enterprise", imap=False, pop=False),)
ORDERLY: dict[str, Any] = {"copies_sent": False, "used_bytes": GIGABYTE, "quota_bytes": 50 * GIGABYTE}


def looked_at(details: dict[str, Any], directory: Conditions | None = None, **held: Any) -> dict[str, Matter]:
    """Return the matters of an organization with one mailbox, by name."""
    usual: dict[str, Any] = {"plans": OFF, "rights": {ADDRESS: ()}}
    organization = replace(exchange("on", "none", box(**{**ORDERLY, **details})), **{**usual, **held})
    use = Use({ADDRESS: ("imap", "pop")}, days=30)
    found = hygiene.matters(organization, directory or conditions.of({}), use=use)
    return {each.check.name: each for each in found}


def test_a_mailbox_in_order_has_nothing_to_say() -> None:
    found = looked_at({})
    assert len(found) == 7
    assert {each.check.outcome for each in found.values()} == {"ok"}
    assert not any(each.mailboxes or each.unknown for each in found.values())


SHARED = {"kind": "SharedMailbox", "licensed": True}


@pytest.mark.parametrize(
    ("details", "name", "outcome"),
    [
        pytest.param({"used_bytes": 49 * GIGABYTE}, "Room to go on sending", "wrong", id="full"),
        pytest.param({"used_bytes": None}, "Room to go on sending", "cannot know", id="size unread"),
        pytest.param(
            {"used_bytes": 41 * GIGABYTE, "copies_sent": True},
            "Sent Items of mailboxes that SMTP AUTH is on for",
            "wrong",
            id="copies fill it",
        ),
        pytest.param(
            {"copies_sent": None}, "Sent Items of mailboxes that SMTP AUTH is on for", "cannot know", id="copies unread"
        ),
        pytest.param(
            {"used_bytes": 41 * GIGABYTE, "copies_sent": True, "mailbox": "off"},
            "Sent Items of mailboxes that SMTP AUTH is on for",
            "ok",
            id="copies of nothing",
        ),
        pytest.param(SHARED, "Sign-in to shared mailboxes", "wrong", id="a user in disguise"),
        pytest.param({**SHARED, "account_disabled": True}, "Sign-in to shared mailboxes", "ok", id="sign-in blocked"),
        pytest.param({**SHARED, "account_disabled": None}, "Sign-in to shared mailboxes", "cannot know", id="unread"),
        pytest.param({"licensed": False}, "Licences", "wrong", id="no licence"),
        pytest.param({"licensed": None}, "Licences", "cannot know", id="licence unread"),
        pytest.param({"address": "b@woodgrove.example", "upn": ""}, "Protocols that nobody uses", "wrong", id="unused"),
        pytest.param(
            {"address": "b@woodgrove.example", "upn": "", "imap": False, "pop": False},
            "Protocols that nobody uses",
            "ok",
            id="unused and off",
        ),
    ],
)
def test_each_matter_is_found_and_names_the_mailbox(details: dict[str, Any], name: str, outcome: str) -> None:
    matter = looked_at(details)[name]
    assert matter.check.outcome == outcome
    address = details.get("address", ADDRESS)
    assert (matter.mailboxes, matter.unknown) == (
        (address,) if outcome == "wrong" else (),
        (address,) if outcome == "cannot know" else (),
    )
    assert bool(matter.check.remedy) == (outcome != "ok")


def test_a_shared_mailbox_with_a_licence_that_somebody_can_sign_in_to_is_a_user_in_disguise() -> None:
    found = looked_at(SHARED)["Sign-in to shared mailboxes"].check.found
    assert found == (
        "1 of 1 mailbox: shared, and somebody can sign in to the account, 1 of them with a licence: users in disguise"
    )


def test_what_entra_says_of_an_account_comes_before_what_exchange_says() -> None:
    blocked = entra(users=[{"id": ADA, "accountEnabled": False}])
    assert looked_at(SHARED, blocked)["Sign-in to shared mailboxes"].check.outcome == "ok"


@pytest.mark.parametrize(
    ("plans", "outcome", "named"),
    [
        pytest.param((Plan("Id", imap=True, title="Enterprise"), *OFF), "wrong", ("Enterprise",), id="opens IMAP"),
        pytest.param(OFF, "ok", (), id="opens nothing"),
        pytest.param(None, "cannot know", (), id="unread"),
    ],
)
def test_a_plan_that_opens_protocols_for_the_next_hire_is_named(
    plans: tuple[Plan, ...] | None, outcome: str, named: tuple[str, ...]
) -> None:
    matter = looked_at({}, plans=plans)["What the next mailbox gets"]
    assert (matter.check.outcome, matter.mailboxes) == (outcome, named)


APP = Principal(object_id="app", app_id="id", sid="S-1-5-21-7")


def right(trustee: str, **details: Any) -> MailboxRight:
    return MailboxRight(ADDRESS, trustee, ("FullAccess",), **details)


@pytest.mark.parametrize(
    ("rights", "outcome", "unknown"),
    [
        pytest.param({ADDRESS: (right("bob@woodgrove.example"),)}, "cannot know", (ADDRESS,), id="a person"),
        pytest.param({ADDRESS: (right(SELF), right("s-1-5-21-7"))}, "ok", (), id="its owner and an app"),
        pytest.param({ADDRESS: (right("bob@woodgrove.example", deny=True),)}, "ok", (), id="denied"),
        pytest.param({}, "cannot know", (), id="unread"),
    ],
)
def test_automapping_is_never_said_to_be_known(
    rights: dict[str, tuple[MailboxRight, ...]], outcome: str, unknown: tuple[str, ...]
) -> None:
    matter = looked_at({}, rights=rights, principals=(APP,))["Mailboxes that open by themselves in Outlook"]
    assert (matter.check.outcome, matter.unknown) == (outcome, unknown)


def test_without_a_log_nobody_knows_what_is_used() -> None:
    found = hygiene.matters(exchange("on", "none", box()), entra())
    (matter,) = [each for each in found if each.check.name == "Protocols that nobody uses"]
    assert (matter.check.outcome, matter.mailboxes) == ("cannot know", ())


def test_mailboxes_that_were_not_read_are_not_in_order() -> None:
    found = hygiene.matters(Organization(), entra())
    assert {each.check.outcome for each in found} == {"cannot know"}


@pytest.mark.parametrize("left_out", [{"kind": "MailUser"}, {"soft_deleted": True}])
def test_a_mailbox_that_is_elsewhere_or_gone_is_left_out(left_out: dict[str, Any]) -> None:
    assert looked_at({"licensed": False, **left_out})["Licences"].check.outcome == "ok"


def test_only_the_mailboxes_that_are_asked_about_count() -> None:
    held = exchange("on", "none", box(licensed=False), box(address="b@woodgrove.example", upn="b", object_id="b"))
    for only, wanted in ((None, (ADDRESS,)), (["b@woodgrove.example"], ())):
        found = {each.check.name: each for each in hygiene.matters(held, entra(), only=only)}
        assert found["Licences"].mailboxes == wanted
