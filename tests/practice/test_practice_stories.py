"""The stories hold together: whatever day it is, each sender's rows show what its verdict needs."""

import ipaddress
from datetime import date, timedelta

import pytest

from practice import expected, signins, tenants
from practice.adatum import ADATUM
from practice.contoso import CONTOSO
from practice.expected import Sender
from practice.fabrikam import FABRIKAM
from practice.world import World

MONDAY = date(2026, 11, 23)
# Weekends move through the window, so what holds on a Monday need not hold on a Thursday.
WEEK = [MONDAY + timedelta(days=ahead) for ahead in range(7)]
VERDICTS = {
    "accepted_not_opened",
    "attack_noise",
    "basic_sender",
    "basic_unconfirmed",
    "blocked_by_policy",
    "certificate",
    "confirm_today",
    "modern",
    "not_mail",
    "password_known",
    "powershell_password",
    "ropc_mail_app",
    "stale_sender",
    "suspected_compromise",
}


def found(today: date, world: World = FABRIKAM) -> dict[str, list[Sender]]:
    by_verdict: dict[str, list[Sender]] = {}
    for sender in expected.senders(world, signins.events(world, today)):
        by_verdict.setdefault(sender.verdict, []).append(sender)
    return by_verdict


def victims(today: date) -> dict[str, int]:
    failed = {
        (event.network.group, event.user)
        for event in signins.events(FABRIKAM, today)
        if event.code != "0" and event.app.name == "Office 365 Exchange Online"
    }
    networks = [network for network, _ in failed]
    return {network: networks.count(network) for network in set(networks)}


def test_every_verdict_has_somebody_behind_it() -> None:
    assert set(found(MONDAY)) | {"attack_noise"} == VERDICTS
    assert expected.guesses(FABRIKAM, signins.events(FABRIKAM, MONDAY)).sign_ins > 1_000


@pytest.mark.parametrize("today", WEEK, ids=lambda day: day.strftime("%A"))
def test_members_with_mfa_make_the_two_offices_known_and_no_other_place(today: date) -> None:
    people = expected.known_sites(signins.events(FABRIKAM, today))
    offices = {
        site.network.group for site in FABRIKAM.sites.values() if site.name in ("Leeds office", "Bristol warehouse")
    }
    assert {network for network, count in people.items() if count >= 2} == offices


@pytest.mark.parametrize("today", WEEK, ids=lambda day: day.strftime("%A"))
def test_a_verdict_about_a_known_place_comes_from_one_and_the_others_do_not(today: date) -> None:
    people = expected.known_sites(signins.events(FABRIKAM, today))
    by_verdict = found(today)
    known = {network for network, count in people.items() if count >= 2}
    for verdict in ("blocked_by_policy", "accepted_not_opened"):
        assert {sender.network for sender in by_verdict[verdict]} <= known
    for sender in by_verdict["basic_sender"]:
        assert sender.network in known or sender.unnamed == "basic_unconfirmed"
    for verdict in ("suspected_compromise", "password_known", "confirm_today", "basic_unconfirmed"):
        assert not {sender.network for sender in by_verdict[verdict]} & known


@pytest.mark.parametrize("today", WEEK, ids=lambda day: day.strftime("%A"))
def test_days_and_victims_are_on_the_right_side_of_every_threshold(today: date) -> None:
    tried = victims(today)
    by_verdict = found(today)
    assert all(tried[sender.network] >= 3 and sender.successes for sender in by_verdict["suspected_compromise"])
    assert all(tried.get(sender.network, 0) < 3 and sender.days_active <= 2 for sender in by_verdict["confirm_today"])
    assert all(
        tried.get(sender.network, 0) < 3 and sender.days_active >= 3 for sender in by_verdict["basic_unconfirmed"]
    )
    assert all(sender.days_active >= 3 for sender in by_verdict["basic_sender"])
    assert all(sender.successes == 0 for sender in by_verdict["stale_sender"] + by_verdict["password_known"])


def test_the_scanner_stays_one_sender_through_attack_and_lockout() -> None:
    (scanner,) = [sender for sender in found(MONDAY)["basic_sender"] if sender.user == "scanner@fabrikam.example"]
    assert scanner.codes["50053"] > 0
    assert scanner.successes == scanner.codes["0"]
    assert "scanner" in {victim for attack in FABRIKAM.attacks for victim in attack.victims}


def test_a_sender_on_ipv6_is_one_network_however_its_host_changes() -> None:
    (lena,) = [sender for sender in found(MONDAY)["basic_unconfirmed"] if sender.user == "lena.brandt@fabrikam.example"]
    addresses = {event.ip for event in signins.events(FABRIKAM, MONDAY) if event.key == "lena at home"}
    assert lena.network == "2001:db8:4a:7::/64"
    assert len(addresses) >= 3
    assert {str(ipaddress.ip_network(f"{address}/64", strict=False)) for address in addresses} == {lena.network}


