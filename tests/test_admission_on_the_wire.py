"""mailauth.admission against servers: what is worked out from the settings is what a sign-in over the wire meets.

The settings are a pairwise covering set, and those in which one thing alone differs from a mailbox in order. The part
of Exchange is read as its cmdlets show it, that of Entra through Graph, and the doors are then tried with a password
and with tokens. ActiveSync has no server here: the plain computation covers it alone.
"""

import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from mailauth import admission, organization
from mailauth.admission import DOORS, Effective, Kind, Protocol
from mailauth.conditions import Conditions
from mailauth.organization import Organization
from mailauth.plan import Cmdlet
from mailauth.services import conditions
from mailauth.services.client import Pace
from mailauth.services.exchange import Exchange as Administration
from practice import cloud
from practice.state import AuthenticationPolicy, ConditionalAccessPolicy, Exchange, Group, Mailbox
from practice.wellknown import GRAPH, SIGN_IN_WORD
from tests.admissions import Setting, pairwise, records
from tests.exchanging import Credential, mailauth_cloud
from tests.practice import mailing, tokens
from tests.practice.asking import Asking
from tests.practice.browsing import Browser
from tests.practice.mailing import ADA, INVOICES
from tests.practice.woodgrove import TENANT, Woodgrove, woodgrove

FACTORS: Final = {
    "tenant": ("on", "off"),
    "mailbox": ("inherit", "on", "off"),
    "policy": ("none", "lets", "does not let"),
    "default": ("none", "lets", "does not let"),
    "defaults": ("off", "on"),
    "access": ("none", "blocks", "asks", "reports", "excluded", "disabled"),
    "reading": ("on", "off"),
    "whose": ("person", "shared", "licensed shared"),
    "account": ("enabled", "disabled"),
}
PAIRS: Final = pairwise(FACTORS)
IN_ORDER: Final = {
    "tenant": "on",
    "mailbox": "inherit",
    "policy": "none",
    "default": "none",
    "defaults": "off",
    "access": "none",
    "reading": "on",
    "whose": "person",
    "account": "enabled",
}
# Where all is open but for one thing, that thing alone decides; among pairs something else mostly closes as well.
ALONE: Final = [IN_ORDER | {name: value} for name, values in FACTORS.items() for value in values[1:]]
LETTING: Final = [
    IN_ORDER | {"policy": "lets", "default": "does not let"},
    IN_ORDER | {"tenant": "off", "mailbox": "on"},
]
SETTINGS: Final = [IN_ORDER, *ALONE, *LETTING, *PAIRS]
_ROWS: Final = (
    "Get-TransportConfig",
    "Get-OrganizationConfig",
    "Get-AuthenticationPolicy",
    "Get-Mailbox",
    "Get-CASMailbox",
    "Get-User",
)


@dataclass(frozen=True)
class Tried:
    """A tenant under one setting: what is worked out, and what a server says."""

    practice: cloud.Cloud
    made: Woodgrove
    address: str
    found: Effective

    def opens(self, protocol: Protocol, kind: Kind) -> bool:
        """Whether a sign-in gets in, over the wire."""
        if kind == "password":
            return _with_password(self.practice, protocol, self.address)
        token = (mailing.delegated if kind == "delegated" else mailing.app_only)(self.practice, self.made)
        said, then = mailing.sign_in(self.practice, protocol, self.address, token)
        return said.startswith(("OK", "+OK", "235")) and then.startswith(("OK", "+OK", "250"))


@pytest.fixture(scope="module")
def practice() -> Iterator[cloud.Cloud]:
    with cloud.start([]) as up:
        yield up


@pytest.fixture
def tried(practice: cloud.Cloud, request: pytest.FixtureRequest) -> Tried:
    setting: Setting = request.param
    made = woodgrove()
    _set(made, setting)
    practice.states.put(made.estate.tenant)
    mailing.forget(practice, TENANT)
    address = ADA if setting["whose"] == "person" else INVOICES
    held, directory = _exchange(practice, made), _entra(practice, made)
    box = held.mailbox(address)
    assert box is not None
    found = admission.effective(box, held, directory, now=practice.backend.now())
    return Tried(practice, made, address, found)


@pytest.mark.parametrize("tried", SETTINGS, indirect=True, ids=lambda each: "-".join(each.values()))
def test_what_is_worked_out_is_what_the_servers_do(tried: Tried) -> None:
    """Unknown is right only where a document leaves it open; everything else is known here."""
    for protocol, kind in DOORS:
        if protocol == "eas" or (kind == "delegated" and not tried.made.ada.account_enabled):
            continue
        answer = tried.found.answer(protocol, kind)
        if answer.state == "unknown":
            assert answer.decides.rule == "shared mailbox"
        else:
            assert tried.opens(protocol, kind) == (answer.state == "open"), (protocol, kind, answer.decides)


def test_the_settings_hold_every_pair() -> None:
    pairs = {
        (one, value, other, second)
        for each in PAIRS
        for one, value in each.items()
        for other, second in each.items()
        if one < other
    }
    wanted = {
        (one, value, other, second)
        for one, values in FACTORS.items()
        for other, seconds in FACTORS.items()
        if one < other
        for value in values
        for second in seconds
    }
    assert pairs == wanted


