"""The practice tenants as Graph shows them: whole, without what is private, and as far as their licence goes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mailauth import answers, evidence, reportonly
from mailauth.coverage import Window
from mailauth.services import archive, graph, live, segments
from mailauth.verdicts import Thresholds
from practice import cloud, credentials, signins, tenants
from practice.graph.routes import Routes
from practice.ledger import Copy, copies
from practice.limits import GraphLimits
from practice.wellknown import ROLES, SIGN_IN_WORD
from practice.world import World
from tests import graphserver
from tests.practice.graphclient import ALL, Client, Lab
from tests.practice.woodgrove import woodgrove

NOW = datetime.now(UTC)
TODAY = NOW.date()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All four tenants, with the sign-ins that their stories tell."""
    given = credentials.kept(tmp_path_factory.mktemp("keys"), tenants.NAMES)
    with cloud.start([tenants.build(name, NOW, given[name]) for name in tenants.NAMES]) as practice:
        practice.backend.graph = GraphLimits(reports=0)
        for name in tenants.NAMES:
            world = tenants.world_of(name)
            practice.backend.ledger.fill(world.tenant_id, "test", partial(rows, world))
        found = Lab(woodgrove(), practice)
        yield found
        found.close()


def rows(world: World) -> Iterator[Copy]:
    return copies(world, signins.deliveries(signins.events(world, TODAY), TODAY))


def administrator(found: Lab, name: str, scopes: str = ALL) -> Client:
    """Return the tenant's administrator, with all that can be asked for, or with these scopes."""
    with found.practice.states.reading(name) as tenant:
        admin = ROLES["Global Administrator"]
        held = [one.principal_id for one in tenant.directory.role_assignments if one.role_template_id == admin]
        who = next(one for one in tenant.directory.users if one.id in held)
        issuer = f"https://sts.windows.net/{tenant.tenant_id}/"
        return found.client(found.token(tid=tenant.tenant_id, iss=issuer, oid=who.id, appid=who.id, scp=scopes))


@pytest.mark.parametrize("name", tenants.NAMES)
def test_everything_that_can_be_listed_is_and_nothing_private_with_it(lab: Lab, name: str) -> None:
    lists = [one.path for one in Routes(lab.practice.backend).operations if one.method == "GET" and "{" not in one.path]
    client = administrator(lab, name)
    with lab.practice.states.reading(name) as tenant:
        hashes = [held.secret_hash for app in tenant.directory.applications for held in app.password_credentials]
    assert len(lists) > 20
    for path in lists:
        answer = client.ask("GET", f"/beta/{path}", headers={"ConsistencyLevel": "eventual"})
        licensed = name != "northwind" or "signIns" not in path
        assert answer.status_code == (200 if licensed else 403), (path, answer.text[:300])
        assert not [word for word in (SIGN_IN_WORD, "assignedTo", *hashes) if word in answer.text], path


def reading(found: Lab, folder: Path, scopes: str = ALL) -> live.Run:
    """Return what reads contoso's log into *folder*."""
    return live.Run(
        found.cloud(),
        graphserver.Credential(administrator(found, "contoso", scopes).token),
        tenants.world_of("contoso").tenant_id,
        folder,
        clock=lambda: NOW,
        sleep=lambda _: None,
        monotonic=iter(range(0, 1_000_000, 10)).__next__,
    )


@pytest.mark.parametrize(
    ("scopes", "carried"),
    [
        pytest.param("AuditLog.Read.All", "none", id="without the permission"),
        pytest.param("AuditLog.Read.All Policy.Read.All", "all", id="with it"),
    ],
)
def test_graph_says_what_policies_did_only_to_who_may_read_them(
    lab: Lab, tmp_path: Path, scopes: str, carried: str
) -> None:
    fetched = tmp_path / "graph"
    graph.fetch(reading(lab, fetched, scopes), names=("IMAP4", "Authenticated SMTP"), clients=(), site_limit=0)
    window = Window(NOW - timedelta(days=29), NOW)
    parameters = answers.Parameters.standard(Thresholds.standard())
    with archive.open("", [], base=tmp_path, cache=tmp_path / "cache", fetched=fetched) as engine:
        found = answers.ask(engine, window=window, parameters=parameters, now=NOW)
    told = evidence.plain(reportonly.summarise(found.policies))
    assert reportonly.carried({"data": {"report_only": told}}) == {"graph": carried}


def test_the_librarys_reader_finds_the_legacy_sign_ins_that_the_story_tells(lab: Lab, tmp_path: Path) -> None:
    world = tenants.world_of("contoso")
    names = ("IMAP4", "POP3", "Authenticated SMTP")
    said: dict[str, Any] = {}
    for one in graph.fetch(reading(lab, tmp_path / "graph"), names=names, clients=(), site_limit=0):
        said[one.what] = one
    files = [str(path) for path in segments.found(tmp_path / "graph")["SigninLogs"]]
    with segments.connect() as engine:
        query = "SELECT DISTINCT Id FROM read_parquet($files) WHERE list_contains($names, ClientAppUsed)"
        found = {one for (one,) in engine.execute(query, {"files": files, "names": list(names)}).fetchall()}
    told = {
        event.id
        for event in signins.events(world, TODAY)
        if event.table == "SigninLogs" and event.client in names and (NOW - event.at).days < 29
    }
    assert told
    assert told <= found
    assert said["interactive sign-ins by legacy mail clients"].state == "complete"
