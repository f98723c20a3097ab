"""Pseudonyms: one for one, whatever the spelling; another for another, whatever the likeness; none without the key."""

import re

import pytest

from mailauth.phrases import KINDS
from mailauth.pseudonyms import LEFT_OUT, PATTERN, Pseudonyms

KEY = b"0123456789abcdef0123456789abcdef"
NAMES = Pseudonyms(KEY)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        pytest.param("address", "Dora@Woodgrove.example", "dora@woodgrove.example ", id="case"),
        pytest.param("address", "dora@bücher.example", "dora@xn--bcher-kva.example", id="a domain in Unicode"),
        pytest.param("person", "Dora  Wren", "DORA WREN", id="blanks"),
        pytest.param("person", "Dora\u200b Wren", "Dora Wren", id="a mark that cannot be seen"),
        pytest.param("person", "\uff24\uff4f\uff52\uff41 Wren", "Dora Wren", id="full width"),
        pytest.param("person", "Dora Wren <dora@b.example>", "dora@b.example", id="an address with its name"),
        pytest.param("ip", "2001:DB8:0:1::5", "2001:db8:0:1:ffff::", id="one network"),
        pytest.param("ip", "::ffff:203.0.113.9", "203.0.113.9:443", id="one address"),
        pytest.param("ip", "AS64500", "64500", id="one system"),
        pytest.param("host", "MAIL.b.example.", "mail.b.example", id="the root"),
        pytest.param("id", "{0A7D4C1E-0000-4000-8000-0123456789AB}", "0a7d4c1e-0000-4000-8000-0123456789ab", id="guid"),
        pytest.param("thumbprint", "AB:CD:EF", "ab cd ef", id="a thumbprint"),
    ],
)
def test_one_thing_has_one_name_however_it_is_written(kind: str, one: str, other: str) -> None:
    assert NAMES.name(kind, one) == NAMES.name(kind, other)


@pytest.mark.parametrize(
    ("kind", "value", "stem"),
    [
        ("person", "Dora Wren", "person"),
        ("host", "mail.b.example", "host"),
        ("device", "the copier in Leeds", "device"),
        ("app", "Woodgrove Mail", "app"),
        ("place", "Leeds office", "place"),
        ("tenant", "woodgrove", "tenant"),
        ("id", "0a7d4c1e-0000-4000-8000-0123456789ab", "id"),
        ("ip", "203.0.113.9", "network"),
        ("ip", "64500", "system"),
        ("thumbprint", "ab" * 20, "thumbprint"),
    ],
)
def test_a_name_says_what_was_there_and_no_more(kind: str, value: str, stem: str) -> None:
    name = NAMES.name(kind, value)

    assert re.fullmatch(PATTERN, name)
    assert name.startswith(f"{stem}-")


def test_an_address_becomes_a_mailbox_of_a_domain_that_its_neighbours_share() -> None:
    dora, eve = (NAMES.name("address", f"{name}@woodgrove.example") for name in ("dora", "eve"))
    (one, _, domain), (other, _, same) = dora.partition("@"), eve.partition("@")

    assert re.fullmatch(rf"{PATTERN}@{PATTERN}\.example", dora)
    assert domain == same == NAMES.name("domain", "woodgrove.example")
    assert one != other != NAMES.name("address", "eve@litware.example").partition("@")[0]


def test_an_address_of_a_server_keeps_its_port_alone() -> None:
    assert NAMES.name("host", "mail.b.example:993") == f"{NAMES.name('host', 'mail.b.example')}:993"
    assert NAMES.name("host", "203.0.113.9:993") == f"{NAMES.name('ip', '203.0.113.9')}:993"
    assert NAMES.name("host", "2001:db8::1") == NAMES.name("ip", "2001:db8::1")


@pytest.mark.parametrize(
    ("kind", "value", "stays"),
    [
        ("product", "BAV2ROPC", "BAV2ROPC"),
        ("product", "Authenticated SMTP", "Authenticated SMTP"),
        ("product", "Mozilla/5.0 Thunderbird/115.9 (Dora's)", "Thunderbird"),
        ("product", "Dora's own mailer", LEFT_OUT),
        ("free", "Dora noted something", LEFT_OUT),
        ("nonsense", "Dora", LEFT_OUT),
        ("app", "Mozilla Thunderbird", "Thunderbird"),
        ("id", "9E5F94BC-e8a4-4e73-b8be-63364c29d753", "9e5f94bc-e8a4-4e73-b8be-63364c29d753"),
        ("host", "outlook.office365.com:993", "outlook.office365.com:993"),
        ("person", "  ", ""),
    ],
)
def test_what_everybody_knows_stays_and_what_nobody_vouches_for_goes(kind: str, value: str, stays: str) -> None:
    assert NAMES.name(kind, value) == stays


def test_another_key_gives_other_names() -> None:
    others = Pseudonyms(KEY[::-1])

    for kind in set(KINDS) - {"product", "word", "free"}:
        assert others.name(kind, "dora") != NAMES.name(kind, "dora") == Pseudonyms(KEY).name(kind, "dora")


def test_a_name_is_what_it_was_in_the_last_release() -> None:
    assert NAMES.name("person", "Dora Wren") == "person-ga5m5wh7k4c"


def test_a_hundred_thousand_values_have_names_of_their_own() -> None:
    assert len({NAMES.name("id", str(number)) for number in range(100_000)}) == 100_000


@pytest.mark.parametrize("asked", ["mailbox", "domain", "both"])
def test_an_owner_finds_out_who_is_meant_by_a_half_as_well(asked: str) -> None:
    name = NAMES.name("address", "dora@b.example")
    mailbox, _, domain = name.partition("@")
    shown = {"mailbox": mailbox, "domain": domain.removesuffix(".example"), "both": name}[asked]

    assert NAMES.meant(shown, "address", "Dora@b.example")
    assert not NAMES.meant(shown, "address", "eve@litware.example")


@pytest.mark.parametrize(
    ("kind", "value"), [("word", "nobody"), ("free", "rings first"), ("host", "outlook.office365.com")]
)
def test_what_stands_for_itself_means_nobody(kind: str, value: str) -> None:
    shown = NAMES.name(kind, value)
    assert shown in (value, "[left out]")
    assert not NAMES.meant(shown, kind, value)


def test_a_key_is_long_and_never_shown() -> None:
    with pytest.raises(ValueError, match=r"^key: found 5 bytes; expected 32 or more$"):
        Pseudonyms(b"short")
    assert "0123" not in repr(NAMES)
