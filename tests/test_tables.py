"""Spreadsheets: what a person opens in Excel, and what a stranger wrote into it."""

import csv
import io
from dataclasses import replace

import pytest

from mailauth import evidence, tables
from mailauth.cases import Case
from tests import schemed
from tests.case_invented import SCANNER, TENANT, case, decided, find, mail, report

DAILY = [mail(ago=ago) for ago in range(1, 20)]
NAMES = [
    *("senders", "attention", "users", "protocols", "apps", "results", "trend", "activesync", "adoption", "reported"),
    *("attacks", "deadlines", "coverage"),
]


def rows(made: Case, name: str) -> list[dict[str, str]]:
    """Return a table as a spreadsheet reads it."""
    return list(csv.DictReader(io.StringIO(tables.of(evidence.findings(made))[name].decode("utf-8-sig"), newline="")))


def test_every_table_is_there_for_every_tenant() -> None:
    empty = tables.of(evidence.findings(case(found=find(held=False))))

    assert list(empty) == NAMES
    assert all(content.count(b"\r\n") == 1 for name, content in empty.items() if name != "coverage")
    assert b"No mail report was imported" in empty["coverage"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_opens_in_excel_as_it_is(name: str) -> None:
    content = tables.of(evidence.findings(case(DAILY, [report(f"{SCANNER} Basic 3")])))[name]
    body = content.removeprefix(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(body.decode(), newline="")))

    assert body != content
    assert body.count(b"\n") == body.count(b"\r\n") == len(read)
    assert len({len(row) for row in read}) == 1


def test_a_sender_stands_with_its_decision() -> None:
    own = decided(f"senders:\n  - {{user: {SCANNER}, owner: J. Ward, due: 2026-12-04}}\n")
    (row,) = rows(case(DAILY, own=own), "senders")

    assert (row["User"], row["Network"], row["Known site"]) == (SCANNER, "203.0.113.10", "yes")
    assert (row["Days active"], row["Successes"], row["Owner"], row["Due"]) == ("19", "38", "J. Ward", "2026-12-04")
    assert (row["First seen (UTC)"], row["Last seen (UTC)"]) == ("2026-11-04T08:00:00Z", "2026-11-22T09:00:00Z")


def test_numbers_stay_numbers_and_text_is_quoted() -> None:
    line = tables.of(evidence.findings(case(DAILY)))["protocols"].decode("utf-8-sig").splitlines()[1]

    assert line == '"SMTP AUTH",1,1,38,0,0,0,"2026-11-22T09:00:00Z"'


@pytest.mark.parametrize(
    "agent",
    ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\u200b=1", "\uff1d1", 'a";=1', "x; =1", "\x00=1"],
)
def test_no_cell_is_a_formula_whatever_a_stranger_sends(agent: str) -> None:
    hostile = mail(user=agent.strip() or "x", user_agent=agent, app=agent, country=agent, client_app=agent)
    made = tables.of(evidence.findings(case([hostile], [report(f"{SCANNER} Basic 3")])))

    for content in made.values():
        text = content.decode("utf-8-sig")
        assert "\0" not in text
        for separator in ",;":
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
                assert not any(
                    cell.lstrip(" \"'").startswith(("=", "+", "@", "\uff1d")) and cell[:1] != "'" for cell in row
                )


def test_a_string_of_five_megabytes_is_cut_and_half_a_character_is_written() -> None:
    long = case([mail(user_agent="A" * 5_000_000), mail("b@woodgrove.example", user_agent="\ud83d")])
    made = tables.of(evidence.findings(long))

    assert len(made["senders"]) < 100_000
    assert b'"?"' in made["senders"]


def test_an_attack_is_in_a_table_of_its_own() -> None:
    attack = mail("sprayed@woodgrove.example", network="", result="50126", networks=40, sign_ins=500, step="")
    made = case([*DAILY, attack])

    assert [row["User"] for row in rows(made, "attacks")] == ["sprayed@woodgrove.example"]
    assert [row["User"] for row in rows(made, "senders")] == [SCANNER]


def test_a_stranger_is_in_the_table_that_cannot_wait() -> None:
    made = case([*DAILY, mail("dora@woodgrove.example", network="192.0.2.66", country="BR", risk="high")])

    assert [row["User"] for row in rows(made, "attention")] == [each.group.user for each in made.findings.attention]
    assert rows(made, "attention")[0]["User"] == "dora@woodgrove.example"


def test_the_report_is_a_table_that_says_what_only_it_knows() -> None:
    made = case(DAILY, [report(f"{SCANNER} Basic 40", "reception@woodgrove.example Basic 3")])
    first, second = rows(made, "reported")

    assert (first["Sender address"], first["Seen in sign-ins"]) == ("reception@woodgrove.example", "no")
    assert first["Note"].startswith("Only the mail report knows this address")
    assert (second["Seen in sign-ins"], second["Messages with a password"], second["Old TLS"]) == ("yes", "40", "no")


def test_phones_tokens_and_days_have_their_tables() -> None:
    made = case([*DAILY, mail("phone@woodgrove.example", client_app="Exchange ActiveSync", step="certificate", ago=3)])

    assert [row["User"] for row in rows(made, "activesync")] == ["phone@woodgrove.example"]
    assert [row["User"] for row in rows(made, "adoption")] == ["ada@woodgrove.example"]
    assert len([row for row in rows(made, "trend") if row["Protocol"] == "SMTP AUTH"]) == 19
    assert {row["User"] for row in rows(made, "users")} == {SCANNER, "phone@woodgrove.example"}
    assert rows(made, "apps")[0]["App"] == "Office 365 Exchange Online"
    assert rows(made, "results")[0]["Sign-ins"] == "40"


def test_coverage_is_a_table_with_every_record() -> None:
    made = case(DAILY, tenant=replace(TENANT, name="woodgrove"))

    assert [row["What"] for row in rows(made, "coverage")] == [each.what for each in made.coverage]


def test_a_deadline_that_touches_the_tenant_is_listed() -> None:
    made = case(DAILY)

    assert [row["What"] for row in rows(made, "deadlines")] == [each.title for each in made.deadlines] != []


REPORTED = {
    *("stops", "actions", "progress", "runs", "answers", "doors", "proofs", "credentials", "openings", "sources"),
}


def test_a_report_has_tables_of_what_its_page_shows() -> None:
    made = tables.of(schemed.made("report", lambda path, _: f"={path}"))
    stops = next(csv.DictReader(io.StringIO(made["stops"].decode("utf-8-sig"), newline="")))

    assert set(made) == REPORTED
    assert {name for name, content in made.items() if content.count(b"\r\n") == 2} == REPORTED
    assert stops["Owner"] == "'=data.stops[].owner"
    assert stops["What stops"].startswith("Ours: =data.stops[].what:person=data.stops[].what:address")
    assert not any(b'"=' in content or b"{" in content for content in made.values())


def test_a_tables_name_is_one_records_own() -> None:
    records = [schemed.made(name, lambda path, _: path) for name in ("report", "attempts")]
    names = [*NAMES, *(name for record in records for name in tables.of(record))]

    assert len(names) == len(set(names))
