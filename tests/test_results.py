"""What a result code says of the password."""

import pytest

from mailauth import results

PRACTICE = {
    "accepted": ["0"],
    "right_then_stopped": [
        *("53003", "530035", "53000", "53001", "53002", "50072"),
        *("50074", "50076", "50079", "50158", "65001", "50105"),
    ],
    "probably": ["50055", "50144"],
    "no": ["50126", "50056", "50064"],
    "not_evaluated": ["50053", "50057", "50034", "90072", "700016"],
    "not_password": ["50140", "50199", "50058", "50173", "70043", "700082"],
}


@pytest.mark.parametrize(("answer", "code"), [(answer, code) for answer, codes in PRACTICE.items() for code in codes])
def test_each_code_of_field_practice_says_whether_the_password_was_right(answer: str, code: str) -> None:
    assert results.read(code).answer == answer
    assert results.read(code).known


@pytest.mark.parametrize(
    ("code", "note", "reason"),
    [
        ("0", "", "success"),
        ("50126", "", "wrong password"),
        ("53003", "", "blocked by Conditional Access"),
        ("53001", "", "blocked by Conditional Access"),
        ("530035", "", "blocked by security defaults"),
        ("50053", "", "locked"),
        ("50053", "malicious address", "malicious address"),
        ("50057", "", "disabled"),
        ("50076", "", "MFA required"),
        ("50034", "", "name does not exist"),
        ("50055", "", "password expired"),
        ("65001", "", "other"),
    ],
)
def test_each_code_belongs_to_a_class(code: str, note: str, reason: str) -> None:
    assert results.read(code, note).reason == reason


def test_the_note_about_the_address_changes_only_the_code_with_two_meanings() -> None:
    assert results.read("50126", "malicious address").reason == "wrong password"


@pytest.mark.parametrize("code", ["", "99999999", "success", "=1+1", "0 or 1"])
def test_an_unknown_code_is_never_judged(code: str) -> None:
    result = results.read(code)
    assert (result.answer, result.reason, result.known) == ("not_evaluated", "other", False)


def test_codes_come_by_answer_for_the_queries() -> None:
    right = results.codes("right_then_stopped", "probably")
    assert {"53003", "50055"} <= set(right)
    assert not {"0", "50126", "50053"} & set(right)
    assert set(results.nobody_codes()) == {"50034", "90072"}
    assert set(results.interrupted()) == {"50074", "50076", "50072", "50140", "50199", "65001"}


def test_every_class_in_use_is_listed_once_and_in_order() -> None:
    used = {results.read(code).reason for codes in PRACTICE.values() for code in codes}
    assert used | {"malicious address"} == set(results.reasons())
    assert len(set(results.reasons())) == len(results.reasons())
