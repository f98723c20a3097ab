"""A secret is named, and what looks like the secret itself is refused without being repeated."""

from pathlib import Path

import pytest

from mailauth import secretrefs
from mailauth.errors import SecretError
from mailauth.secretrefs import SecretRef


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("env:WOODGROVE_SECRET", SecretRef("env", "WOODGROVE_SECRET")),
        (" env: _x1 ", SecretRef("env", "_x1")),
        ("keyring:woodgrove/mail app", SecretRef("keyring", "woodgrove/mail app")),
        ("keyring:service/user/with/slashes", SecretRef("keyring", "service/user/with/slashes")),
        ("file:keys/a b.pem", SecretRef("file", str(Path("keys/a b.pem")))),
    ],
)
def test_the_three_forms_are_read(text: str, ref: SecretRef) -> None:
    assert secretrefs.parse(text) == ref


def test_a_relative_file_is_meant_from_the_folder_of_the_tenants_file(tmp_path: Path) -> None:
    assert secretrefs.parse("file:keys/a.pem", base=tmp_path).name == str(tmp_path / "keys" / "a.pem")
    absolute = tmp_path / "elsewhere.pem"
    assert secretrefs.parse(f"file:{absolute}", base=Path("other")).name == str(absolute)


@pytest.mark.parametrize(
    "text",
    [
        "abc8Q~inline-secret-value",
        "env:abc8Q~inline-secret-value",
        "env:",
        "ENV:NAME",
        "file:",
        "file:-----BEGIN PRIVATE KEY-----",
        "file:two\nlines",
        "keyring:abc8Q~inline-secret-value",
        "keyring:/user",
        "keyring:service/",
        "",
        "https://vault.example/abc8Q~inline",
    ],
)
def test_anything_else_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(SecretError, match="not shown; expected a reference: env:NAME, file:PATH or ") as caught:
        secretrefs.parse(text)
    assert "abc8Q" not in str(caught.value)
    assert "BEGIN" not in str(caught.value)


def test_a_reference_is_shown_as_it_was_written() -> None:
    assert str(secretrefs.parse("keyring:a/b")) == "keyring:a/b"
    assert repr(SecretRef("env", "X")) == "SecretRef(kind='env', name='X')"
