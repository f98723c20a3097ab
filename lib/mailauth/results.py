"""Result codes: was the password right, and what stopped the sign-in.

The table is ``facts/result_codes.toml``. A code that is not in it says nothing about the
password; `Result.known` is False then, and the coverage names it.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from . import reference

__all__ = ["MALICIOUS_ADDRESS", "Answer", "Result", "codes", "interrupted", "nobody_codes", "read", "reasons"]

Answer = Literal["accepted", "right_then_stopped", "probably", "no", "not_evaluated", "not_password"]

MALICIOUS_ADDRESS = "malicious address"
"""The note of a 50053 that is about the address and not about the account."""


@dataclass(frozen=True)
class Result:
    """What one result code says.

    Args:
        answer: Whether the password was right; the facts say what each word means.
        reason: The class it belongs to; one of `reasons`.
        name: The error in a few words.
        known: Whether the facts hold the code.
    """

    answer: Answer
    reason: str
    name: str
    known: bool = True


def read(code: str, note: str = "") -> Result:
    """Return what *code* says; *note* tells the two meanings of 50053 apart."""
    result = _table().get(code.strip(), _UNKNOWN)
    if note == MALICIOUS_ADDRESS and result.reason == "locked":
        return Result(result.answer, MALICIOUS_ADDRESS, MALICIOUS_ADDRESS)
    return result


def codes(*answers: Answer) -> tuple[str, ...]:
    """Return the codes with one of these answers, in the order of the facts."""
    return tuple(code for code, result in _table().items() if result.answer in answers)


def nobody_codes() -> tuple[str, ...]:
    """Return the codes that say that the name does not exist here at all."""
    return tuple(code for code, fact in reference.table("result_codes")["code"].items() if fact.get("nobody"))


def interrupted() -> tuple[str, ...]:
    """Return the codes of steps that fold into the success with the same correlation id."""
    return tuple(reference.table("result_codes")["interrupted"]["codes"])


def reasons() -> tuple[str, ...]:
    """Return the classes of results in the order in which a page shows them."""
    return tuple(reference.table("result_codes")["reasons"])


_UNKNOWN = Result("not_evaluated", "other", "unknown to this library", known=False)


@cache
def _table() -> dict[str, Result]:
    facts = reference.table("result_codes")["code"]
    return {code: Result(cast(Answer, fact["password"]), fact["reason"], fact["name"]) for code, fact in facts.items()}
