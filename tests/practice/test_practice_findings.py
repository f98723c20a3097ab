"""What the library finds in the practice tenants' files is what happened there."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mailauth import answers, decisions, signins, tenants
from mailauth.coverage import Window
from mailauth.decisions import Decisions
from mailauth.findings import Findings, Group
from mailauth.services import archive
from mailauth.summary import Answers
from practice import configuration, expected
from practice import signins as practised
from practice.expected import Sender
from practice.fabrikam import FABRIKAM

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=365), NOW)
HAPPENED = practised.events(FABRIKAM, TODAY)


@dataclass(frozen=True)
class Case:
    """A tenant as the library sees it, with and without a person's decisions."""

    decided: Findings
    undecided: Findings
    adoption: frozenset[tuple[date, str]]


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
    return Case(decided, undecided, rows)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("practice")
    held = tenants.load(configuration.make(folder / "home", TODAY))
    return {name: look(held.tenant(name), folder / name) for name in held.names}


def shown(findings: Findings, sender: Sender) -> list[Group]:
    return [
        group
        for group in findings.groups
        if (group.user, group.app_id, group.network.address) == (sender.user, sender.app_id, sender.network)
        and (not sender.protocol or group.protocol == sender.protocol)
    ]


SENDERS = [one for one in expected.senders(FABRIKAM, HAPPENED) if one.verdict not in ("modern", "not_mail")]


@pytest.mark.parametrize("sender", SENDERS, ids=lambda one: f"{one.user.partition('@')[0]} {one.protocol}")
def test_each_sender_of_fabrikam_is_found_once_with_its_verdict(cases: dict[str, Case], sender: Sender) -> None:
    (group,) = shown(cases["fabrikam"].decided, sender)
    assert (group.verdict, group.population) == (sender.verdict, sender.population), sender.stories
    assert (group.successes, group.days_active) == (sender.successes, sender.days_active)
    (group,) = shown(cases["fabrikam"].undecided, sender)
    assert group.verdict == sender.unnamed, sender.stories


def test_no_sender_is_found_that_is_none(cases: dict[str, Case]) -> None:
    told = {(sender.user, sender.network) for sender in SENDERS}
    groups = [group for group in cases["fabrikam"].decided.groups if group.verdict != "attack_noise"]
    assert {(group.user, group.network.address) for group in groups} == told


def test_attacks_are_counted_once_and_apart(cases: dict[str, Case]) -> None:
    truth, found = expected.guesses(FABRIKAM, HAPPENED), cases["fabrikam"].decided.attacks
    # Guesses at an account from the address that got in later stand with that compromise.
    with_ines = sum(event.key == "before ines" and event.user.startswith("ines.") for event in HAPPENED)
    assert found.sign_ins == truth.sign_ins - with_ines
    assert (found.accounts, found.networks) == (truth.accounts, truth.networks)


def test_adoption_is_counted_in_sender_days(cases: dict[str, Case]) -> None:
    assert cases["fabrikam"].adoption == expected.adoption(FABRIKAM, HAPPENED)


def test_what_has_nothing_to_do_with_mail_is_counted_apart(cases: dict[str, Case]) -> None:
    apart = [sender for sender in expected.senders(FABRIKAM, HAPPENED) if sender.verdict == "not_mail"]
    assert sum(cases["fabrikam"].decided.not_mail.values()) == sum(sum(one.codes.values()) for one in apart)


def test_northwinds_logs_cannot_answer(cases: dict[str, Case]) -> None:
    found = cases["northwind"].decided
    assert found.state == "cannot know"
    assert found.missing_days
    assert any(record.state == "partial" and "truncated" in record.reason for record in found.coverage)
    assert any(group.user == "shop@northwind.example" for group in found.groups)
