"""Texts to send: what stands in them, and that a value from outside never begins a line of its own."""

from datetime import date

import pytest

from mailauth import letters
from mailauth.checks import Check
from mailauth.phrases import Named, Phrase, phrase, words

SCANNER = "scanner@woodgrove.example"
LEEDS = phrase("{name} ({ip})", name=Named("place", "Leeds office"), ip=Named("ip", "203.0.113.10"))
HOSTILE = "Mail\nBcc: all@woodgrove.example\r\n\u2028\x00Program"


def lines(text: Phrase) -> list[str]:
    return text.plain().splitlines()


def test_whoever_runs_a_device_is_told_what_it_will_show_and_asked_by_when() -> None:
    text = letters.device_owner(
        words("the scanner"),
        account=SCANNER,
        place=LEEDS,
        last_seen=date(2026, 11, 22),
        questions=(words("Can it sign in with OAuth?"),),
        due=date(2026, 12, 11),
    )

    assert lines(text)[0] == "Subject: Mail from the scanner will stop"
    assert f"password of {SCANNER} from Leeds office (203.0.113.10), last on 22 November 2026." in text.plain()
    assert "535 5.7.139" in text.plain()
    assert "Please tell us by 11 December 2026:\n1. Can it sign in with OAuth?\n" in text.plain()


def test_what_is_not_known_is_not_in_the_letter_and_asked() -> None:
    args: dict[str, None] = {"last_seen": None, "due": None}
    text = letters.device_owner(words("A sender"), account=SCANNER, place=Phrase(), questions=(), **args)

    assert f"password of {SCANNER}.\n" in text.plain()
    assert "by the end of this month:\n1. Which device or program is it, and who looks after it?" in text.plain()


def test_a_maker_is_asked_about_its_product_as_the_tenant_calls_it() -> None:
    text = letters.vendor(Named("device", "Ledgerline ERP"), date(2026, 12, 4))

    assert lines(text)[0] == "Subject: OAuth for sending mail with Ledgerline ERP"
    assert text.plain().rstrip().endswith("We have to decide by 4 December 2026.")
    assert text.parts.count(Named("device", "Ledgerline ERP")) == text.plain().count("Ledgerline ERP")


def test_an_administrator_is_asked_only_for_what_is_theirs_to_do_word_for_word() -> None:
    asked = 'Ask a Privileged Role Administrator: "Please give Runbook Reader the role Global Reader." Then look again.'
    checks = [
        Check("role in Exchange", "wrong", "Runbook Reader holds none", asked),
        Check("decisions file", "not configured", "none", "Write one."),
        Check("registration", "wrong", "it is not asked for", "The plan adds it."),
        Check("disk", "ok", "4 GB free", asked),
    ]
    text = letters.to_administrator(checks, tenant="woodgrove")

    assert (
        "1. Please give Runbook Reader the role Global Reader.\n"
        "   For: a Privileged Role Administrator\n   Because of: role in Exchange (Runbook Reader holds none)\n"
    ) in text
    assert "2." not in text
    assert letters.to_administrator(checks[1:], tenant="woodgrove") == ""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(letters.phones(firm="Woodgrove", day=None), id="phones"),
        pytest.param(letters.reported(SCANNER, last=None, questions=(), due=None), id="an address of the report"),
        pytest.param(letters.vendor(Named("device", "Ledgerline ERP"), None), id="vendor"),
        pytest.param(
            letters.device_owner(words("It"), account=SCANNER, place=Phrase(), last_seen=None, questions=(), due=None),
            id="device owner",
        ),
    ],
)
def test_the_end_stands_in_a_sentence(text: Phrase) -> None:
    assert " at the end of December 2026 (no day has been published). " in text.plain().replace("\n", " ")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(letters.phones(firm=HOSTILE, day=None, contact=HOSTILE).plain(), id="phones"),
        pytest.param(
            letters.reported(HOSTILE, last=None, questions=(), due=None).plain(), id="an address of the report"
        ),
        pytest.param(letters.vendor(Named("device", HOSTILE), None).plain(), id="vendor"),
        pytest.param(
            letters.device_owner(
                phrase("Scanner ({who})", who=Named("address", HOSTILE)),
                account=HOSTILE,
                place=phrase("{place}", place=Named("place", HOSTILE)),
                last_seen=None,
                questions=(),
                due=None,
            ).plain(),
            id="device owner",
        ),
        pytest.param(
            letters.to_administrator(
                [Check(HOSTILE, "wrong", HOSTILE, f'Ask {HOSTILE}: "Please {HOSTILE}"')],
                tenant=HOSTILE,
                links=[HOSTILE],
            ),
            id="administrator",
        ),
    ],
)
def test_a_value_from_outside_begins_no_line_of_its_own(text: str) -> None:
    assert not any(line.startswith(("Bcc", "Program")) for line in text.splitlines())
    assert "\x00" not in text
