"""A person's decisions: found for the sender they are about, named when they are about nobody."""

from datetime import date
from pathlib import Path

import pytest

from mailauth import decisions
from mailauth.decisions import Decisions
from mailauth.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[1] / "decisions.example.yaml"
WHERE = Path("decisions") / "woodgrove.yaml"
SCANNER = "scanner@woodgrove.example"


def parsed(text: str) -> Decisions:
    return decisions.parse(text, WHERE)


def test_the_example_loads_with_every_field_filled() -> None:
    example = decisions.load(EXAMPLE)
    sender, stranger = example.senders
    assert (sender.protocol, sender.networks) == ("SMTP AUTH", ("203.0.113.10", "2001:db8:0:1::/64"))
    assert sender.answers == {"outside": True, "oauth": False, "fixed_address": True, "azure": False}
    assert (sender.due, sender.exception_until) == (date(2026, 12, 11), date(2027, 3, 31))
    assert all((sender.what, sender.action, sender.owner, sender.note))
    assert stranger.done == decisions.Done(date(2026, 12, 10), "J. Ward", decisions.RESET)
    assert example.vendors[sender.vendor].oauth is False
    assert {network.kind for network in example.networks} == {"site", "hosted"}


def test_without_a_file_there_are_no_decisions() -> None:
    assert Decisions().sender(SCANNER, "SMTP AUTH", "203.0.113.10") is None
    assert Decisions().network("203.0.113.10") is None
    assert Decisions().unmatched([(SCANNER, "SMTP AUTH", "")]) == ()


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("203.0.113.10", "Leeds"),
        ("203.0.113.11", "Range"),
        ("198.51.100.1", None),
        ("2001:0db8:0000:0001::/64", "Six"),
        ("2001:db8:0:1:aa::1", "Six"),
        ("2001:db8:0:2::/64", None),
        ("", None),
        ("no address", None),
    ],
)
def test_a_network_has_the_name_of_the_narrowest_that_holds_it(network: str, name: str | None) -> None:
    named = parsed("networks: {203.0.113.0/24: Range, 203.0.113.10: Leeds, '2001:db8:0:1:ff::5': Six}")
    found = named.network(network)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("sender", "what"),
    [
        ((SCANNER, "SMTP AUTH", "203.0.113.10"), "there"),
        ((SCANNER, "Authenticated SMTP", "203.0.113.10"), "there"),
        ((SCANNER.upper(), "SMTP AUTH", "192.0.2.1"), "by SMTP"),
        ((SCANNER, "SMTP AUTH", ""), "by SMTP"),
        ((SCANNER, "IMAP", "192.0.2.1"), "any"),
        (("other@woodgrove.example", "SMTP AUTH", "203.0.113.10"), None),
    ],
)
def test_the_closest_decision_counts(sender: tuple[str, str, str], what: str | None) -> None:
    decided = parsed(
        f"networks: {{203.0.113.10: Leeds}}\nsenders:\n"
        f"  - {{user: {SCANNER}, what: any}}\n"
        f"  - {{user: {SCANNER}, protocol: smtp, what: by SMTP}}\n"
        f"  - {{user: {SCANNER}, network: Leeds, what: there}}\n"
    )
    found = decided.sender(*sender)
    assert (found.what if found else None) == what


