"""services/client: a change is sent once, and where nobody can tell what became of it, that is said."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from mailauth.errors import AccessError, SourceError, UnclearError, UnreachableError
from mailauth.services.client import Graph, Pace
from practice.state import PasswordCredential
from tests.practice.graphclient import ALL, Lab, lab


@dataclass
class Credential:
    """Signs in as the administrator, and remembers what it was asked for."""

    lab: Lab
    permissions: str = ALL
    asked: list[str] = field(default_factory=list)

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        self.asked += scopes
        who, app = self.lab.made.admin, self.lab.made.client
        token = self.lab.token(oid=who.id, appid=app.app_id, scp=self.permissions, upn=who.user_principal_name)
        return AccessToken(token, 2_000_000_000)


@dataclass
class Bench:
    lab: Lab
    slept: list[float] = field(default_factory=list)

    def graph(self, credential: Credential | None = None, **options: Any) -> Graph:
        pace = Pace(1000, 0.0, sleep=self.slept.append)
        cloud = replace(self.lab.cloud(), **options.pop("cloud", {}))
        return Graph(cloud, credential or Credential(self.lab), pace=pace, **options)

    @property
    def app(self) -> str:
        return f"/v1.0/applications/{self.lab.made.daemon.id}"

    @property
    def secrets(self) -> list[PasswordCredential]:
        return self.lab.made.daemon.password_credentials


@pytest.fixture
def bench() -> Iterator[Bench]:
    with lab() as found:
        yield Bench(found)


def test_each_method_changes_and_an_empty_reply_is_empty(bench: Bench) -> None:
    name = "/v1.0/applications(uniqueName='mover')"
    with bench.graph() as graph:
        made = graph.patch(name, {"displayName": "Mover"}, headers={"Prefer": "create-if-missing"})
        assert made["uniqueName"] == "mover"
        assert graph.patch(name, {"displayName": "Mover II"}) == {}
        assert graph.get(name)["displayName"] == "Mover II"
        secret = graph.post(f"/v1.0/applications/{made['id']}/addPassword", {"passwordCredential": {}})
        assert len(secret["secretText"]) == 40
        assert graph.delete(f"/v1.0/applications/{made['id']}") == {}
        with pytest.raises(SourceError, match="404 Request_ResourceNotFound"):
            graph.get(name)


@pytest.mark.parametrize("scopes", [(), ("https://graph.example/Application.ReadWrite.All",)], ids=["all", "named"])
def test_a_sign_in_is_asked_for_the_named_scopes_alone(bench: Bench, scopes: tuple[str, ...]) -> None:
    credential = Credential(bench.lab)
    with bench.graph(credential, scopes=scopes) as graph:
        graph.get(bench.app)
    assert credential.asked == list(scopes or (f"{bench.lab.cloud().graph}/.default",))


@pytest.mark.parametrize(("kind", "made"), [("drop", 0), ("truncate", 1)], ids=["before", "after"])
def test_a_connection_lost_after_sending_is_unclear_and_nothing_is_sent_again(
    bench: Bench, kind: Any, made: int
) -> None:
    bench.lab.practice.backend.faults.add("graph", kind, operation="POST")
    before = len(bench.secrets)
    with bench.graph() as graph, pytest.raises(UnclearError, match="did not say what became of it"):
        graph.post(f"{bench.app}/addPassword", {"passwordCredential": {}})
    assert len(bench.secrets) - before == made


def test_a_removal_whose_empty_reply_is_lost_is_unclear_too(bench: Bench) -> None:
    bench.lab.practice.backend.faults.add("graph", "truncate", operation="POST")
    before = len(bench.secrets)
    with bench.graph() as graph, pytest.raises(UnclearError):
        graph.post(f"{bench.app}/removePassword", {"keyId": bench.secrets[0].key_id})
    assert len(bench.secrets) == before - 1


@pytest.mark.parametrize("kind", ["throttle", "unavailable"])
def test_what_was_refused_for_now_is_waited_for_and_sent_once(bench: Bench, kind: Any) -> None:
    bench.lab.practice.backend.faults.add("graph", kind, operation="POST", seconds=9, times=2)
    before = len(bench.secrets)
    with bench.graph() as graph:
        graph.post(f"{bench.app}/addPassword", {"passwordCredential": {}})
    assert len(bench.secrets) == before + 1
    assert bench.slept == [9, 9]


def test_what_is_refused_again_and_again_was_not_done(bench: Bench) -> None:
    bench.lab.practice.backend.faults.add("graph", "throttle", operation="POST", times=0)
    with bench.graph() as graph, pytest.raises(UnreachableError, match="kept answering 429 TooManyRequests"):
        graph.post(f"{bench.app}/addPassword", {"passwordCredential": {}})


def test_a_connection_that_never_was_did_nothing(bench: Bench) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"https://localhost:{nobody.getsockname()[1]}/graph"
        with bench.graph(cloud={"graph": address}) as graph, pytest.raises(UnreachableError, match="cannot be reached"):
            graph.delete(bench.app)


def test_a_server_that_is_not_trusted_was_sent_nothing(bench: Bench) -> None:
    with bench.graph(cloud={"ca_file": None}) as graph, pytest.raises(UnreachableError, match="certificate"):
        graph.delete(bench.app)


def test_a_refusal_keeps_every_code_that_graph_gave(bench: Bench) -> None:
    unknown = "11111111-1111-1111-1111-111111111111"
    with bench.graph() as graph, pytest.raises(SourceError, match="has not reached every replica") as caught:
        graph.post("/v1.0/servicePrincipals", {"appId": unknown})
    assert caught.value.code == "400 Request_BadRequest NoBackingApplicationObject"


def test_what_a_person_may_not_do_is_refused(bench: Bench) -> None:
    reader = Credential(bench.lab, "Application.Read.All")
    with bench.graph(reader, needs="this needs X") as graph, pytest.raises(AccessError, match="this needs X") as caught:
        graph.delete(bench.app)
    assert caught.value.code == "403 Authorization_RequestDenied"
