"""What the library finds in the practice tenants' files is what happened there."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mailauth import answers, decisions, signins, tenants
from mailauth.coverage import Window
from mailauth.decisions import Decisions
from mailauth.findings import Findings, Group
from mailauth.services import archive
from mailauth.summary import Answers
from practice import expected, files
from practice import signins as practised
from practice import tenants as practice
from practice.expected import Sender
from practice.fabrikam import FABRIKAM
from practice.signins import Event

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=365), NOW)
TOLD = ("contoso", "fabrikam", "adatum")
CLOUD = {
    **{name: f"https://localhost:8443/{name}" for name in ("login", "graph", "logs", "exchange")},
    **dict.fromkeys(("imap", "pop", "smtp"), "localhost:9993"),
    "mail_resource": "https://outlook.office365.com",
}


@cache
def happened(name: str) -> tuple[Event, ...]:
    return practised.events(practice.world_of(name), TODAY)


@dataclass(frozen=True)
class Case:
    """A tenant as the library sees it, with and without a person's decisions, and those that match nothing."""

    decided: Findings
    undecided: Findings
    adoption: frozenset[tuple[date, str]]
    unmatched: tuple[str, ...]


def look(tenant: tenants.Tenant, cache: Path) -> Case:
    (source,) = [source for source in tenant.sources if source.kind == "files"]
    registered = [app.client_id for app in tenant.mail_apps]
    with archive.open(tenant.tenant_id, source.patterns, base=source.base, cache=cache) as engine:

        def found(made: Decisions) -> tuple[Findings, Answers]:
            parameters = answers.Parameters.standard(
                signins.Thresholds.standard(),
                named_networks=[network.network for network in made.networks],
                registered_apps=registered,
            )
            answered = answers.ask(engine, window=WINDOW, parameters=parameters, now=NOW)
            findings = signins.assess(
                answered, tenant_id=tenant.tenant_id, now=NOW, decisions=made, registered_apps=registered
            )
            return findings, answered

        made = decisions.load(tenant.decisions) if tenant.decisions else Decisions()
        decided, answered = found(made)
        undecided, _ = found(Decisions())
    rows = frozenset((row.day.date(), row.user or row.app) for row in answered.adoption)
    seen = ((group.user, group.protocol, group.network.address) for group in decided.groups)
    return Case(decided, undecided, rows, made.unmatched(seen))


def tenants_file(folder: Path) -> Path:
    """Write the four tenants with their logs as files, those of a workspace as one archive."""
    practice.write_exports(folder, TODAY)
    (folder / "decisions").mkdir()
    for name in practice.NAMES:
        (folder / "decisions" / f"{name}.yaml").write_text(practice.decided(name, TODAY), encoding="utf-8")
    entries = {name: practice.entry(name, ".") for name in practice.NAMES}
    for name in ("contoso", "adatum"):
        rows = practised.deliveries(happened(name), TODAY)
        records = (files.diagnostic_record(practice.world_of(name), row) for row in rows)
        (folder / name / "signins.json").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
        entries[name]["signin_logs"] = [{"files": [f"{name}/signins.json"]}]
    path = folder / "tenants.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"clouds": {"practice": CLOUD}, "tenants": [*entries.values()]}, file)
    return path


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("practice")
    held = tenants.load(tenants_file(folder))
    return {name: look(held.tenant(name), folder / "cache" / name) for name in held.names}


def shown(findings: Findings, sender: Sender) -> list[Group]:
    return [
        group
        for group in findings.groups
        if (group.user, group.app_id, group.network.address) == (sender.user, sender.app_id, sender.network)
        and (not sender.protocol or group.protocol == sender.protocol)
    ]


SENDERS = {
    name: [
        one
        for one in expected.senders(practice.world_of(name), happened(name))
        if one.verdict not in ("modern", "not_mail")
    ]
    for name in TOLD
}
EACH = [
    pytest.param(name, one, id=f"{name} {one.user.partition('@')[0]} {one.protocol}")
    for name in TOLD
    for one in SENDERS[name]
]


@pytest.mark.parametrize(("name", "sender"), EACH)
def test_each_sender_is_found_once_with_its_verdict(cases: dict[str, Case], name: str, sender: Sender) -> None:
    (group,) = shown(cases[name].decided, sender)
    assert (group.verdict, group.population) == (sender.verdict, sender.population), sender.stories
    assert (group.successes, group.days_active) == (sender.successes, sender.days_active)
    (group,) = shown(cases[name].undecided, sender)
    assert group.verdict == sender.unnamed, sender.stories


@pytest.mark.parametrize("name", TOLD)
def test_no_sender_is_found_that_is_none(cases: dict[str, Case], name: str) -> None:
    told = {(sender.user, sender.network) for sender in SENDERS[name]}
    groups = [group for group in cases[name].decided.groups if group.verdict != "attack_noise"]
    assert {(group.user, group.network.address) for group in groups} == told


@pytest.mark.parametrize("name", TOLD)
def test_attacks_are_counted_once_and_apart(cases: dict[str, Case], name: str) -> None:
    truth, found = expected.guesses(practice.world_of(name), happened(name)), cases[name].decided.attacks
    # Guesses at an account from the address that got in later stand with that compromise.
    with_ines = sum(event.key == "before ines" and event.user.startswith("ines.") for event in happened(name))
    assert found.sign_ins == truth.sign_ins - with_ines
    assert (found.accounts, found.networks) == (truth.accounts, truth.networks)


@pytest.mark.parametrize("name", TOLD)
def test_adoption_is_counted_in_sender_days(cases: dict[str, Case], name: str) -> None:
    assert cases[name].adoption == expected.adoption(practice.world_of(name), happened(name))


def test_what_has_nothing_to_do_with_mail_is_counted_apart(cases: dict[str, Case]) -> None:
    apart = [sender for sender in expected.senders(FABRIKAM, happened("fabrikam")) if sender.verdict == "not_mail"]
    assert sum(cases["fabrikam"].decided.not_mail.values()) == sum(sum(one.codes.values()) for one in apart)


def test_contoso_is_quiet_and_shows_who_moved(cases: dict[str, Case]) -> None:
    found = cases["contoso"].decided
    assert (found.state, found.attention) == ("quiet", ())
    assert {group.user for group in found.groups if group.moved} == {
        "scanner@contoso.example",
        "copier.norwich@contoso.example",
    }
    assert cases["contoso"].unmatched == ()


def test_fabrikam_is_exposed(cases: dict[str, Case]) -> None:
    assert cases["fabrikam"].decided.state == "exposed"


def test_northwinds_logs_cannot_answer(cases: dict[str, Case]) -> None:
    found = cases["northwind"].decided
    assert found.state == "cannot know"
    assert found.missing_days
    assert any(record.state == "partial" and "truncated" in record.reason for record in found.coverage)
    assert any(group.user == "shop@northwind.example" for group in found.groups)


def test_adatum_has_not_begun(cases: dict[str, Case]) -> None:
    found = cases["adatum"].decided
    assert (found.state, found.headline.senders, found.headline.attention) == ("exposed", 1, 0)
    assert not cases["adatum"].adoption
