"""One spelling per network, and what is known of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth import decisions, networks
from mailauth.summary import NetworkRow


@pytest.mark.parametrize(
    ("sent", "network"),
    [
        ("203.0.113.5", "203.0.113.5"),
        (" 203.0.113.5 ", "203.0.113.5"),
        ("203.0.113.5:49152", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("::FFFF:203.0.113.5", "203.0.113.5"),
        ("2001:0db8:0000:0001::/64", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:aaaa:bbbb:cccc:dddd", "2001:db8:0:1::/64"),
        ("[2001:db8:0:1::5]:443", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1::/64", "2001:db8:0:1::/64"),
        ("", ""),
        ("not an address", "not an address"),
        ("2001:db8:::1", "2001:db8:::1"),
    ],
)
def test_a_network_has_one_spelling(sent: str, network: str) -> None:
    assert networks.canonical(sent) == network
    assert networks.canonical(network) == network


@given(st.ip_addresses(v=6))
def test_all_addresses_of_a_slash_64_are_one_network(address: object) -> None:
    first = networks.canonical(str(address))
    assert networks.canonical(first) == first


@given(st.text(max_size=300))
def test_no_text_breaks_the_spelling(text: str) -> None:
    assert len(networks.canonical(text)) <= 64


def site(network: str, user_id: str = "", people: int = 1) -> NetworkRow:
    return NetworkRow(network, "site", user_id, people)


def test_people_are_counted_over_slices_and_the_larger_number_holds() -> None:
    facts = [
        site("203.0.113.5", "u1"),
        site("203.0.113.5", "u1"),
        site("203.0.113.5", "u2"),
        site("203.0.113.6", people=7),
        site("203.0.113.6", "u1"),
        site("203.0.113.7", "u1"),
        NetworkRow("203.0.113.7", "spray", "", 4),
    ]
    places = networks.places(facts, (), limits=(2, 3))
    assert places.people == {"203.0.113.5": 2, "203.0.113.6": 7, "203.0.113.7": 1}
    assert [places.kind(f"203.0.113.{last}") for last in (5, 6, 7, 8)] == ["members", "members", "", ""]
    assert places.sprays("203.0.113.7")
    assert not places.sprays("203.0.113.6")


def test_an_empty_address_is_no_place() -> None:
    places = networks.places([site("", "u1"), site("", "u2"), site("", people=9)], (), limits=(2, 3))
    assert places.kind("") == ""
    assert not places.sprays("")


def test_a_name_by_a_person_counts_as_they_said() -> None:
    named = decisions.parse(
        "networks:\n"
        "  203.0.113.0/24: Leeds office\n"
        "  198.51.100.7: {name: Invoice service, kind: hosted}\n"
        "  2001:db8:0:1::/64: York office\n"
        "senders:\n"
        "  - {user: erp@woodgrove.example, network: 192.0.2.1}\n"
        "  - {user: fax@woodgrove.example}\n",
        Path("woodgrove.yaml"),
    )
    places = networks.places((), (), limits=(2, 3), decisions=named)
    assert places.kind("203.0.113.99") == "site"
    assert places.kind("198.51.100.7") == "hosted"
    assert places.kind("2001:db8:0:1::/64") == "site"
    assert places.kind("192.0.2.1", "erp@woodgrove.example", "SMTP AUTH") == "claimed"
    assert places.kind("192.0.2.1", "fax@woodgrove.example", "SMTP AUTH") == ""
    assert places.kind("192.0.2.2", "erp@woodgrove.example", "SMTP AUTH") == ""
    name = places.name("203.0.113.99")
    assert name is not None
    assert name.label == "Leeds office"
