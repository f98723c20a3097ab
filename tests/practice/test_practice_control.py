"""The trainer's door: it opens with its key alone, does what it is asked, and says what is wrong with a wish."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from practice import cloud
from practice.cloud import Cloud
from tests.practice.woodgrove import TENANT, woodgrove

KEY = "the-key-of-the-door"


@pytest.fixture(scope="module")
def running() -> Iterator[Cloud]:
    with cloud.start([woodgrove().estate.tenant]) as practice:
        practice.backend.door_key = KEY
        yield practice


@pytest.fixture
def practice(running: Cloud) -> Iterator[Cloud]:
    yield running
    running.faults.clear()
    running.backend.reset = lambda names: None


def ask(practice: Cloud, method: str, path: str, content: object = None, *, key: str = KEY) -> requests.Response:
    body = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = f"{practice.base_url}/practice{path}"
    return requests.request(method, address, data=body, headers=headers, verify=str(practice.ca_file), timeout=30)


def resets(practice: Cloud) -> list[Sequence[str]]:
    """Return the list that takes down what is made anew."""
    found: list[Sequence[str]] = []
    practice.backend.reset = found.append
    return found


@pytest.mark.parametrize("key", ["", "wrong", KEY[:-1], f"{KEY}x"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/tenants"), ("POST", "/reset"), ("POST", "/faults")])
def test_the_door_opens_with_its_key_alone(practice: Cloud, method: str, path: str, key: str) -> None:
    done = resets(practice)
    assert ask(practice, method, path, {}, key=key).status_code == 401
    assert done == []


def test_a_door_without_a_key_opens_for_nobody() -> None:
    with cloud.start([woodgrove().estate.tenant]) as practice:
        assert ask(practice, "GET", "/tenants", key="").status_code == 401


def test_it_says_which_tenants_there_are_and_who_administers_them(practice: Cloud) -> None:
    (told,) = ask(practice, "GET", "/tenants").json()["tenants"]
    assert (told["name"], told["tenant_id"]) == ("woodgrove", TENANT)
    assert told["administrators"] == ["admin@woodgrove.example"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"{", "The body is no JSON object"),
        (b"[]", "The body is no JSON object"),
        (b'{"tenant": ["woodgrove"]}', "tenant: no such field; expected tenants"),
        (b'{"tenants": "woodgrove"}', "tenants: found 'woodgrove'; expected a list of names."),
        (b'{"tenants": ["nowhere"]}', "tenants: found 'nowhere'; expected any of woodgrove."),
        (b'{"tenants": [["woodgrove"]]}', "tenants: found ['woodgrove']; expected any of woodgrove."),
    ],
)
def test_a_slip_of_the_pen_resets_nothing(practice: Cloud, body: bytes, complaint: str) -> None:
    done = resets(practice)
    answer = ask(practice, "POST", "/reset", body)
    assert (answer.status_code, done) == (400, [])
    assert answer.json()["error"].startswith(complaint)


def test_a_reset_is_for_those_named_or_for_all(practice: Cloud) -> None:
    done = resets(practice)
    ask(practice, "POST", "/reset", {"tenants": ["woodgrove"]})
    ask(practice, "POST", "/reset", {})
    ask(practice, "POST", "/reset", {"tenants": []})
    assert done == [["woodgrove"], ["woodgrove"], []]


def graph(practice: Cloud) -> requests.Response:
    """Ask Graph as a stranger, who is told so (401) where no fault comes first."""
    address = f"{practice.base_url}/graph/v1.0/organization"
    return requests.get(address, verify=str(practice.ca_file), timeout=30)


def test_an_armed_fault_strikes_as_often_as_it_says_and_can_be_called_off(practice: Cloud) -> None:
    armed = ask(practice, "POST", "/faults", {"face": "graph", "kind": "throttle", "seconds": 7, "times": 1})
    assert armed.status_code == 201
    first = graph(practice)
    assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
    assert graph(practice).status_code == 401
    ask(practice, "POST", "/faults", {"face": "graph", "kind": "unavailable", "times": 0})
    assert graph(practice).status_code == 503
    assert ask(practice, "DELETE", "/faults").json()["faults"] == []
    assert graph(practice).status_code == 401


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({}, "face: found None; expected one of entra, graph"),
        ({"face": "graph", "kind": "fire"}, "kind: found 'fire'; expected one of latency"),
        ({"face": "graph", "kind": "drop", "often": 3}, "often: no such field; expected any of face"),
        ({"face": "graph", "kind": "drop", "times": -1}, "times: found -1; expected a number from 0"),
        ({"face": "graph", "kind": "drop", "times": 1.5}, "times: found 1.5; expected a number from 0"),
        ({"face": "graph", "kind": "latency", "seconds": 1e9}, "seconds: found 1000000000.0; expected a number"),
        ({"face": "graph", "kind": "drop", "operation": "("}, "operation: "),
        ({"face": "graph", "kind": "drop", "tenant": 3}, "tenant: found 3; expected text"),
    ],
)
def test_a_wrong_fault_is_answered_with_the_field_and_what_would_be_right(
    practice: Cloud, fault: dict[str, Any], complaint: str
) -> None:
    answer = ask(practice, "POST", "/faults", fault)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(complaint)
    assert practice.faults.armed == ()


def test_calling_off_wakes_whom_a_latency_keeps_waiting_and_the_door_opens_meanwhile(practice: Cloud) -> None:
    practice.faults.add("graph", "latency", seconds=60, times=0)
    began = datetime.now(UTC)
    with ThreadPoolExecutor(24) as crowd:
        waiting = [crowd.submit(graph, practice) for _ in range(24)]
        assert ask(practice, "DELETE", "/faults").status_code == 200
        for one in waiting:
            one.result(timeout=30)
    assert datetime.now(UTC) - began < timedelta(seconds=30)


def test_lags_and_the_clock_are_set_and_go_back(practice: Cloud) -> None:
    practice.faults.usual = (timedelta(seconds=2), timedelta(seconds=3), timedelta(seconds=60))
    told = ask(practice, "PATCH", "/settings", {"directory_lag_s": 9, "skew_s": 91 * 86_400}).json()
    assert told == {"directory_lag_s": 9, "exchange_lag_s": 0, "policy_lag_s": 0, "skew_s": 91 * 86_400}
    assert practice.backend.now() - datetime.now(UTC) > timedelta(days=90)
    told = ask(practice, "DELETE", "/faults").json()
    assert told == {"faults": [], "directory_lag_s": 2, "exchange_lag_s": 3, "policy_lag_s": 60, "skew_s": 0}
    practice.faults.usual = (timedelta(), timedelta(), timedelta())


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"lag": 1}, "lag: no such setting; expected any of directory_lag_s"),
        ({"skew_s": "1"}, "skew_s: found '1'; expected seconds from"),
        ({"exchange_lag_s": -1}, "exchange_lag_s: found -1; expected seconds from 0"),
        ({"exchange_lag_s": True}, "exchange_lag_s: found True; expected seconds from 0"),
    ],
)
def test_a_wrong_setting_changes_nothing(practice: Cloud, given: dict[str, Any], complaint: str) -> None:
    answer = ask(practice, "PATCH", "/settings", given)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(complaint)
    assert practice.backend.now() - datetime.now(UTC) < timedelta(seconds=5)


def test_what_microsoft_does_to_passwords_can_be_tried_today(practice: Cloud) -> None:
    assert ask(practice, "PATCH", "/tenants/woodgrove", {"basic_smtp": "removed"}).status_code == 200
    with practice.states.reading("woodgrove") as tenant:
        assert tenant.exchange.basic_smtp_at(practice.backend.now()) == "removed"
    assert ask(practice, "PATCH", "/tenants/woodgrove", {"basic_smtp": "gone"}).status_code == 400
    assert ask(practice, "PATCH", "/tenants/nowhere", {"basic_smtp": "on"}).status_code == 404
    ask(practice, "PATCH", "/tenants/woodgrove", {"basic_smtp": "as announced"})


@pytest.mark.parametrize("account", [7, "", "ada"])
def test_a_tenant_that_no_story_tells_of_has_no_sender_to_move(practice: Cloud, account: Any) -> None:
    assert ask(practice, "PATCH", "/tenants/woodgrove", {"moved": account}).status_code == 400


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [(datetime(2026, 12, 31, 23, tzinfo=UTC), "on"), (datetime(2027, 1, 1, tzinfo=UTC), "off by default")],
)
def test_as_announced_passwords_work_until_the_end_of_december(moment: datetime, allowed: str) -> None:
    assert woodgrove().estate.tenant.exchange.basic_smtp_at(moment) == allowed


def imap_is_on(practice: Cloud) -> bool:
    """Whether Ada's mailbox takes IMAP, as the mail servers know it."""
    with practice.states.reading("woodgrove") as tenant:
        box = tenant.exchange_in_force(practice.backend.now()).mailbox("ada@woodgrove.example")
        assert box is not None
        return box.imap_enabled


