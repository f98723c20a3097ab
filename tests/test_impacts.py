"""What each date breaks in a tenant: named where seen, held off where a setting does, unknown where nobody read."""

from datetime import date
from typing import Any

import pytest

from mailauth import deadlines, evidence, impacts
from mailauth.impacts import Impact
from tests.case_invented import NOW, SCANNER, case, decided, find, mail

TODAY = NOW.date()
APP = "aaaaaaaa-0000-4000-8000-00000000000e"
SCANS = [mail(ago=ago) for ago in range(1, 20)]
PHONE = mail("ada@woodgrove.example", client_app="Exchange ActiveSync", step="certificate", ago=3)
ROOM = mail("room@woodgrove.example", client_app="Exchange Web Services", ago=3)


def settings(**more: Any) -> dict[str, Any]:
    return {"ews": "unknown", "ews_apps": None, "access": [], **more}


def waiting(day: str | None = "2026-12-12T00:00:00Z") -> dict[str, Any]:
    return {"managed": True, "switches_on": day}


def of(*rows: Any, held: dict[str, Any] | None = None, today: date = TODAY, **more: Any) -> dict[str, Impact]:
    found = evidence.findings(case(rows, **more))["data"]
    return {each.deadline.id: each for each in impacts.of(deadlines.built_in(), found, held, today=today)}


def test_what_was_seen_is_named_and_what_was_not_is_no_promise() -> None:
    found = of(*SCANS, PHONE)

    default, phones = found["smtp-auth-default-off"], found["activesync-certificate"]
    assert (default.state, default.accounts, default.said.plain()) == ("breaks", (SCANNER,), f"Touches {SCANNER}.")
    assert (phones.state, phones.accounts) == ("breaks", ("ada@woodgrove.example",))
    assert found["powershell-credential"].state == "nothing seen"
    assert "may be in no record" in found["powershell-credential"].said.plain()


def test_a_date_that_turns_on_what_no_record_holds_is_unknown() -> None:
    phones = of(PHONE)["activesync-16-1"]

    assert (phones.state, phones.accounts) == ("unknown", ("ada@woodgrove.example",))
    assert (
        phones.said.plain()
        == "Touches ada@woodgrove.example; no record says which ActiveSync version the phone speaks."
    )


def test_without_records_everything_is_unknown() -> None:
    nobody = impacts.of(deadlines.built_in(), None, None, today=TODAY)
    unread = of(found=find(held=False))

    assert {each.state for each in nobody} == {"unknown"}
    assert {each.state for each in unread.values()} == {"unknown"}


@pytest.mark.parametrize(
    ("held", "off", "end", "said"),
    [
        pytest.param(None, "unknown", "unknown", "EwsEnabled was not read here", id="not read"),
        pytest.param({}, "unknown", "unknown", "EwsEnabled was not read here", id="an earlier version's evidence"),
        pytest.param(settings(ews="inherit"), "unknown", "unknown", "sets it to false when", id="empty"),
        pytest.param(settings(ews="off"), "breaks", "breaks", "are off here. Passwords were tried", id="off"),
        pytest.param(settings(ews="on", ews_apps=[APP]), "held off", "breaks", f"Allowed: {APP}.", id="listed"),
        pytest.param(settings(ews="on", ews_apps=[]), "unknown", "breaks", "allowed apps is empty.", id="none listed"),
        pytest.param(settings(ews="on"), "unknown", "breaks", "allowed apps was not read.", id="list not read"),
    ],
)
def test_the_tenants_switch_and_list_decide_about_ews(held: Any, off: str, end: str, said: str) -> None:
    held = {"access": None} if held == {} else held
    found = of(ROOM, held=held)

    assert (found["ews-off"].state, found["ews-end"].state) == (off, end)
    assert said in found["ews-off"].said.plain()


@pytest.mark.parametrize(
    ("access", "state", "said"),
    [
        pytest.param(None, "unknown", "was not read", id="not read"),
        pytest.param([], "nothing seen", "No policy that Microsoft made waits", id="none"),
        pytest.param([waiting(None)], "nothing seen", "No policy that Microsoft made waits", id="on already"),
        pytest.param(
            [waiting(), waiting("2026-12-05T00:00:00Z")],
            "breaks",
            f"only report may switch on from 5 December 2026, the first of them. Stops {SCANNER}, unless",
            id="two wait",
        ),
    ],
)
def test_policies_that_switch_themselves_on_are_told_with_their_day(access: Any, state: str, said: str) -> None:
    found = of(*SCANS, held=settings(access=access))["managed-policies"]

    assert found.state == state
    assert said in found.said.plain()


def test_the_end_of_passwords_for_high_volume_email_touches_who_took_that_road() -> None:
    own = decided(f"senders: [{{user: {SCANNER}, action: hve}}]")

    assert of(*SCANS)["hve-password"].state == "nothing seen"
    assert of(*SCANS, own=own)["hve-password"].accounts == (SCANNER,)


def test_many_accounts_are_counted_beyond_the_first_three() -> None:
    rows = [mail(f"scan{n}@woodgrove.example", ago=ago) for n in range(5) for ago in range(1, 9)]

    assert of(*rows)["smtp-auth-default-off"].said.plain().endswith("scan2@woodgrove.example and 2 more.")


def test_a_look_and_its_evidence_say_the_same() -> None:
    about = case([*SCANS, PHONE, ROOM], own=decided(f"senders: [{{user: {SCANNER}, action: hve}}]"))

    told = impacts.of(deadlines.built_in(), evidence.findings(about)["data"], None, today=TODAY)
    assert impacts.of_case(about, today=TODAY) == told
