"""The window that requests, messages and recipients are counted in."""

from datetime import UTC, datetime, timedelta

from practice.windows import Window

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def full(*seconds: float) -> Window:
    """Return a window in which one was counted at each of *seconds* after noon."""
    window = Window()
    for one in seconds:
        window.count(after(one))
    return window


def test_a_window_holds_so_many_and_says_when_the_next_one_fits() -> None:
    assert full(0).wait_s(after(10), MINUTE, 2) == 0
    assert full(0, 5).wait_s(after(10), MINUTE, 2) == 50
    assert full(0, 5).wait_s(after(59.9), MINUTE, 2) == 1
    assert full(0, 5).wait_s(after(60), MINUTE, 2) == 0


def test_the_wait_ends_when_enough_has_left_for_all_that_is_to_come() -> None:
    window = Window()
    window.count(after(0), 3)
    window.count(after(20), 4)
    assert window.wait_s(after(30), MINUTE, 10, 3) == 0
    assert window.wait_s(after(30), MINUTE, 10, 6) == 30
    assert window.wait_s(after(30), MINUTE, 10, 7) == 50
    assert window.wait_s(after(70), MINUTE, 10, 6) == 0


def test_what_never_fits_waits_for_the_whole_span() -> None:
    assert Window().wait_s(NOON, MINUTE, 0) == 60
    assert full(0).wait_s(after(10), MINUTE, 5, 6) == 60


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    window = full(0, 3600, 3601)
    assert window.wait_s(after(10), MINUTE, 2) == 0
    window.count(after(10))
    assert window.wait_s(after(11), MINUTE, 2) == 49, "what was before it is still counted"
    late = full(3600)
    late.count(after(0))
    assert late.wait_s(after(1), MINUTE, 2) == 0
    assert late.wait_s(after(61), MINUTE, 1) == 0
