"""A newer file of dates: what it may hold, how it is complained about, which one counts, and that a run uses it."""

from datetime import date
from pathlib import Path

import pytest

from mailauth import deadlines, evidence, reference, session, standing, tenants
from mailauth.errors import ConfigurationError
from mailauth.findings import Headline
from mailauth.services import calendars, store
from mailauth.tenants import Tenant

OWN = reference.text("deadlines")
TODAY = date(2026, 12, 1)


def newer(day: str = "2026-12-01", text: str = OWN) -> str:
    return text.replace("read = 2026-11-23", f"read = {day}").replace(
        "end of December 2026, no day", "29 January 2027, a"
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    store.private_folder(store.home())
    return store.home()


def tenant(folder: Path, more: str = "") -> Tenant:
    text = f"tenants: [{{name: woodgrove, tenant_id: woodgrove.example{more}}}]\n"
    return tenants.load_text(text, folder / "tenants.yaml").tenant("woodgrove")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        pytest.param(
            "day = 2026-12-31", 'day = "31.12."', r"deadline\[4\].day: found '31.12.'; expected a date", id="day"
        ),
        pytest.param("day = 2026-12-31", "day = 5", r"deadline\[4\].day: found 5; expected a date", id="a number"),
        pytest.param(
            '["smtp-password"]', '["fax"]', r"touches\[0\]: found 'fax'; expected one of smtp-password", id="kind"
        ),
        pytest.param(
            'confidence = "high"', 'confidence = "sure"', r"found 'sure'; expected one of high, medium", id="sure"
        ),
        pytest.param('id = "smtp-auth-final"', 'id = "ews-end"', "found 'ews-end', which line ", id="twice"),
        pytest.param(
            'id = "smtp-auth-final"', 'id = "later"', "smtp-auth-final missing; expected each of", id="lacks one"
        ),
        pytest.param("day = 2026-07-31\n", "", r"deadline\[2\].day: missing; expected a date, the last", id="no day"),
        pytest.param('mark = ""', 'color = "red"', "color: unknown key; expected one of id, title", id="unknown key"),
        pytest.param(
            "read = 2026-11-23",
            "read = 2027-01-01",
            "line [0-9]+: read: found 2027-01-01; expected a day",
            id="to come",
        ),
        pytest.param("read = 2026-11-23", "read =", "line [0-9]+: not TOML: ", id="no TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        deadlines.parse(OWN.replace(old, new, 1), "dates.toml", today=TODAY)

    assert str(caught.value).startswith("dates.toml line ")


def test_the_line_is_that_of_the_field() -> None:
    text = 'read = 2026-11-23\n\n[[deadline]]\nid = "a"\nwhen = ""\n'

    with pytest.raises(ConfigurationError, match=r"dates.toml line 5: deadline\[0\].when: found ''; expected text"):
        deadlines.parse(text, "dates.toml")


def test_the_newest_file_counts_and_says_so(tmp_path: Path, home: Path) -> None:
    (home / calendars.NAME).write_text(newer("2026-11-30"), "utf-8")
    (tmp_path / "mine.toml").write_text(newer("2026-12-01"), "utf-8")

    held = calendars.read(tenant(tmp_path, ", calendar: mine.toml"), today=TODAY)

    assert (held.origin, held.get("smtp-auth-default-off").when) == ("mine.toml", "29 January 2027, a published")
    assert held.said.plain() == (
        "The dates are from mine.toml, as read from their sources on 1 December 2026. "
        "deadlines.toml was ignored: it was read on 30 November 2026, no later than those from mine.toml."
    )


def test_an_older_file_is_ignored_and_that_is_said(tmp_path: Path, home: Path) -> None:
    (home / calendars.NAME).write_text(newer("2026-10-01"), "utf-8")

    held = calendars.read(tenant(tmp_path), today=TODAY)

    assert held.entries == deadlines.known()
    assert held.said.plain().endswith(
        "deadlines.toml was ignored: it was read on 1 October 2026, no later than those that ship with this version."
    )


def test_without_a_file_the_built_in_dates_count(tmp_path: Path, home: Path) -> None:
    assert calendars.read(tenant(tmp_path), today=TODAY) == deadlines.built_in()


def test_a_wrong_file_stops_nobody_and_is_named(tmp_path: Path, home: Path) -> None:
    (tmp_path / "mine.toml").write_text(OWN.replace("read = 2026-11-23", "read = soon"), "utf-8")
    about = tenant(tmp_path, ", calendar: mine.toml")

    with pytest.raises(ConfigurationError, match=r"mine\.toml line "):
        calendars.read(about, today=TODAY)
    held = calendars.used(about, today=TODAY)

    assert held.entries == deadlines.known()
    assert "mine.toml was not used: mine.toml line " in held.said.plain()


def test_a_file_that_is_named_and_not_there_is_missed(tmp_path: Path, home: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file; expected a file of dates"):
        calendars.read(tenant(tmp_path, ", calendar: mine.toml"), today=TODAY)


def test_a_run_goes_by_the_file_of_its_tenant(tmp_path: Path, home: Path) -> None:
    config = tmp_path / "tenants.yaml"
    config.write_text(
        "tenants: [{name: woodgrove, tenant_id: woodgrove.example}]\ndefaults: {calendar: mine.toml}\n", "utf-8"
    )
    (tmp_path / "mine.toml").write_text(newer("2026-11-24"), "utf-8")

    run = session.open("woodgrove", config=str(config), out=str(tmp_path / "out"))
    case = run.find()
    checks = {each.name: each for each in run.look_here()}

    assert run.tenant.calendar.origin == "mine.toml"
    assert evidence.findings(case)["data"]["calendar"] == {"read": "2026-11-24", "file": "mine.toml"}
    assert "29 January 2027" in case.tenant.calendar.get("smtp-auth-default-off").when
    assert (checks["dates"].outcome, checks["dates"].found[:29]) == ("ok", "The dates are from mine.toml,")


def test_the_first_sentence_goes_by_the_calendar() -> None:
    moved = deadlines.parse(OWN.replace("day = 2026-12-31", "day = 2027-01-29", 1), "dates.toml")
    numbers = Headline(senders=1, accounts=1, certificate_users=2)

    assert standing.what_ends(numbers, TODAY, moved) == (
        "One sender will stop sending mail when Microsoft switches off password sign-in on 29 January 2027; mail on "
        "the phones of two accounts that sign in with a certificate stops with 2026."
    )
    assert standing.what_ends(numbers, date(2027, 2, 1), moved).startswith(
        "One sender signed in with a password, which Microsoft switches off since 29 January 2027; two accounts signed "
        "in to ActiveSync with a certificate, which ends since the end of December 2026."
    )