def switch(practice: Cloud, *, on: bool) -> None:
    with (
        practice.states.changing("woodgrove") as tenant,
        tenant.change_exchange(practice.backend.now(), practice.faults.exchange_lag) as exchange,
    ):
        box = exchange.mailbox("ada@woodgrove.example")
        assert box is not None
        box.imap_enabled = on


@pytest.mark.parametrize("wrong", [{"skew_s": 86_400}, {"exchange_lag_s": 80_000}], ids=["clock", "lag"])
def test_a_change_made_while_the_clock_or_the_lag_was_wrong_does_not_outlast_it(
    practice: Cloud, wrong: dict[str, float]
) -> None:
    practice.faults.usual = (timedelta(), timedelta(seconds=0.4), timedelta(seconds=0.4))
    ask(practice, "PATCH", "/settings", {"exchange_lag_s": 0.4, **wrong})
    switch(practice, on=False)
    assert imap_is_on(practice), "it spreads"
    ask(practice, "DELETE", "/faults")
    ends = datetime.now(UTC) + timedelta(seconds=5)
    while imap_is_on(practice) and datetime.now(UTC) < ends:
        time.sleep(0.05)
    assert not imap_is_on(practice)
    switch(practice, on=True)
    while not imap_is_on(practice) and datetime.now(UTC) < ends:
        time.sleep(0.05)
    assert imap_is_on(practice)
    practice.faults.usual = (timedelta(), timedelta(), timedelta())


def test_a_fault_for_a_tenant_that_is_not_there_is_refused(practice: Cloud) -> None:
    answer = ask(practice, "POST", "/faults", {"face": "imap", "kind": "drop", "tenant": "nobody"})
    assert answer.status_code == 404
    assert answer.json()["error"] == "tenant: found 'nobody'; expected one of woodgrove."
    assert practice.faults.armed == ()
