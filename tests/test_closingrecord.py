"""What notebook 60's evidence tells the next look."""

from datetime import timedelta
from typing import Any

from mailauth import closingrecord
from tests.closings import DAY, NOW, known


def record(*, smtp_off: bool | None = True, ada: str = "on", **data: Any) -> dict[str, Any]:
    """Return what the evidence of yesterday holds of switches."""
    boxes = {"ada": ada, "canary": "on", "bob": "inherit"}
    settings = {
        "smtp_off": smtp_off,
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
    assert closingrecord.remembering(told, None) is told
