"""What the mail servers make of a token: who is let in, who half, and who not; the failure catalogue on the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msal
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from practice import cloud
from practice.estates import Estate
from practice.faults import Face
from practice.mail import access
from practice.state import Group
from practice.tokens import Keys
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES, ROLES, SCOPES
from tests.practice.mailrefusals import (
    FACES,
    HALF,
    IMAP_HALF,
    IMAP_NO,
    IMAP_OK,
    NO,
    OK,
    POP_HALF,
    SMTP_OK,
    Break,
    Kind,
    both,
    exchange,
    granted_elsewhere,
    guest,
    having,
    mailbox_gone,
    principal_of,
    token_of,
    unchanged,
    ungranted,
)
from tests.practice.woodgrove import SECRET, TENANT, Woodgrove, woodgrove

pytest_plugins = ["tests.practice.mailfixtures"]


TOLD_AT_ONCE = having("exchange", ungranted_apps="refused")


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("kind", "claims", "broken", "user"),
    [
        pytest.param(
            "delegated", {"aud": "https://graph.microsoft.com"}, unchanged, ADA, id="I1/P1/S12: Graph's token"
        ),
        pytest.param(
            "app", {}, principal_of(lambda served: served.daemon.id), ADA, id="I2/P1/S8: the registration's id"
        ),
        pytest.param("app", {}, lambda served: exchange(served).principals.clear(), ADA, id="I3/P1/S8: no principal"),
        pytest.param("app", {}, both(ungranted, TOLD_AT_ONCE), ADA, id="I4/P1/S8: FullAccess on no mailbox"),
        pytest.param("app", {}, both(granted_elsewhere, TOLD_AT_ONCE), ADA, id="I4/P1/S8: FullAccess on another"),
        pytest.param("app", {"roles": ["full_access_as_app"]}, unchanged, ADA, id="I5/P1/S8: another role"),
        pytest.param("app", {"roles": None}, unchanged, ADA, id="I5/P1/S8: no role"),
        pytest.param(
            "delegated",
            {},
            having("ada_box", aliases=["sales@woodgrove.example"]),
            "sales@woodgrove.example",
            id="I6: alias",
        ),
        pytest.param("delegated", {}, unchanged, "nobody@woodgrove.example", id="I6: nobody"),
        pytest.param("delegated", {}, unchanged, "ada@nowhere.example", id="unknown domain"),
        pytest.param("delegated", {}, unchanged, f"{ADA}\\invoices", id="E7: the old form of a shared mailbox"),
        pytest.param("delegated", {"scp": "Mail.Read"}, unchanged, ADA, id="no scope of the protocol"),
        pytest.param("delegated", {}, guest, ADA, id="S12: guest"),
        pytest.param(
            "delegated", {"tid": "another", "iss": "https://sts.windows.net/another/"}, unchanged, ADA, id="tenant"
        ),
        pytest.param("delegated", {"iss": "https://sts.windows.net/another/"}, unchanged, ADA, id="issuer"),
        pytest.param("delegated", {"exp": 1_000_000_000}, unchanged, ADA, id="expired"),
        pytest.param("delegated", {"aud": ["https://outlook.office.com"]}, unchanged, ADA, id="a list as audience"),
        pytest.param("delegated", {"oid": "no-one"}, unchanged, ADA, id="a user who is gone"),
    ],
)
def test_a_token_is_refused_for_what_is_wrong_with_it(
    face: Face,
    kind: Kind,
    claims: dict[str, Any],
    broken: Break,
    user: str,
    practice: cloud.Cloud,
    served: Woodgrove,
) -> None:
    with mailing.changing(practice, served):
        broken(served)
    assert mailing.sign_in(practice, face, user, token_of(practice, served, kind, claims)) == NO[face]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("kind", "broken", "user"),
    [
        pytest.param("app", ungranted, ADA, id="I10/P3/S8: FullAccess on no mailbox"),
        pytest.param("app", granted_elsewhere, ADA, id="I10/P3/S8: FullAccess on another mailbox"),
        pytest.param("delegated", unchanged, "admin@woodgrove.example", id="I11/P3/S10: somebody else's mailbox"),
        pytest.param("delegated", mailbox_gone, ADA, id="I16: no mailbox"),
        pytest.param("delegated", having("ada", licensed=False), ADA, id="I16: no licence"),
        pytest.param("delegated", having("ada_box", kind="MailUser"), ADA, id="I16: mail user"),
        pytest.param("delegated", having("ada_box", soft_deleted=True), ADA, id="I16: removed"),
        pytest.param("delegated", having("ada_box", primary_smtp=""), ADA, id="I16: no primary address"),
    ],
)
def test_a_mailbox_that_cannot_be_opened_leaves_reading_authenticated_but_not_connected(
    face: Face, kind: Kind, broken: Break, user: str, practice: cloud.Cloud, served: Woodgrove
) -> None:
    with mailing.changing(practice, served):
        broken(served)
    assert mailing.sign_in(practice, face, user, token_of(practice, served, kind, {})) == HALF[face]


@pytest.mark.parametrize("kind", ["delegated", "app"])
@pytest.mark.parametrize("face", FACES)
def test_a_tenant_in_order_refuses_nothing(face: Face, kind: Kind, practice: cloud.Cloud, served: Woodgrove) -> None:
    assert mailing.sign_in(practice, face, ADA, token_of(practice, served, kind, {})) == OK[face]


@pytest.mark.parametrize(("face", "said"), [("imap", IMAP_HALF), ("pop", POP_HALF), ("smtp", SMTP_OK)])
def test_a_protocol_that_is_off_for_the_mailbox_is_not_connected(
    face: Face, said: tuple[str, str], practice: cloud.Cloud, served: Woodgrove
) -> None:
    """I12, P3; submission has a switch of its own."""
    with mailing.changing(practice, served):
        served.ada_box.imap_enabled = served.ada_box.pop_enabled = False
    assert mailing.sign_in(practice, face, ADA, mailing.delegated(practice, served)) == said


def test_an_address_that_is_no_sign_in_name_reaches_no_mailbox(practice: cloud.Cloud, served: Woodgrove) -> None:
    """I13; the sign-in name does."""
    with mailing.changing(practice, served):
        served.ada_box.primary_smtp = "a.byron@woodgrove.example"
    token = mailing.delegated(practice, served)
    assert mailing.sign_in(practice, "imap", "a.byron@woodgrove.example", token) == IMAP_HALF
    assert mailing.sign_in(practice, "imap", ADA, token) == IMAP_OK
    assert mailing.sign_in(practice, "smtp", "a.byron@woodgrove.example", token) == SMTP_OK


def test_a_forged_signature_is_refused(practice: cloud.Cloud, served: Woodgrove) -> None:
    own = practice.backend.keys
    practice.backend.keys = Keys.fresh()
    forged = mailing.delegated(practice, served)
    practice.backend.keys = own
    assert mailing.sign_in(practice, "imap", ADA, forged) == IMAP_NO


@pytest.mark.parametrize("face", ["imap", "pop"])
def test_a_delegate_opens_a_shared_mailbox(face: Face, practice: cloud.Cloud, served: Woodgrove) -> None:
    token = mailing.delegated(practice, served)
    assert mailing.sign_in(practice, face, INVOICES, token)[0] == OK[face][0]
    with mailing.changing(practice, served):
        exchange(served).mailbox_permissions[0].deny = True
    assert mailing.sign_in(practice, face, INVOICES, token) == HALF[face]


def test_full_access_by_a_group_counts(practice: cloud.Cloud, served: Woodgrove) -> None:
    group = Group(display_name="Clerks", members=[served.ada.id])
    with mailing.changing(practice, served):
        served.estate.tenant.directory.groups.append(group)
        exchange(served).mailbox_permissions[0].trustee = group.id
    assert mailing.sign_in(practice, "imap", INVOICES, mailing.delegated(practice, served)) == IMAP_OK


def test_a_change_counts_once_its_lag_is_over(practice: cloud.Cloud, served: Woodgrove) -> None:
    token, now = mailing.delegated(practice, served), practice.backend.now()
    with practice.states.changing(TENANT) as tenant, tenant.change_exchange(now, timedelta(minutes=5)) as exchange:
        found = exchange.mailbox(ADA)
        assert found is not None
        found.imap_enabled = False
    assert mailing.sign_in(practice, "imap", ADA, token) == IMAP_OK
    practice.faults.clock.skew = timedelta(minutes=6)
    assert mailing.sign_in(practice, "imap", ADA, token) == IMAP_HALF


def test_the_mailboxes_domain_picks_the_tenant(practice: cloud.Cloud, served: Woodgrove) -> None:
    other = Estate("lucerne", "Lucerne", "lucerne.example", "7b1b0c7e-0a5d-4a62-9f2f-2f1a1c4f9b10", datetime.now(UTC))
    other.mailbox(other.user("ada", "Ada of Lucerne"))
    practice.states.put(other.tenant)
    token = mailing.delegated(practice, served)
    assert mailing.sign_in(practice, "imap", "ada@lucerne.example", token) == IMAP_NO
    assert mailing.sign_in(practice, "imap", ADA, token) == IMAP_OK


_CLAIMS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from([TENANT, *ROLES, SCOPES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(
    claims=st.dictionaries(st.sampled_from(["aud", "iss", "tid", "scp", "roles", "oid", "appid", "upn"]), _CLAIMS),
    user=st.one_of(st.text(max_size=40), st.sampled_from([ADA, INVOICES])),
)
def test_claims_of_any_kind_are_judged(claims: dict[str, Any], user: str) -> None:
    tenant = woodgrove().estate.tenant
    view = access.View(TENANT, tenant.directory, tenant.exchange)
    own = {"aud": "https://outlook.office.com", "iss": f"https://sts.windows.net/{TENANT}/", "tid": TENANT}
    for protocol in ("imap", "pop", "smtp"):
        assert access.token(view, protocol, user, {**own, "exp": 1_800_000_000, **claims}).stage == "refused"


def test_tokens_that_entra_issues_are_taken(practice: cloud.Cloud, served: Woodgrove) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(practice.ca_file)
        app = msal.ConfidentialClientApplication(
            served.daemon.app_id,
            SECRET,
            authority=f"{practice.base_url}/{TENANT}",
            instance_discovery=False,
            http_client=session,
        )
        issued = app.acquire_token_for_client(["https://outlook.office365.com/.default"])
    for face in FACES:
        assert mailing.sign_in(practice, face, ADA, issued["access_token"]) == OK[face]
