from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from mailauth.services import live
from mailauth.services.ledger import Ledger

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def test_days_are_those_that_a_span_touches_and_none_where_it_is_empty() -> None:
    assert live.days(NOON, NOON + timedelta(hours=12)) == [date(2026, 11, 3)]
    assert live.days(NOON, NOON + timedelta(hours=13)) == [date(2026, 11, 3), date(2026, 11, 4)]
    assert live.days(NOON, NOON) == live.days(NOON, NOON - timedelta(hours=1)) == []


def test_what_is_no_record_is_left_out_of_a_page() -> None:
    assert live.records({"value": [{"id": "1"}, "2", None]}) == [{"id": "1"}]
    assert live.records({"value": "none"}) == live.records({}) == []


def test_the_last_day_reaches_no_further_than_it_had_come_when_it_was_read() -> None:
    day, late = date(2026, 11, 3), NOON + timedelta(days=5)
    told = [
        live.reach("sign-ins", "complete", "graph", [day], {day: read_at}, lost=0, reason="", remedy="")
        for read_at in (NOON, late)
    ]
    assert [record.end for record in told] == [NOON, datetime(2026, 11, 4, tzinfo=UTC)]
    assert live.reach("sign-ins", "absent", "graph", [], {}, lost=0, reason="None.", remedy="").end is None


def test_a_day_counts_for_several_passes_when_each_has_read_it_from_the_earliest_reading_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.json", "tenant")
    day, other = date(2026, 11, 1), date(2026, 11, 2)
    ledger.read("imap", day, NOON, sampled=False)
    ledger.read("imap", other, NOON, sampled=False)
    ledger.read("pop", day, NOON - timedelta(hours=3), sampled=False)
    assert ledger.shared(["imap", "pop"]) == {day: NOON - timedelta(hours=3)}
    assert ledger.shared([]) == {}
