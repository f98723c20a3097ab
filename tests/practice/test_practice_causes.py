"""From a state of a practice tenant, over the wire, to its cause: the catalogue's rows that state can produce."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from mailauth import catalogue, causes, tokens
from mailauth.causes import Diagnosis
from mailauth.dialogue import bearer
from mailauth.proof import Attempt, NoToken
from mailauth.services import mail, organization
from mailauth.signs import Evidence
from mailauth.tenants import FlowKind, Protocol
from practice.faults import Face
from tests import exchanging
from tests.catalogue import ELSEWHERE, ENTRA, MAIL, TWO, Mail
from tests.exchanging import Lab
from tests.practice import mailing
from tests.practice.asking import Asking
from tests.practice.mailrefusals import Kind, token_of
from tests.practice.woodgrove import TENANT, woodgrove


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with exchanging.administering() as found:
        yield found


def _broken(lab: Lab, one: Mail) -> Lab:
    """Return the administration of a tenant in order, but for what *one* breaks."""
    made = woodgrove()
    one.broken(made)
    lab.practice.states.put(made.estate.tenant)
    mailing.forget(lab.practice, TENANT)
    return replace(lab, made=made)


def _tried(lab: Lab, one: Mail) -> Attempt:
    made, practice = lab.made, lab.practice
    token = token_of(practice, made, one.kind, dict(one.claims))
    cloud = exchanging.mailauth_cloud(practice)
    senders = (one.sender,) if one.sender else ()
    talk = mail.talk(cloud, cast("Protocol", one.face), bearer(one.user, token), senders=senders)
    flow: FlowKind = "secret" if one.kind == "app" else "interactive"
    client = made.daemon if one.kind == "app" else made.client
    claims = tokens.read(token).record()
    at = datetime.now(UTC)
    return Attempt(one.user, talk.protocol, "app", client.app_id, flow, talk.outcome, at, claims=claims, talk=talk)


def _evidence(lab: Lab, one: Mail) -> Evidence:
    attempt = _tried(lab, one)
    others = (_tried(lab, replace(one, face=one.other)),) if one.other else ()
    # Exchange cannot be asked about what is no address.
    asked = [] if "\\" in one.user else [one.user]
    with lab.as_person(lab.made.admin) as exchange:
        held = organization.read(exchange, mailboxes=asked, trustees=asked, sizes=False)
    enterprise = lab.made.daemon_principal if one.kind == "app" else lab.made.client_principal
    return Evidence(
        attempt=attempt,
        organization=held,
        others=others,
        tenant_id=TENANT,
        enterprise_id=enterprise.id,
        rbac=one.rbac,
        sender=one.sender,
        changes=(),
    )


def _place(row: str, found: Diagnosis) -> int:
    return next((place for place, each in enumerate(found.causes, 1) if row in each.rows), 0)


@pytest.mark.parametrize("one", MAIL, ids=lambda one: one.id)
def test_a_refusal_on_the_wire_leads_to_its_cause(one: Mail, lab: Lab) -> None:
    known = _evidence(_broken(lab, one), one)
    assert known.attempt
    assert known.attempt.talk
    assert (known.attempt.outcome, known.attempt.talk.stage) == ("refused", one.stage), known.attempt.talk.lines
    found = causes.diagnose(known, now=datetime.now(UTC))
    shown = [(each.rows, each.standing, each.because) for each in found.causes]
    assert _place(one.row, found) == 1, (known.attempt.talk.reply, shown, found.ruled_out)


@pytest.mark.parametrize("one", TWO, ids=lambda one: f"{one.id} and {one.second}")
def test_of_two_faults_at_once_both_are_named_and_none_is_certain(one: Mail, lab: Lab) -> None:
    found = causes.diagnose(_evidence(_broken(lab, one), one), now=datetime.now(UTC))
    places = {_place(one.row, found), _place(one.second, found)}
    assert places <= {1, 2, 3}, [(each.rows, each.standing) for each in found.causes]
    assert 1 in places
    assert "certain" not in {each.standing for each in found.causes}


@pytest.mark.parametrize("face", ["imap", "pop", "smtp"])
@pytest.mark.parametrize("kind", ["app", "delegated"])
def test_a_tenant_in_order_has_no_cause(face: Face, kind: Kind, lab: Lab) -> None:
    one = Mail("none", face, kind)
    known = _evidence(_broken(lab, one), one)
    assert known.attempt
    assert known.attempt.outcome == "ok"
    assert causes.diagnose(known, now=datetime.now(UTC)) == Diagnosis()


@pytest.mark.parametrize("row", ENTRA)
def test_no_token_leads_to_its_cause(row: str, lab: Lab) -> None:
    made = _broken(lab, Mail("none", "imap", "app")).made
    answer = ENTRA[row](Asking(made, lab.practice))
    code, said = f"AADSTS{answer['error_codes'][0]}", str(answer["error_description"])
    flow: FlowKind = "secret" if "7000" in code or "1002012" in code else "interactive"
    at = datetime.now(UTC)
    attempt = Attempt(
        mailing.ADA,
        "imap",
        "app",
        made.daemon.app_id,
        flow,
        "no_token",
        at,
        no_token=NoToken(code, answer["error"], said),
    )
    found = causes.diagnose(Evidence(attempt=attempt, changes=()), now=at)
    assert _place(row, found) == 1, (code, [each.rows for each in found.causes])


def test_each_row_is_produced_or_has_a_reason_why_not() -> None:
    produced = {one.row for one in MAIL} | set(ENTRA)
    assert produced | set(ELSEWHERE) == set(catalogue.causes())
    assert produced.isdisjoint(ELSEWHERE)
