"""The catalogue on the practice cloud: how to bring a tenant into the state behind each row, or why state cannot.

A row is here for each protocol that shows it. `ELSEWHERE` says of the rest why no state of a tenant produces it, and
what tests it instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mailauth.proof import Stage
from practice.faults import Face
from practice.state import ManagementRoleAssignment
from practice.wellknown import SIGN_IN_WORD
from tests.practice.asking import ADA, IMAP, OUTLOOK, Asking
from tests.practice.mailing import INVOICES
from tests.practice.mailrefusals import (
    Break,
    Kind,
    both,
    exchange,
    granted_elsewhere,
    guest,
    having,
    mailbox_gone,
    principal_of,
    unchanged,
    ungranted,
)
from tests.practice.woodgrove import SECRET, Woodgrove

__all__ = ["ELSEWHERE", "ENTRA", "MAIL", "TWO", "Mail"]


@dataclass(frozen=True)
class Mail:
    """A state of a tenant in which a mail server refuses.

    Args:
        row: What is behind it.
        face: By which protocol it is tried.
        kind: Whose token.
        broken: What brings the tenant into the state.
        claims: What the token says other than a right one; None takes a claim out.
        user: The mailbox in ``user=``.
        stage: How far the login comes.
        sender: The address in MAIL FROM.
        rbac: Whether the app is to send by a role in Exchange.
        other: A protocol that is tried too, as a control.
        second: What else is wrong.
        name: What tells it from others of the row.
    """

    row: str
    face: Face
    kind: Kind
    broken: Break = unchanged
    claims: Mapping[str, Any] = field(default_factory=dict)
    user: str = ADA
    stage: Stage = "authenticate"
    sender: str = ""
    rbac: bool = False
    other: Face | None = None
    second: str = ""
    name: str = ""

    @property
    def id(self) -> str:
        """Its name in a test."""
        return " ".join(filter(None, (self.row, self.face, self.name)))


_GRAPH: Final = {"aud": "https://graph.microsoft.com"}
_AT_ONCE: Final = having("exchange", ungranted_apps="refused")
_LATE: Final = having("exchange", ungranted_apps="not connected")


def _clear_principals(made: Woodgrove) -> None:
    exchange(made).principals.clear()


def _by_role(made: Woodgrove) -> None:
    app = exchange(made).principals[0]
    exchange(made).role_assignments.append(
        ManagementRoleAssignment(
            name="Send", role="Application SMTP.SendAsApp", assignee=app.object_id, assignee_type="ServicePrincipal"
        )
    )


def _each(row: str, kind: Kind, *faces: Face, **how: Any) -> tuple[Mail, ...]:
    return tuple(Mail(row, face, kind, **how) for face in faces)


MAIL: Final = (
    *_each("I1", "delegated", "imap", "pop", claims=_GRAPH),
    *_each("S12", "delegated", "smtp", claims=_GRAPH),
    *_each("S12", "delegated", "smtp", claims={"upn": "ada_fabrikam.example#EXT#@woodgrove.example"}, broken=guest,
           name="guest"),
    *_each("I2", "app", "imap", "pop", "smtp", broken=principal_of(lambda made: made.daemon.id)),
    *_each("I3", "app", "imap", "pop", "smtp", broken=_clear_principals),
    *_each("I4", "app", "imap", "pop", broken=both(ungranted, _AT_ONCE), name="on none"),
    *_each("I4", "app", "smtp", broken=ungranted),
    *_each("I4", "app", "imap", "pop", "smtp", broken=both(granted_elsewhere, _AT_ONCE), name="on another"),
    *_each("I5", "app", "imap", "pop", "smtp", claims={"roles": ["full_access_as_app"]}, name="another role"),
    *_each("I5", "app", "imap", "pop", "smtp", claims={"roles": None}, name="no role"),
    *_each("I6", "delegated", "imap", "pop", user="sales@woodgrove.example",
           broken=having("ada_box", aliases=["sales@woodgrove.example"]), name="alias"),
    *_each("I6", "delegated", "imap", "pop", user="nobody@woodgrove.example", name="nobody"),
    *_each("I10", "app", "imap", "pop", broken=both(ungranted, _LATE), stage="command"),
    *_each("I11", "delegated", "imap", "pop", user="admin@woodgrove.example", stage="command"),
    Mail("I12", "imap", "app", having("ada_box", imap_enabled=False), stage="command"),
    Mail("I12", "imap", "delegated", having("ada_box", imap_enabled=False), stage="command", name="a person"),
    Mail("I12", "pop", "app", having("ada_box", pop_enabled=False), stage="command"),
    *_each("I13", "delegated", "imap", "pop", broken=having("ada", user_principal_name="a.byron@woodgrove.example"),
           claims={"upn": "a.byron@woodgrove.example"}, stage="command"),
    *_each("I16", "delegated", "imap", "pop", broken=having("ada", licensed=False), stage="command", name="licence"),
    *_each("I16", "delegated", "imap", "pop", broken=having("ada_box", soft_deleted=True), stage="command",
           name="removed"),
    *_each("I16", "app", "imap", "pop", broken=mailbox_gone, stage="command", name="gone"),
    *_each("S1", "app", "smtp", broken=having("exchange", smtp_auth_disabled=True)),
    *_each("S2", "delegated", "smtp", broken=having("ada_box", smtp_auth_disabled=True)),
    *_each("S9", "app", "smtp", broken=both(_by_role, ungranted), rbac=True),
    *_each("S10", "delegated", "smtp", user="admin@woodgrove.example"),
    *_each("S11", "delegated", "smtp", user=INVOICES, other="imap"),
    *_each("S14", "delegated", "smtp", stage="command", sender="admin@woodgrove.example"),
    *_each("S20", "delegated", "smtp", broken=having("ada_box", restricted=True), stage="command"),
    *_each("E7", "delegated", "imap", "pop", "smtp", user=f"{ADA}\\invoices"),
    *_each("T1", "app", "imap", "pop", "smtp", claims={"exp": 1_000_000_000}),
    *_each("T2", "app", "imap", "pop", "smtp", claims={"tid": "another", "iss": "https://sts.windows.net/another/"}),
    *_each("T3", "delegated", "imap", "pop", "smtp", claims={"scp": "Mail.Read"}),
    *_each("T4", "delegated", "imap", "pop", broken=guest,
           claims={"upn": "ada_fabrikam.example#EXT#@woodgrove.example"}),
    *_each("T5", "app", "smtp", claims={"roles": None}, rbac=True),
    *_each("T6", "app", "imap", "pop", "smtp", user="nobody@woodgrove.example"),
)  # fmt: skip
"""States in which a mail server refuses a token."""

TWO: Final = (
    *_each("I5", "app", "imap", "pop", "smtp", second="I3", claims={"roles": None}, broken=_clear_principals),
    *_each("I5", "app", "imap", "pop", "smtp", second="I4", claims={"roles": None}, broken=ungranted),
    *_each("I2", "app", "imap", "pop", "smtp", second="T1", claims={"exp": 1_000_000_000},
           broken=principal_of(lambda made: made.daemon.id)),
    *_each("I3", "app", "imap", "smtp", second="T2", broken=_clear_principals,
           claims={"tid": "another", "iss": "https://sts.windows.net/another/"}),
    Mail("I10", "imap", "app", both(ungranted, _LATE, having("ada_box", imap_enabled=False)), stage="command",
         second="I12"),
    Mail("I12", "pop", "delegated", both(having("ada", licensed=False), having("ada_box", pop_enabled=False)),
         stage="command", second="I16"),
    *_each("S12", "delegated", "smtp", second="S10", claims=_GRAPH, user="admin@woodgrove.example"),
)  # fmt: skip
"""States with two faults at once."""

Ask = Callable[[Asking], dict[str, Any]]


def _after(break_: Callable[[Any, Asking], object], ask: Ask) -> Ask:
    """Return what breaks the directory and asks then."""

    def act(entra: Asking) -> dict[str, Any]:
        with entra.changing() as directory:
            break_(directory, entra)
        return ask(entra)

    return act


def _daemon(**form: str) -> Ask:
    return lambda entra: entra.daemon(**form)


def _password(word: str = SIGN_IN_WORD, **form: str) -> Ask:
    return lambda entra: entra.password(word, **form)


def _ended(directory: Any, _: Asking) -> None:
    for app in directory.applications:
        for one in app.password_credentials:
            one.end_date_time = datetime.now(UTC) - timedelta(days=1)


def _set_ada(**values: Any) -> Callable[[Any, Asking], object]:
    def act(directory: Any, entra: Asking) -> None:
        ada = next(one for one in directory.users if one.id == entra.made.ada.id)
        for name, value in values.items():
            setattr(ada, name, value)

    return act


def _set_client(**values: Any) -> Callable[[Any, Asking], object]:
    def act(directory: Any, entra: Asking) -> None:
        principal = next(one for one in directory.service_principals if one.app_id == entra.made.client.app_id)
        for name, value in values.items():
            setattr(principal, name, value)

    return act


def _disabled(directory: Any, entra: Asking) -> None:
    principal = next(one for one in directory.service_principals if one.app_id == entra.made.daemon.app_id)
    principal.account_enabled = False


def _unconsented(directory: Any, _: Asking) -> None:
    directory.grants.clear()


def _private(directory: Any, entra: Asking) -> None:
    next(
        one for one in directory.applications if one.app_id == entra.made.client.app_id
    ).is_fallback_public_client = False


def _common(entra: Asking) -> dict[str, Any]:
    sent = {"client_id": entra.made.client.app_id, "username": ADA, "password": SIGN_IN_WORD, "scope": IMAP}
    return entra.token("common", grant_type="password", **sent)


ENTRA: Final[Mapping[str, Ask]] = {
    "AADSTS65001": _after(_unconsented, _password()),
    "AADSTS700016": _daemon(client_id="11111111-0000-4000-8000-000000000000"),
    "AADSTS7000112": _after(_disabled, _daemon()),
    "AADSTS7000215": _daemon(client_secret="not the secret"),
    "AADSTS7000222": _after(_ended, _daemon()),
    "AADSTS7000218": _after(_private, _password()),
    "AADSTS700025": _password(client_secret=SECRET),
    "AADSTS500011": _daemon(scope="https://outlook.contoso.example/.default"),
    "AADSTS70011": _password(scope="https://outlook.office.com/No.Such.Permission,offline_access"),
    "AADSTS28000": _password(scope=f"{IMAP} https://graph.microsoft.com/User.Read"),
    "AADSTS1002012": _daemon(scope="https://outlook.office365.com/IMAP.AccessAsApp"),
    "AADSTS90002": lambda entra: entra.token(
        "nowhere.example", grant_type="client_credentials", client_id=entra.made.daemon.app_id, client_secret=SECRET,
        scope=OUTLOOK,
    ),
    "AADSTS50194": _common,
    "AADSTS9001023": lambda entra: entra.token(
        "common", grant_type="client_credentials", client_id=entra.made.daemon.app_id, client_secret=SECRET,
        scope=OUTLOOK,
    ),
    "AADSTS50020": _password(username="nobody@woodgrove.example"),
    "AADSTS50105": _after(_set_client(app_role_assignment_required=True), _password()),
    "AADSTS50057": _after(_set_ada(account_enabled=False), _password()),
    "AADSTS50126": _password("not the word"),
}  # fmt: skip
"""States in which Entra gives no token, with the request that meets them."""

_CLIENT: Final = "A fault of the client's: ours does not make it. A pasted log of one that does is tested."
_PASSWORD: Final = (
    "Said to a password alone: tests/practice/test_practice_mail_submission.py says it, a line is pasted."
)
_BROWSER: Final = "Told in a browser, not to whoever asks for a token: tests/practice has it, an address is pasted."
_FAULT: Final = "No state but a fault or a limit of the servers': the line is pasted."
_NOT_MADE: Final = "The practice cloud does not tell this number; the row is tested by its number."
_GRAPH_SIDE: Final = "Told by Graph or a cmdlet, not by a login: the plans' own tests meet it, the text is pasted."
_NO_STATE: Final = (
    "Not a refusal of its own: it follows from what changed lately, or from what people read into a value."
)

ELSEWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("I7", "I8", "I17", "I21", "I24", "P2", "P5", "S13", "S15", "S16", "T8", "T9", "T10"), _CLIENT),
    **dict.fromkeys(("I9", "P4", "S3", "S4", "S5", "S6", "S7", "T7"), _PASSWORD),
    **dict.fromkeys(("I14", "I18", "I19", "I20", "S17", "S18", "S19", "I22", "I23"), _FAULT),
    "I15": "About personal accounts of outlook.com, which the practice cloud has none of.",
    **dict.fromkeys(("P1", "P3", "S8"), "Stands for the rows it covers, which are produced by POP and SMTP too."),
    **dict.fromkeys(("AADSTS65004", "AADSTS90094", "AADSTS900971", "AADSTS50011", "AADSTS50199"), _BROWSER),
    **dict.fromkeys(
        (
            "AADSTS700027", "AADSTS700024", "AADSTS650052", "AADSTS650056", "AADSTS50076",
            "AADSTS50078", "AADSTS53003", "AADSTS50173", "AADSTS54005", "AADSTS70016", "AADSTS65002", "AADSTS90055",
        ),
        "The practice cloud tells it after several steps (tests/practice/test_practice_entra_*); tested by its number.",
    ),
    **dict.fromkeys(
        ("AADSTS500133", "AADSTS900382", "AADSTS530035", "AADSTS53011", "AADSTS50196", "AADSTS500021"), _NOT_MADE
    ),
    **dict.fromkeys(("G1", "G2", "G3", "G4", "G5", "G8", "G9", "E1", "E2", "E3", "E6"), _GRAPH_SIDE),
    **dict.fromkeys(("G6", "G7", "E4", "E5"), _NO_STATE),
}  # fmt: skip
"""Why a row is not among `MAIL` and `ENTRA`."""
