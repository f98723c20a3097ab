"""What is pasted is sealed for this process, and opened nowhere else."""

import pytest

from mailauth.sealed import Lock
from tests.sealing import sealed

TEXT = "a token, ünd more\n" * 40_000


def test_what_was_sealed_for_a_key_is_opened_by_it() -> None:
    lock = Lock()
    assert lock.opened(sealed(TEXT, lock.public)) == TEXT


def test_another_process_s_key_opens_nothing() -> None:
    assert Lock().opened(sealed(TEXT, Lock().public)) == ""


@pytest.mark.parametrize("text", ["", "..", "a.b.c", "plain text", "A.A.A", "é.é.é"])
def test_what_is_not_sealed_is_empty(text: str) -> None:
    assert Lock().opened(text) == ""


def test_what_was_changed_on_the_way_is_empty() -> None:
    lock = Lock()
    wrapped, nonce, box = sealed("x" * 99, lock.public).split(".")
    assert lock.opened(f"{wrapped}.{nonce}.{'A' if box[0] != 'A' else 'B'}{box[1:]}") == ""


def test_nobody_is_shown_the_key() -> None:
    assert repr(Lock()) == "<a key of this process>"
