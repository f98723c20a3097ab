"""What notebook 60's evidence tells the next look."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from mailauth import closingrecord
from mailauth.closable import Known
from mailauth.closingrecord import Look
from mailauth.organization import Organization
from mailauth.waves import Record
from tests.closings import DAY, NOW, POLICY, box, closed_organization, known, made, tenant


def record(*, smtp_off: bool | None = True, ada: str = "on", **data: Any) -> dict[str, Any]:
    """Return what the evidence of yesterday holds of switches."""
    boxes = {"ada": ada, "canary": "on", "bob": "inherit"}
    settings = {
        "smtp_off": smtp_off,
        "policies": [{"name": POLICY, "smtp": False}, {"name": "Lax", "smtp": True}],
        "mailboxes": [{"address": f"{name}@w.example", "smtp": smtp, "policy": ""} for name, smtp in boxes.items()],
    }
    held = {"looked": f"{NOW - DAY:%Y-%m-%dT%H:%M:%SZ}", "since": [], "flipped": [], "settings": settings}
    return {"made_at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}", "data": {**held, **data}}


def test_what_stands_as_before_was_flipped_by_nobody_and_what_was_seen_before_is_kept() -> None:
    moments = [{"address": "ada@w.example", "since": "2026-11-20T12:00:00Z"}]
    told = closingrecord.remembering(known(), record(since=moments, flipped=moments))
    assert told.looked == NOW - DAY
    assert told.since == told.flipped == {"ada@w.example": NOW - 7 * DAY}


def test_a_switch_that_stands_otherwise_than_in_the_evidence_was_flipped_at_this_look() -> None:
    for found, place in (
        (record(ada="off"), "ada@w.example"),
        (record(smtp_off=False), ""),
        (record(smtp_off=None), ""),
    ):
        assert closingrecord.remembering(known(), found).flipped == {place: NOW}


def test_evidence_of_before_that_was_kept_still_counts() -> None:
    found = record(ada="off")
    del found["data"]["looked"], found["data"]["flipped"]
    found["made_at"] = f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    told = closingrecord.remembering(known(), found)
    assert (told.looked, dict(told.flipped)) == (NOW - timedelta(hours=1), {"ada@w.example": NOW})


def test_without_evidence_nothing_is_remembered() -> None:
    told = known()
    assert closingrecord.remembering(told, None) == replace(told, loose=None)


def written(told: Known, before: Record | None = None) -> Any:
    look = Look(told, made(told))
    return closingrecord.record(tenant(), look, look.waves[0], made_at=NOW, before=before)


def test_a_look_that_cannot_know_makes_nothing_that_was_changed_the_right_state() -> None:
    """Only who closes a wave anew, or says so, has a watch compare with what stands today."""
    first = written(known())
    other = known(closed_organization(policies={POLICY: False, "Shut": False}, default_policy="Shut"))
    dark = written(replace(other, findings=None), first)
    again = written(other, dark)
    words = [[wave["word"] for wave in each["data"]["waves"]] for each in (first, dark, again)]
    assert words == [["closed", "closed"], ["cannot know", "cannot know"], ["closed", "closed"]]
    assert again["data"]["settings"]["default_policy"] == "Shut"
    assert again["data"]["as_closed"] == first["data"]["settings"]
    opened = written(replace(other, proofs=()), again)
    assert opened["data"]["closed"] == []
    assert written(other, opened)["data"]["as_closed"]["default_policy"] == "Shut"
    del again["data"]["closed"]
    assert written(other, again)["data"]["as_closed"] == first["data"]["settings"]


def rows(address: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"address": address, "since": "2026-11-20T12:00:00Z", **fields}]


def test_a_mailbox_is_known_by_its_id_where_it_has_another_address_and_another_one_has_its_own() -> None:
    """A new mailbox under a freed address inherits nothing of the one before."""
    ada = box("ada", guid="id-1", addresses=("ada@w.example", "old@w.example"))
    held = known(Organization(mailboxes=(ada, box("bob", guid="id-2"))))
    for found, expected in (
        (rows("gone@w.example", id="id-1"), {"ada@w.example"}),
        (rows("bob@w.example", id="id-1"), {"ada@w.example"}),
        (rows("bob@w.example", id="id-9"), set()),
        (rows("gone@w.example", id="id-9"), {"gone@w.example"}),
        (rows("old@w.example"), {"ada@w.example"}),
        (rows(""), {""}),
    ):
        assert set(closingrecord.remembering(held, record(since=found)).since) == expected


def test_who_had_a_policy_that_takes_passwords_is_remembered_as_such() -> None:
    found = record()
    for each, policy in zip(found["data"]["settings"]["mailboxes"], ("Lax", POLICY, None), strict=True):
        each["policy"] = policy
    assert closingrecord.remembering(known(), found).loose == frozenset({"ada@w.example", "bob@w.example"})
    found["data"]["settings"]["mailboxes"] = None
    assert closingrecord.remembering(known(), found).loose is None
