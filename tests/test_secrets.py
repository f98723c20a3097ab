"""Secrets are read at the last moment and shown by nobody."""

import copy
import json
import pickle
import typing
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from mailauth.errors import SecretError
from mailauth.secretrefs import SecretRef
from mailauth.services import secrets
from mailauth.services.secrets import Secret

CANARY = "cAn8ary~value.of-a-secret"


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory; one that is locked for the service called ``locked``."""

    priority = 1

    def __init__(self) -> None:
        self._held = {("woodgrove", "mail"): CANARY}

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise keyring.errors.KeyringLocked(f"{CANARY} is behind the lock")
        return self._held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._held[service, username] = password


@pytest.fixture
def ring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(typing.cast("type[keyring.backend.KeyringBackend]", Ring)())
    yield
    keyring.set_keyring(before)


def test_a_secret_comes_from_the_environment() -> None:
    assert secrets.read(SecretRef("env", "X"), environ={"X": f"{CANARY}\n"}).reveal() == CANARY


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(CANARY.encode(), id="bare"),
        pytest.param(CANARY.encode() + b"\r\n", id="Windows line end"),
        pytest.param(b"\xef\xbb\xbf" + CANARY.encode(), id="byte order mark"),
        pytest.param((CANARY + "\r\n").encode("utf-16"), id="PowerShell 5"),
    ],
)
def test_a_secret_comes_from_a_file_however_it_was_written(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.txt"
    path.write_bytes(content)
    assert secrets.read(SecretRef("file", str(path))).reveal() == CANARY


def test_the_lines_of_a_key_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(b"-----BEGIN X-----\nabc\n-----END X-----\n")
    assert secrets.read(SecretRef("file", str(path))).reveal() == "-----BEGIN X-----\nabc\n-----END X-----"


@pytest.mark.usefixtures("ring")
def test_a_secret_comes_from_the_keyring() -> None:
    assert secrets.read(SecretRef("keyring", "woodgrove/mail")).reveal() == CANARY


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize(
    ("name", "complaint"), [("woodgrove/other", "holds no such entry"), ("locked/mail", r"refused \(KeyringLocked\)")]
)
def test_a_keyring_that_does_not_answer_is_named(name: str, complaint: str) -> None:
    with pytest.raises(SecretError, match=f"^keyring:{name}: the keyring {complaint}") as caught:
        secrets.read(SecretRef("keyring", name))
    assert CANARY not in str(caught.value)


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(SecretError, match=r"^env:NOT_SET: no such environment variable\. Set it in the shell"):
        secrets.read(SecretRef("env", "NOT_SET"), environ={})


@pytest.mark.parametrize("value", ["", " ", "\r\n"])
def test_an_empty_secret_is_none(value: str) -> None:
    with pytest.raises(SecretError, match=r"^env:X is empty"):
        secrets.read(SecretRef("env", "X"), environ={"X": value})


def held(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_files_that_hold_no_secret_are_refused_without_their_content(tmp_path: Path) -> None:
    cases = {
        held(tmp_path, "key.pfx", CANARY.encode() + b"\xff\xfe\x80"): "is not text",
        held(tmp_path, "large", CANARY.encode() * 20_000): "more than 256 KiB",
        tmp_path: "directory|denied",
        tmp_path / "missing": "No such file",
    }
    for path, complaint in cases.items():
        with pytest.raises(SecretError, match=complaint) as caught:
            secrets.read(SecretRef("file", str(path)))
        assert str(path) in str(caught.value)
        assert CANARY not in str(caught.value)
        # A traceback prints the error that came before, and a UnicodeDecodeError holds all the bytes.
        assert CANARY not in repr(caught.value.__context__)


def test_a_secret_shows_its_length_and_nothing_else() -> None:
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", format(secret), repr([secret]), repr({"a": secret})]
    assert not any(CANARY in text for text in shown)
    assert repr(secret) == f"<secret of {len(CANARY)} characters>"


def test_a_secret_is_never_written_down() -> None:
    secret = Secret(CANARY)
    for write in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            write(secret)
    with pytest.raises(TypeError):
        vars(secret)


def test_a_secret_is_written_where_only_its_owner_reads_it(tmp_path: Path) -> None:
    ref = SecretRef("file", str(tmp_path / "kept" / "mail.secret"))
    secrets.write(ref, Secret(CANARY))
    assert secrets.read(ref).reveal() == CANARY
    assert Path(ref.name).stat().st_mode & 0o077 == 0


def test_what_is_there_is_not_written_over_unless_that_was_said(tmp_path: Path) -> None:
    path = held(tmp_path, "mail.secret", b"the one in use")
    ref = SecretRef("file", str(path))
    with pytest.raises(SecretError, match=r"is there already and would be lost\. Name another place"):
        secrets.write(ref, Secret(CANARY))
    assert path.read_bytes() == b"the one in use"
    secrets.write(ref, Secret(CANARY), replaces=True)
    secrets.write(ref, Secret(CANARY))
    assert path.read_text() == CANARY


def test_an_environment_variable_is_no_place_to_write_to() -> None:
    with pytest.raises(SecretError, match=r"^env:MAIL: an environment variable cannot be written\. Name a place"):
        secrets.check_writable(SecretRef("env", "MAIL"))


@pytest.mark.usefixtures("ring")
def test_a_keyring_keeps_a_secret() -> None:
    secrets.write(SecretRef("keyring", "woodgrove/new"), Secret(CANARY))
    assert secrets.read(SecretRef("keyring", "woodgrove/new")).reveal() == CANARY
