"""froms, services/traces: which addresses each sender puts into From, and how far that is known."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mailauth import froms
from mailauth.coverage import Window
from mailauth.errors import AccessError
from mailauth.froms import Froms
from mailauth.organization import organization
from mailauth.services import traces
from mailauth.services.client import Pace
from practice.state import TracedMessage
from tests.exchanging import Lab, administering
from tests.practice.woodgrove import DOMAIN, Woodgrove, woodgrove

ADA = f"ada@{DOMAIN}"
LEEDS, YORK = "203.0.113.10", "203.0.113.20"
NOW = datetime.now(UTC).replace(microsecond=0)
MONTH = Window(NOW - timedelta(days=30), NOW)


def traced(made: Woodgrove, sender: str, network: str, *, days: float = 1, count: int = 1, to: int = 1) -> None:
    """Let messages go through, each to so many recipients."""
    held = made.estate.tenant.exchange.traced_messages
    for number in range(count):
        id = UUID(int=len(held) + 1)
        held += [
            TracedMessage(
                message_trace_id=str(id),
                received=NOW - timedelta(days=days, minutes=number),
                sender=sender,
                recipient=f"to{recipient}@fabrikam.example",
                subject="scan",
                from_ip=network,
            )
            for recipient in range(to)
        ]


@pytest.fixture
def made() -> Woodgrove:
    return woodgrove()


@pytest.fixture
def lab(made: Woodgrove) -> Iterator[Lab]:
    with administering(made) as administration:
        yield administration


def reading(lab: Lab, senders: dict[str, list[str]], window: Window = MONTH) -> dict[str, Froms]:
    quick = Pace(*traces.LIMIT, sleep=lambda _: None)
    found = traces.read(lab.exchange, senders, window=window, now=NOW, pace=quick)
    return {each.account: each for each in found}


def test_each_address_that_a_network_used_is_counted_in_messages(made: Woodgrove) -> None:
    traced(made, ADA, LEEDS, count=2, to=3)
    traced(made, f"Reception@{DOMAIN}", LEEDS, days=20, count=5)
    traced(made, f"elsewhere@{DOMAIN}", YORK)
    with administering(made) as lab:
        ada = reading(lab, {ADA: [LEEDS]})[ADA]
        assert lab.exchange.calls == traces.requests({ADA: [LEEDS]}, MONTH) == 3
    assert [(use.address, use.messages, use.sure) for use in ada.uses] == [
        (f"reception@{DOMAIN}", 5, True),
        (ADA, 2, True),
    ]
    assert ada.uses[1].last == NOW - timedelta(days=1)
    assert ada.known


def test_the_last_day_of_delivered_mail_is_told_for_an_account_at_its_network(made: Woodgrove) -> None:
    traced(made, ADA, LEEDS, days=2)
    traced(made, ADA, YORK, days=1)
    traced(made, f"scanner@{DOMAIN}", YORK, days=12)
    traced(made, f"erp@{DOMAIN}", LEEDS, days=1)
    made.estate.tenant.exchange.traced_messages[-1].status = "Failed"
    asked = {"ada": (ADA, LEEDS), "old": (f"scanner@{DOMAIN}", YORK), "lost": (f"erp@{DOMAIN}", LEEDS)}
    with administering(made) as lab:
        told = traces.arrivals(lab.exchange, {**asked, "wide": (ADA, "2001:db8::/64")}, now=NOW)
        assert lab.exchange.calls == len(asked)
    assert told == ({"ada": (NOW - timedelta(days=2)).date()}, ())


def test_a_trace_for_a_witness_that_is_refused_is_in_the_coverage_and_ends_nothing(lab: Lab) -> None:
    with lab.as_person(lab.made.ada) as exchange:
        told, (lost,) = traces.arrivals(exchange, {"ada": (ADA, LEEDS)}, now=NOW)
    assert (told, lost.what, lost.state) == ({}, "mail that arrives", "unknown")
    assert "Message Tracking" in lost.remedy


def test_addresses_of_its_own_need_no_right(made: Woodgrove) -> None:
    for address in (ADA, f"ada.byron@{DOMAIN}", f"reception@{DOMAIN}"):
        traced(made, address, LEEDS)
    box = {"PrimarySmtpAddress": ADA, "EmailAddresses": [f"SMTP:{ADA}", f"smtp:ada.byron@{DOMAIN}"]}
    with administering(made) as lab:
        ada = reading(lab, {ADA: [LEEDS]})[ADA]
    assert [use.address for use in ada.others(organization({"Get-Mailbox": [box]}))] == [f"reception@{DOMAIN}"]


def test_where_two_senders_share_a_network_it_is_not_sure_whose_an_address_is(made: Woodgrove) -> None:
    traced(made, f"reception@{DOMAIN}", LEEDS)
    traced(made, f"door@{DOMAIN}", YORK)
    with administering(made) as lab:
        found = reading(lab, {ADA: [LEEDS, YORK], f"erp@{DOMAIN}": [LEEDS]})
    assert {use.address: use.sure for use in found[ADA].uses} == {f"reception@{DOMAIN}": False, f"door@{DOMAIN}": True}
    assert [use.sure for use in found[f"erp@{DOMAIN}"].uses] == [False]


def test_another_sender_that_is_known_makes_a_shared_network_unsure_and_is_not_asked_about(made: Woodgrove) -> None:
    traced(made, f"reception@{DOMAIN}", LEEDS)
    with administering(made) as lab:
        quick = Pace(*traces.LIMIT, sleep=lambda _: None)
        neighbours = {f"erp@{DOMAIN}": [LEEDS, YORK]}
        (ada,) = traces.read(lab.exchange, {ADA: [LEEDS]}, window=MONTH, neighbours=neighbours, now=NOW, pace=quick)
        assert lab.exchange.calls == 3
    assert [use.sure for use in ada.uses] == [False]


def test_a_result_that_is_cut_is_gone_on_with_and_nothing_counts_twice(made: Woodgrove) -> None:
    traced(made, ADA, LEEDS, days=2, count=1300, to=5)
    with administering(made) as lab:
        ada = reading(lab, {ADA: [LEEDS]})[ADA]
        # Two quiet slices, then five pages of a result that is cut, then two of the rest.
        assert lab.exchange.calls == 9
    assert [use.messages for use in ada.uses] == [1300]
    assert ada.known


def test_a_message_at_the_seam_of_two_slices_counts_once(made: Woodgrove) -> None:
    traced(made, ADA, LEEDS, days=10)
    with administering(made) as lab:
        (use,) = reading(lab, {ADA: [LEEDS]}, Window(NOW - timedelta(days=20), NOW))[ADA].uses
    assert use.messages == 1


@pytest.mark.parametrize(
    ("network", "window", "state"),
    [
        pytest.param("2001:db8:7::/64", MONTH, "unknown", id="a prefix"),
        pytest.param(LEEDS, Window(NOW - timedelta(days=120), NOW), "partial", id="longer than is held"),
        pytest.param(LEEDS, Window(NOW - timedelta(days=120), NOW - timedelta(days=95)), "absent", id="too long ago"),
        pytest.param("2001:db8:7::1", MONTH, "complete", id="an address of IPv6"),
    ],
)
def test_how_far_it_is_known_is_said(lab: Lab, network: str, window: Window, state: str) -> None:
    ada = reading(lab, {ADA: [network]}, window)[ADA]
    assert [each.state for each in ada.coverage] == [state]
    assert ada.known is (state == "complete")


def test_without_a_network_nothing_is_known() -> None:
    (ada,) = froms.froms({ADA: []}, [], {})
    assert not ada.known


def test_the_pace_keeps_the_service_from_saying_wait(lab: Lab) -> None:
    clock = lab.practice.faults.clock

    def sleep(seconds: float) -> None:
        clock.skew += timedelta(seconds=seconds)

    pace = Pace(*traces.LIMIT, monotonic=lambda: clock.skew.total_seconds(), sleep=sleep)
    networks = [f"203.0.113.{number}" for number in range(40)]
    traces.read(lab.exchange, {ADA: networks}, window=MONTH, now=NOW, pace=pace)
    assert lab.exchange.calls == 120
    assert lab.waited_s == []
    assert clock.skew >= timedelta(seconds=traces.LIMIT[1])


def test_who_may_not_trace_is_told_which_role_to_ask_for(lab: Lab) -> None:
    with lab.as_person(lab.made.ada) as exchange, pytest.raises(AccessError) as caught:
        traces.read(exchange, {ADA: [LEEDS]}, window=MONTH, now=NOW)
    assert "Message Tracking" in caught.value.remedy


@pytest.mark.parametrize(
    "row", [{}, {"SenderAddress": "a@x.example"}, {"SenderAddress": "a@x.example", "Received": "?"}]
)
def test_a_row_without_sender_or_time_is_no_message(row: dict[str, str]) -> None:
    assert froms.message(row) is None