def test_what_matches_nothing_any_more_is_named_with_its_line() -> None:
    decided = parsed(
        "networks:\n  203.0.113.10: Leeds office\n  198.51.100.0/24: Mailer\nsenders:\n"
        f"  - {{user: {SCANNER}, protocol: smtp}}\n"
        "  - {user: gone@woodgrove.example, protocol: imap, network: Mailer}\n"
    )
    assert decided.unmatched(seen for seen in [(SCANNER, "SMTP AUTH", "203.0.113.10"), (SCANNER, "IMAP", "")]) == (
        "woodgrove.yaml line 6: the decision about gone@woodgrove.example by IMAP from 198.51.100.0/24 "
        "matches nothing that was found.",
        "woodgrove.yaml line 3: Mailer (198.51.100.0/24) matches nothing that was found.",
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "networks: {leeds: Leeds}",
            "networks.leeds: found 'leeds'; expected an address such as 203.0.113.10, or a range",
        ),
        (
            "networks: {203.0.113.10/24: Leeds}",
            "networks.203.0.113.10/24: found '203.0.113.10/24'; expected 203.0.113.0/24, or the one "
            "address 203.0.113.10.",
        ),
        (
            "networks: {0.0.0.0/0: all}",
            "networks.0.0.0.0/0: found '0.0.0.0/0'; expected a network of /8 or narrower.",
        ),
        ("networks: {'::/0': all}", "networks.::/0: found '::/0'; expected a network of /19 or narrower."),
        (
            "networks: {192.0.2.1: a, 192.0.2.1/32: b}",
            "networks.192.0.2.1/32: found the network of line 1 again; expected each once.",
        ),
        (
            "networks: {192.0.2.1: {name: a, kind: office}}",
            "networks.192.0.2.1.kind: found 'office'; expected site or hosted.",
        ),
        (
            "networks: {192.0.2.1: 5}",
            "networks.192.0.2.1: found 5; expected a name, or {name: …, kind: hosted}.",
        ),
        (
            "networks: {192.0.2.1: ''}",
            "networks.192.0.2.1.name: found ''; expected what the network is called.",
        ),
        (
            "senders: [{what: copier}]",
            "senders[0].user: missing; expected a user name such as scanner@woodgrove.example.",
        ),
        (
            "senders: [{user: a, protocol: smpt}]",
            "senders[0].protocol: found 'smpt'; expected one of ActiveSync, ",
        ),
        (
            "senders: [{user: a, network: Leeds}]",
            "senders[0].network: found 'Leeds'; expected an address such as",
        ),
        (
            "senders: [{user: a, due: 20261211}]",
            "senders[0].due: found 20261211; expected a date such as 2026-12-11.",
        ),
        (
            "senders: [{user: a, due: 2026-02-30}]",
            "senders[0].due: found '2026-02-30'; expected a date such as 2026-12-11.",
        ),
        (
            "senders: [{user: a, answers: {outside: maybe}}]",
            "senders[0].answers.outside: found 'maybe'; expected yes or no; leave it out",
        ),
        (
            "senders: [{user: a, answers: {outsied: yes}}]",
            "senders[0].answers.outsied: unknown key; did you mean 'outside'?",
        ),
        (
            "senders: [{user: a, done: {by: Mei, road: relay}}]",
            "senders[0].done.on: missing; expected the day it was seen, such as 2026-12-09.",
        ),
        (
            "senders: [{user: a, done: {on: 2026-12-09, by: '', road: relay}}]",
            "senders[0].done.by: found ''; expected who saw it, as text.",
        ),
        (
            "senders: [{user: a, done: yes}]",
            "senders[0].done: found 'yes'; expected a mapping such as {on: 2026-12-09, by: J. Ward, road: relay}.",
        ),
        (
            "senders: [{user: a, vendor: ERP}]",
            "senders[0].vendor: found 'ERP'; expected a section vendors that holds it.",
        ),
        (
            "senders: [{user: a}, {user: A}]",
            "senders[1]: found the sender of line 1 again; expected each once.",
        ),
        (
            "vendors: {ERP: no}",
            "vendors.ERP: found 'no'; expected a mapping such as {oauth: yes, answered: 2026-11-01}.",
        ),
        (
            "sender: []",
            "sender: unknown key; did you mean 'senders'? expected one of networks, senders, vendors.",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_line_and_what_would_be_right(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parsed(text)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"woodgrove.yaml line 1: {complaint}")


def test_a_road_that_there_is_not_is_named_with_the_nearest() -> None:
    roads = ("oauth_in_place", "relay", "retire")
    text = "senders: [{user: a, action: RELAY}]"
    with pytest.raises(
        ConfigurationError, match=r"senders\[0\]\.action: found 'RELAY'; did you mean 'relay'\? expected"
    ):
        decisions.parse(text, WHERE, actions=roads)
    assert decisions.parse(text.lower(), WHERE, actions=roads).senders[0].action == "relay"
    assert parsed(text).senders[0].action == "RELAY"


def test_the_road_of_a_confirmation_is_one_of_those_that_there_are() -> None:
    text = "senders: [{user: a, done: {on: 2026-12-09, by: Mei, road: realy}}]"
    with pytest.raises(ConfigurationError, match=r"senders\[0\]\.done\.road: found 'realy'; did you mean 'relay'\?"):
        decisions.parse(text, WHERE, actions=("relay", "retire"))


def test_a_strangers_sign_in_ends_with_a_reset_which_is_no_road_to_decide_on() -> None:
    text = "senders: [{user: a, done: {on: 2026-12-09, by: Mei, road: reset}}]"
    (sender,) = decisions.parse(text, WHERE, actions=("relay", "retire")).senders
    assert sender.done == decisions.Done(date(2026, 12, 9), "Mei", decisions.RESET)
    with pytest.raises(
        ConfigurationError, match=r"done\.road: found 'rest'; did you mean 'reset'\? expected one of relay"
    ):
        decisions.parse(text.replace("reset", "rest"), WHERE, actions=("relay", "retire"))
    with pytest.raises(ConfigurationError, match=r"action: found 'reset'"):
        decisions.parse("senders: [{user: a, action: reset}]", WHERE, actions=("relay", "retire"))


def test_a_missing_file_is_named_with_the_field_that_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no such file; expected the file that the tenant's `decisions:` names"
    ):
        decisions.load(tmp_path / "none.yaml")
