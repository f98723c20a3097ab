"""The admin center's report: whatever its header is called, and whatever is wrong in it."""

import re
from datetime import UTC, date, datetime

import pytest

from mailauth import smtp_report
from mailauth.smtp_report import ReportRow

HEADER = "Sender address,Domain,Authentication Protocol,TLS 1.0,TLS 1.1,TLS 1.2,Messages sent"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(HEADER, id="as the view shows it"),
        pytest.param("Sender address,Domain,TLS 1.0 (percentage),TLS 1.1,TLS 1.2,Messages sent", id="before OAuth"),
        pytest.param("Sender address,TLS1.0%,TLS1.1%,TLS1.2%,Message count", id="the older report"),
        pytest.param("\ufeffSENDER, authentication_protocol ,Messages", id="case, blanks, marks"),
        pytest.param("SenderAddress,AuthProtocol,MessageCount,TLSVersion,Date", id="programmer's names"),
    ],
)
def test_the_report_is_recognised_by_its_columns(header: str) -> None:
    assert smtp_report.looks_like(header.split(","))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Date (UTC),Request ID,User,Client app,Status", id="sign-ins"),
        pytest.param("Sender address,Recipient address,Subject,TLS,Count", id="message trace"),
        pytest.param("Sender address,Messages sent", id="nothing about how"),
        pytest.param("", id="empty"),
    ],
)
def test_other_tables_are_not_taken_for_it(header: str) -> None:
    assert not smtp_report.looks_like(header.split(","))


def test_each_line_is_an_address_and_how_it_sends() -> None:
    text = f"""{HEADER}
Scanner@Woodgrove.example,woodgrove.example,Basic,0%,0%,100%,412
reports@woodgrove.example,woodgrove.example,OAuth,0%,0%,100%,"1,038"
reports@woodgrove.example,woodgrove.example,Basic,12.5%,0%,87.5%,8
"""

    report = smtp_report.parse(text, "report.csv")

    assert report.rows == (
        ReportRow("reports@woodgrove.example", "basic", 8, old_tls=True),
        ReportRow("reports@woodgrove.example", "oauth", 1038, old_tls=False),
        ReportRow("scanner@woodgrove.example", "basic", 412, old_tls=False),
    )
    assert report.problems == ()


@pytest.mark.parametrize(
    ("spelled", "read"),
    [
        ("Basic", "basic"),
        ("BASIC AUTH", "basic"),
        ("OAuth 2.0", "oauth"),
        ("XOAUTH2", "oauth"),
        ("", "unknown"),
        ("Kerberos", "unknown"),
    ],
)
def test_authentication_is_read_in_several_spellings(spelled: str, read: str) -> None:
    report = smtp_report.parse(f"Sender,Authentication,Messages\na@b.example,{spelled},1\n", "r.csv")

    assert report.rows[0].authentication == read
    assert bool(report.problems) == (spelled == "Kerberos")
    assert ("does not say how 1 message was sent" in report.coverage.reason) == (read == "unknown")


@pytest.mark.parametrize(("text", "count"), [("7", 7), ("1.204", 1204), ("12 000", 12000), ("1\u202f000", 1000)])
def test_thousands_are_read_in_any_countrys_manner(text: str, count: int) -> None:
    report = smtp_report.parse(f'Sender;Authentication;Messages\na@b.example;Basic;"{text}"\n', "r.csv")

    assert report.rows[0].messages == count


def test_lines_that_cannot_be_read_are_named_and_the_rest_is_used() -> None:
    text = f"{HEADER}\nnobody,,Basic,,,,3\n\na@b.example,b.example,Basic,,,,many\nc@b.example,b.example,Basic,,,,5\nd@b"

    report = smtp_report.parse(text, "r.csv")

    assert [row.address for row in report.rows] == ["c@b.example"]
    assert report.lost == 3
    assert report.problems == (
        "r.csv line 2: the sender address is 'nobody'; the line was left out.",
        "r.csv line 4: the number of messages is 'many'; the line was left out.",
        "r.csv line 6: the number of messages is empty; the line was left out.",
    )
    assert report.coverage.lost == 3
    assert "3 lines could not be read." in report.coverage.reason


def test_hostile_text_in_a_problem_is_shown_by_name_and_cut() -> None:
    report = smtp_report.parse(f"{HEADER}\n\u202e{'x' * 5000},,Basic,,,,3\n", "r.csv")

    assert "[U+202E]" in report.problems[0]
    assert len(report.problems[0]) < 200


@pytest.mark.parametrize("text", ["", "\n\n", "a,b,c\n1,2,3\n", "\x00\x01\x02"])
def test_a_file_without_the_header_is_no_report_and_says_what_would_be_right(text: str) -> None:
    report = smtp_report.parse(text, "x.csv")

    assert not report.readable
    assert report.coverage.state == "absent"
    assert re.match(
        r"x\.csv line \d: found .*; expected the columns of the report SMTP AUTH clients", report.coverage.reason
    )


def test_a_file_of_another_kind_is_not_named_line_by_line_for_ever() -> None:
    report = smtp_report.parse(f"{HEADER}\n" + "x\n" * 5_000, "x.csv")

    assert len(report.problems) == 50
    assert report.lost == 5_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_are_read_as_spreadsheet_programs_write_them(encoding: str) -> None:
    content = f"sep=;\r\n{HEADER.replace(',', ';')}\r\nzoë@b.example;b;Basic;0;0;100;3\r\n".encode(encoding)

    report = smtp_report.parse(smtp_report.decode(content), "r.csv")

    assert [row.address for row in report.rows] == ["zoë@b.example"]
    assert report.problems == ()


def test_without_dates_nobody_can_say_which_days_the_file_covers() -> None:
    report = smtp_report.parse(f"{HEADER}\na@b.example,b.example,Basic,0%,0%,100%,3\n", "r.csv")

    assert report.window is None
    assert report.coverage.state == "partial"
    assert "does not say which days it covers: 7 unless more were chosen, 90 at most" in report.coverage.reason


def test_dates_are_used_where_a_file_has_them() -> None:
    text = """Sender,Authentication Protocol,Date,Messages
a@b.example,Basic,2026-09-01,3
a@b.example,Basic,2026-11-20T00:00:00Z,4
a@b.example,Basic,5/6/2026,1
"""

    report = smtp_report.parse(text, "r.csv")

    assert report.rows == (ReportRow("a@b.example", "basic", 8, date(2026, 9, 1), date(2026, 11, 20)),)
    assert report.window is not None
    assert (report.start, report.end) == (
        datetime(2026, 9, 1, tzinfo=UTC),
        datetime(2026, 11, 21, tzinfo=UTC),
    )
    assert report.coverage.state == "complete"


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2026-02-30", "=1"])
def test_a_day_that_cannot_be_is_no_day(day: str) -> None:
    report = smtp_report.parse(f"Sender,Authentication Protocol,Date,Messages\na@b.example,Basic,{day},3\n", "r.csv")

    assert (report.window, report.coverage.state) == (None, "partial")


def test_a_report_from_before_the_authentication_column_says_so() -> None:
    report = smtp_report.parse("Sender address,TLS 1.2,Messages sent\na@b.example,100,3\n", "r.csv")

    assert report.rows == (ReportRow("a@b.example", "unknown", 3, old_tls=False),)
    assert "password and OAuth cannot be told apart" in report.coverage.reason
