"""Scopes by address: exact, quoted, split where long, recognised in whatever form Exchange shows them."""

import pytest

from mailauth import mailscopes
from practice import management_scopes, opath

APP = "22222222-2222-2222-2222-222222222222"


def test_a_scope_selects_exactly_the_addresses_that_it_was_made_of() -> None:
    [scope] = mailscopes.of(APP, ["Scan@woodgrove.example", "o'brien@woodgrove.example"])
    test = opath.read(scope.filter, management_scopes.PROPERTIES)
    selected = {
        address: test({"primarysmtpaddress": (address,)})
        for address in ("scan@woodgrove.example", "o'brien@woodgrove.example", "ada@woodgrove.example")
    }
    assert list(selected.values()) == [True, True, False]
    assert scope.addresses == ("o'brien@woodgrove.example", "scan@woodgrove.example")


def test_the_same_mailboxes_make_the_same_scope_in_any_order_and_others_make_another() -> None:
    one, same, other = (
        mailscopes.of(APP, names)
        for names in (["a@x.example", "b@x.example"], ["B@x.example", "a@x.example"], ["a@x.example"])
    )
    assert one == same
    assert one[0].name != other[0].name


def test_a_name_says_whose_it_is_and_fits() -> None:
    [scope] = mailscopes.of(APP, ["a@x.example"])
    assert mailscopes.is_ours(scope.name, APP)
    assert not mailscopes.is_ours(scope.name, APP.replace("2", "3"))
    assert not mailscopes.is_ours("Scanners", APP)
    assert len(scope.name) <= 64


def test_a_long_list_becomes_several_scopes_that_cover_each_address_once() -> None:
    wanted = [f"scanner{number:04}@woodgrove.example" for number in range(1_000)]
    scopes = mailscopes.of(APP, wanted)
    assert [each for scope in scopes for each in scope.addresses] == wanted
    assert max(len(scope.filter) for scope in scopes) <= 4_000
    assert len({scope.name for scope in scopes}) == len(scopes)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        pytest.param("(PrimarySmtpAddress -eq 'a@x.example')", {"a@x.example"}, id="as made"),
        pytest.param(
            "((PrimarySmtpAddress -eq 'A@x.example') -or (PrimarySmtpAddress -eq 'o''b@x.example'))",
            {"a@x.example", "o'b@x.example"},
            id="other parentheses",
        ),
        pytest.param("PrimarySmtpAddress -eq 'a@x.example' -and CustomAttribute1 -eq 'y'", None, id="narrower"),
        pytest.param("-not (PrimarySmtpAddress -eq 'a@x.example')", None, id="the others"),
        pytest.param("MemberOfGroup -eq 'CN=Scanners,OU=x'", None, id="a group"),
        pytest.param("", None, id="empty"),
    ],
)
def test_addresses_are_read_from_a_plain_list_and_from_nothing_else(text: str, addresses: set[str] | None) -> None:
    assert mailscopes.addresses(text) == addresses