def test_the_report_server_has_moved() -> None:
    happened = signins.events(FABRIKAM, MONDAY)
    basic = [event.at.date() for event in happened if event.key == "reports before"]
    oauth = [day for day, user in expected.adoption(FABRIKAM, happened) if user == "reports@fabrikam.example"]
    assert max(basic) < min(oauth)
    assert len(oauth) == 16


def test_a_password_for_a_token_is_no_adoption() -> None:
    happened = signins.events(FABRIKAM, MONDAY)
    users = {user for _, user in expected.adoption(FABRIKAM, happened)}
    assert users == {
        "reports@fabrikam.example",
        "viktor.sala@fabrikam.example",
        "lena.brandt@fabrikam.example",
        "Fabrikam Mail Relay",
    }


def test_one_reported_sender_is_unknown_to_the_sign_ins() -> None:
    users = {event.user for event in signins.events(FABRIKAM, MONDAY)}
    used = {FABRIKAM.address(address) for mailer in FABRIKAM.mailers for address in mailer.sends_as}
    reported = {line.address for line in FABRIKAM.reported}
    assert reported - users - used == {"alarm.panel@fabrikam.example"}


def test_guests_and_the_partner_are_apart_and_strangers_names_have_no_identity() -> None:
    happened = signins.events(FABRIKAM, MONDAY)
    assert {event.population for event in happened if event.table != "AADServicePrincipalSignInLogs"} == {
        "member",
        "guest",
        "partner",
        "nobody",
    }
    identities = {event.user_id for event in happened if event.code == "50034"}
    assert identities == {"", "00000000-0000-0000-0000-000000000000"}


def test_the_botnet_comes_from_many_networks_that_are_nobodys_place() -> None:
    (botnet,) = [attack for attack in FABRIKAM.attacks if attack.key == "botnet"]
    places = {site.network.group for site in FABRIKAM.sites.values()}
    assert len({network.group for network in botnet.networks}) > 40
    assert not {network.group for network in botnet.networks} & places


@pytest.mark.parametrize("today", WEEK, ids=lambda day: day.strftime("%A"))
@pytest.mark.parametrize("world", [CONTOSO, ADATUM], ids=lambda world: world.name)
def test_what_tries_in_the_smaller_tenants_comes_from_their_offices(world: World, today: date) -> None:
    people = expected.known_sites(signins.events(world, today))
    # In a tenant of fewer than five, one colleague is enough.
    enough = 2 if len(world.people) > 4 else 1
    known = {network for network, count in people.items() if count >= enough}
    for verdict, senders in found(today, world).items():
        assert verdict == "modern" or {sender.network for sender in senders} <= known


@pytest.mark.parametrize("today", WEEK, ids=lambda day: day.strftime("%A"))
def test_contoso_moved_long_enough_ago_to_be_quiet(today: date) -> None:
    happened = signins.events(CONTOSO, today)
    for key, account in (("scanner", "scanner"), ("copier", "copier.norwich")):
        mine = [event for event in happened if event.user == CONTOSO.address(account)]
        passwords = [event.at.date() for event in mine if event.protocol == "ropc" and event.code == "0"]
        tokens = [day for day, user in expected.adoption(CONTOSO, happened) if user == CONTOSO.address(account)]
        assert len(set(passwords)) >= 3
        assert max(passwords) < min(tokens)
        assert (today - max(passwords)).days > 14
        assert set(tokens) == set(CONTOSO.mailer(key).rhythm.days(today))


def test_contoso_uses_each_mail_protocol_with_a_token_and_apps_sign_in_as_themselves() -> None:
    happened = signins.events(CONTOSO, MONDAY)
    scopes = {scope for event in happened if event.protocol == "oAuth2" for scope in event.scopes}
    assert {"IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"} <= scopes
    robots = {event.name for event in happened if event.table == "AADServicePrincipalSignInLogs"}
    assert robots == {"Contoso Mail Daemon", "Contoso Alerts"}


def test_nobody_at_adatum_has_a_token_for_mail() -> None:
    assert expected.adoption(ADATUM, signins.events(ADATUM, MONDAY)) == frozenset()


@pytest.mark.parametrize("world", [tenants.world_of(name) for name in tenants.NAMES], ids=lambda world: world.name)
def test_every_address_is_one_kept_for_documentation(world: World) -> None:
    kept = [
        ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    ]
    for event in signins.events(world, MONDAY):
        assert any(ipaddress.ip_address(event.ip) in network for network in kept), event.ip
        assert event.user.lower().endswith(".example") or not event.user
        assert event.network.asn in (*range(64496, 64512), *range(65536, 65552))


@pytest.mark.parametrize("name", tenants.NAMES)
def test_no_name_of_the_story_stands_twice(name: str) -> None:
    world = tenants.world_of(name)
    keys = [mailer.key for mailer in world.mailers] + [attack.key for attack in world.attacks]
    assert len(keys) == len(set(keys))
