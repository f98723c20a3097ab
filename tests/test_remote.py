from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailauth.services import remote

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        pytest.param("string", None, "", id="no text is empty text"),
        pytest.param("string", 7, "7", id="a number in a text column"),
        pytest.param("long", None, None, id="no number"),
        pytest.param("long", 7.0, 7, id="a whole number"),
        pytest.param("real", 7.5, 7.5, id="a fraction"),
        pytest.param("bool", 1, True, id="a flag"),
        pytest.param("datetime", NOON.replace(tzinfo=None), NOON, id="a time without a zone"),
        pytest.param("datetime", NOON.astimezone(timezone(timedelta(hours=2))), NOON, id="a time in another zone"),
    ],
)
def test_a_clients_value_becomes_a_plain_one_of_its_columns_type(kind: str, value: object, expected: object) -> None:
    found = remote.plain(kind, value)
    assert (found, type(found)) == (expected, type(expected))
    assert not isinstance(found, datetime) or found.tzinfo is UTC