def _set(made: Woodgrove, setting: Setting) -> None:
    exchange = made.estate.tenant.exchange
    exchange.basic_smtp = "on"  # passwords are tried here after Microsoft's date too
    exchange.smtp_auth_disabled = setting["tenant"] == "off"
    _policies(exchange, setting)
    box = made.ada_box if setting["whose"] == "person" else made.invoices
    owner = made.estate.tenant.directory.user(box.user_id)
    assert owner is not None
    owner.account_enabled = setting["account"] == "enabled"
    owner.licensed = setting["whose"] != "shared"
    _switches(box, setting)
    group = Group(display_name="Left out", members=[box.user_id])
    made.estate.tenant.directory.groups.append(group)
    policies = made.estate.tenant.directory.policies
    policies.security_defaults = setting["defaults"] == "on"
    policies.conditional_access = [
        ConditionalAccessPolicy.model_validate(each) for each in records(setting["access"], group.id)
    ]


def _policies(exchange: Exchange, setting: Setting) -> None:
    exchange.authentication_policies = [
        AuthenticationPolicy(name="lets", allow_basic={"Smtp": True}),
        AuthenticationPolicy(name="does not let", allow_basic={"Smtp": False}),
    ]
    exchange.default_authentication_policy = setting["default"].replace("none", "")


def _switches(box: Mailbox, setting: Setting) -> None:
    box.smtp_auth_disabled = {"inherit": None, "on": False, "off": True}[setting["mailbox"]]
    box.authentication_policy = setting["policy"].replace("none", "")
    box.imap_enabled = box.pop_enabled = setting["reading"] == "on"


def _exchange(practice: cloud.Cloud, made: Woodgrove) -> Organization:
    token = tokens.of_person(practice.backend, made.estate.tenant, made.admin, "Exchange.Manage")
    where = mailauth_cloud(practice)
    with Administration(where, Credential(token), tenant_id=TENANT) as exchange:
        return organization.organization({name: exchange.invoke(Cmdlet(name)) for name in _ROWS})


def _entra(practice: cloud.Cloud, made: Woodgrove) -> Conditions:
    scopes = "Policy.Read.All Directory.Read.All AuditLog.Read.All"
    token = tokens.signed(
        practice.backend, made.estate.tenant, aud=GRAPH, oid=made.admin.id, scp=scopes, appid=made.client.app_id
    )
    ids = [made.ada.id, made.invoices.user_id]
    return conditions.read(mailauth_cloud(practice), Credential(token), ids, pace=Pace(1_000, 1.0))


def _with_password(practice: cloud.Cloud, protocol: Protocol, user: str) -> bool:
    return _LOGINS[protocol](practice, user)


def _smtp(practice: cloud.Cloud, user: str) -> bool:
    with mailing.smtp(practice) as client:
        try:
            client.login(user, SIGN_IN_WORD)
        except smtplib.SMTPAuthenticationError:
            return False
        return client.mail(user)[0] == 250


def _imap(practice: cloud.Cloud, user: str) -> bool:
    with mailing.Raw(practice, "imap") as raw:
        raw.line()
        return raw.ask(f"A1 LOGIN {user} {SIGN_IN_WORD}").startswith("A1 OK")


def _pop(practice: cloud.Cloud, user: str) -> bool:
    with mailing.Raw(practice, "pop") as raw:
        raw.line()
        raw.ask(f"USER {user}")
        return raw.ask(f"PASS {SIGN_IN_WORD}").startswith("+OK")


_LOGINS: Final[dict[Any, Callable[[cloud.Cloud, str], bool]]] = {"smtp": _smtp, "imap": _imap, "pop": _pop}


# A token that was issued is judged no more: what Conditional Access says of OAuth is met where people sign in.
MODERN: Final = {
    "none": (None, "enabled", "block"),
    "blocks": ([], "enabled", "block"),
    "asks": ([], "enabled", "mfa"),
    "leaves out": (["ada"], "enabled", "block"),
    "reports": ([], "enabledForReportingButNotEnforced", "block"),
    "is off": ([], "disabled", "block"),
}


@pytest.mark.parametrize(
    ("access", "defaults"),
    # Entra lets no policy be on beside security defaults.
    [*((access, False) for access in MODERN), ("none", True), ("reports", True), ("is off", True)],
)
def test_what_is_worked_out_for_a_person_with_oauth_is_what_entra_and_the_servers_do(
    access: str, defaults: bool, practice: cloud.Cloud
) -> None:
    made = woodgrove()
    left_out, state, control = MODERN[access]
    policies = made.estate.tenant.directory.policies
    policies.security_defaults = defaults
    if left_out is not None:
        policies.conditional_access = [_modern([made.ada.id] if left_out else [], state, control)]
    practice.states.put(made.estate.tenant)
    mailing.forget(practice, TENANT)
    held = _exchange(practice, made)
    box = held.mailbox(ADA)
    assert box is not None
    found = admission.effective(box, held, _entra(practice, made), now=practice.backend.now())
    assert _with_oauth(practice, made) == (found.answer("imap", "delegated").state == "open")


def _modern(left_out: list[str], state: Any, control: str) -> ConditionalAccessPolicy:
    made = {
        "displayName": "Modern",
        "state": state,
        "conditions": {
            "users": {"includeUsers": ["All"], "excludeUsers": left_out},
            "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["browser", "mobileAppsAndDesktopClients"],
        },
        "grantControls": {"operator": "OR", "builtInControls": [control]},
    }
    return ConditionalAccessPolicy.model_validate(made)


def _with_oauth(practice: cloud.Cloud, made: Woodgrove) -> bool:
    """Return whether Ada signs in with what she has, a second factor too, and opens her mailbox over IMAP."""
    asking, browser = Asking(made, practice), Browser(practice)
    page = browser.sign_in(asking.authorize(browser), ADA, SIGN_IN_WORD)
    if "approve" in page.buttons:
        page = browser.press(page, "approve")
    if "code" not in page.sent:
        return False
    token = asking.redeem(page.sent["code"])["access_token"]
    said, then = mailing.sign_in(practice, "imap", ADA, token)
    return said.startswith("OK") and then.startswith("OK")
