"""services/client: the pace, the retries, and where the token goes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from mailauth.clouds import Cloud
from mailauth.errors import AccessError, SourceError, UnreachableError
from mailauth.services.client import Graph, Pace, status
from tests.graphserver import Clock, Credential, Fault, World, cloud, days_ago, serving, sign_in

SIGN_INS = "/beta/auditLogs/signIns"


@pytest.fixture
def world() -> World:
    return World(records=[sign_in(1, days_ago(1))])


@pytest.fixture
def lab(world: World, tmp_path: Path) -> Iterator[Cloud]:
    with serving(world, tmp_path) as where:
        yield where


@pytest.fixture
def graph(lab: Cloud, world: World) -> Iterator[Graph]:
    pace = Pace(monotonic=world.clock.monotonic, sleep=world.clock.sleep)
    with Graph(lab, Credential(), pace=pace) as client:
        yield client


def test_the_pace_lets_a_burst_through_and_then_waits_for_the_span() -> None:
    clock = Clock()
    pace = Pace(3, 10.0, monotonic=clock.monotonic, sleep=clock.sleep)
    for _ in range(7):
        pace.wait()
    assert clock.slept == [10.0, 10.0]


def test_retries_keep_the_pace_too(graph: Graph, world: World) -> None:
    world.limit = 5
    world.faults = [Fault(503, "ServiceUnavailable", times=5)]
    graph.get(SIGN_INS)
    graph.get(SIGN_INS)
    assert world.throttled == 0


def test_a_gateway_timeout_is_the_callers_to_answer(graph: Graph, world: World) -> None:
    world.faults = [Fault(504, "GatewayTimeout", headers={"Retry-After": "600"})]
    with pytest.raises(SourceError) as caught:
        graph.get(SIGN_INS)
    assert status(caught.value) == 504
    assert (len(world.asked), world.clock.slept) == (1, [])


def test_v1_refuses_what_beta_answers(graph: Graph) -> None:
    kind = {"$filter": "signInEventTypes/any(t: t eq 'interactiveUser')"}
    assert graph.get(SIGN_INS, kind)["value"]
    with pytest.raises(SourceError, match="Could not find a property named 'signInEventTypes'"):
        graph.get("/v1.0/auditLogs/signIns", kind)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda base: "https://collector.example/graph/x", id="host"),
        pytest.param(lambda base: base.replace("https", "http") + "/x", id="scheme"),
        pytest.param(lambda base: base.replace("localhost", "localhost.collector.example") + "/x", id="longer host"),
        pytest.param(
            lambda base: base.replace("https://", "https://localhost@collector.example:443/?") + "/x", id="userinfo"
        ),
        pytest.param(lambda base: base.replace("https://", "https://user:word@") + "/x", id="credentials"),
        pytest.param(lambda base: base.removesuffix("/graph") + "/login/x", id="path"),
        pytest.param(lambda base: base + "/../login/x", id="dots"),
        pytest.param(lambda base: base + "/%2e%2e/login/x", id="encoded dots"),
        pytest.param(lambda base: "https://localhost:port/graph/x", id="no number"),
        pytest.param(lambda base: "/graph/x", id="relative"),
        pytest.param(lambda base: "", id="empty"),
    ],
)
def test_a_link_to_any_other_place_is_not_followed(graph: Graph, world: World, change: Any) -> None:
    with pytest.raises(SourceError, match="not followed") as caught:
        graph.follow(change(graph.base))
    assert caught.value.code == "foreign nextLink"
    assert world.asked == []


def test_a_redirect_does_not_take_the_token_along(graph: Graph, world: World, lab: Cloud) -> None:
    world.faults = [Fault(302, "Found", headers={"Location": f"{lab.graph}/elsewhere"})]
    with pytest.raises(SourceError, match="302"):
        graph.get(SIGN_INS)
    assert len(world.asked) == 1


def test_a_graph_without_tls_never_sees_the_token() -> None:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    clock = Clock()
    where = cloud(f"http://127.0.0.1:{server.server_port}")
    with (
        Graph(where, Credential(), pace=Pace(sleep=clock.sleep)) as plain,
        pytest.raises(UnreachableError, match="non-TLS"),
    ):
        plain.get(SIGN_INS)
    server.shutdown()
    server.server_close()
    assert seen == []


def test_an_authority_that_the_cloud_does_not_name_is_not_trusted(lab: Cloud, world: World) -> None:
    with (
        Graph(cloud(lab.graph), Credential(), pace=Pace(sleep=world.clock.sleep)) as stranger,
        pytest.raises(UnreachableError, match="certificate"),
    ):
        stranger.get(SIGN_INS)


def test_a_credential_that_fails_is_a_refusal_with_a_remedy(lab: Cloud) -> None:
    class Broken:
        def get_token(self, *_scopes: str, **_options: Any) -> Any:
            raise ClientAuthenticationError("AADSTS700082: the refresh token has expired")

    with Graph(lab, Broken()) as refused, pytest.raises(AccessError, match="AADSTS700082") as caught:
        refused.get(SIGN_INS)
    assert "Sign in again" in caught.value.remedy


def test_no_error_holds_the_token(graph: Graph, world: World) -> None:
    for number in (400, 401, 403, 404, 504):
        world.faults = [Fault(number, "code", times=9)]
        with pytest.raises(SourceError) as caught:
            graph.get(SIGN_INS)
        assert "token-of-the-runbook" not in repr(caught.value) + str(caught.value)
        assert caught.value.code.startswith(str(number))
