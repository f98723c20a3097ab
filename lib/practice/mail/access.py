"""Who may open which mailbox, and what keeps them out: the state in force in, a decision out; no sockets.

The server model (facts of Exchange's PopImap server): stage A authenticates the credential; stage B
finds the directory user of the login name, applies the protocol switches, wants a mailbox with a
primary address, and opens it. Refused in stage A, a client is told that authentication failed;
stopped in stage B, that it is authenticated but not connected. Submission has one stage and one text.

Reports give two symptoms for some causes. These rules choose between them, by the state alone:

- ``user=`` names nobody's sign-in name and no mailbox's primary address (an alias, a group, nothing):
  stage A refuses (I6). It names an account whose mailbox the token does not open: stage B (I11).
- An app lacks FullAccess on the mailbox: stage B (I10), or stage A (I4) where the organization's `ungranted_apps`
  says so. What it has on other mailboxes is nothing to this one. Submission answers both alike (S8).
- A mailbox's primary address differs from its account's sign-in name: IMAP and POP look the login name
  up as a sign-in name, so the address ends in stage B (I13). Submission takes either.
- POP is as IMAP is: a switch that is off or a permission that is missing is stage B (P3), although POP's
  plain refusal has been reported for both too (P1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from ..management_scopes import covers
from ..state import Directory, Exchange, ExchangePrincipal, Mailbox, User
from ..tokens import tenant_of

__all__ = [
    "OUTLOOK",
    "Admission",
    "Protocol",
    "Stage",
    "View",
    "basic_barrier",
    "mailbox_of",
    "may_send_as",
    "sending_barrier",
    "submission_switch",
    "token",
]

Protocol = Literal["imap", "pop", "smtp"]
Stage = Literal["refused", "unconnected", "open"]

OUTLOOK: Final = frozenset(
    {
        "https://outlook.office365.com",
        "https://outlook.office.com",
        "https://outlook.office365.us",
        "https://partner.outlook.cn",
        "00000002-0000-0ff1-ce00-000000000000",
    }
)
"""Audiences that the mail servers take."""

_SCOPES: Final = {"imap": "IMAP.AccessAsUser.All", "pop": "POP.AccessAsUser.All", "smtp": "SMTP.Send"}
_ROLES: Final = {"imap": "IMAP.AccessAsApp", "pop": "POP.AccessAsApp", "smtp": "SMTP.SendAsApp"}
_RBAC_ROLE: Final = "Application SMTP.SendAsApp"


@dataclass(frozen=True)
class View:
    """A tenant as the mail servers know it at one moment."""

    tenant_id: str
    directory: Directory
    exchange: Exchange


@dataclass(frozen=True)
class Admission:
    """What became of a sign-in to a mailbox.

    Args:
        stage: How far it came.
        reason: What stopped it, in words for a trainer; '' where nothing did.
        mailbox: The guid of the mailbox it is about; '' in stage A.
        until: When the token ends; None for a password.
    """

    stage: Stage
    reason: str = ""
    mailbox: str = ""
    until: datetime | None = None


def token(view: View, protocol: Protocol, user: str, claims: Mapping[str, Any]) -> Admission:
    """Return what a token that was signed here, and is in force, opens.

    Args:
        view: The tenant of the mailbox's domain.
        protocol: Which server asks.
        user: The SASL user name.
        claims: The token's claims.
    """
    wrong = _not_for_us(view, claims)
    if wrong:
        return Admission("refused", wrong)
    ends = datetime.fromtimestamp(float(claims["exp"]), UTC)
    box = _addressed(view, user)
    if "scp" in claims:
        found = _delegated(view, protocol, user, box, claims)
    else:
        found = _app_only(view, protocol, user, box, claims)
    return Admission(found.stage, found.reason, found.mailbox, ends)


def mailbox_of(view: View, protocol: Protocol, user: str) -> Mailbox | str:
    """Return the mailbox that a login name opens in stage B, or what stops it."""
    account = _account(view, user)
    box = view.exchange.mailbox(account.id) if account else None
    if account is None and protocol == "smtp":
        box = _by_primary(view, user)
    if account is None and box is None:
        return "the login name is no account's sign-in name"
    if box is None:
        return "the account has no mailbox"
    if not {"imap": box.imap_enabled, "pop": box.pop_enabled, "smtp": True}[protocol]:
        return f"{protocol.upper()} is off for the mailbox"
    return _empty(view, box) or box


def basic_barrier(view: View, user: str, now: datetime) -> Literal["", "removed", "Tenant", "Mailbox", "policy"]:
    """Return what Exchange itself has against a password for submission, before Entra is asked.

    The final removal comes first, then the protocol's switches, then the authentication policy: the
    account's own, or else the organization's default. Without any, what Microsoft allows decides; one
    that allows it is taken to overrule the "off by default" of December 2026 (which act will is unverified).
    """
    box = _addressed(view, user)
    allowed = view.exchange.basic_smtp_at(now)
    if allowed == "removed":
        return "removed"
    switch = submission_switch(view.exchange, box)
    if switch:
        return switch
    policy = view.exchange.policy_at(box, now)
    if policy is None:
        return "policy" if allowed == "off by default" else ""
    # A switch that a policy does not name is off: that is the default of a new one.
    return "" if policy.allow_basic.get("Smtp", False) else "policy"


def submission_switch(exchange: Exchange, box: Mailbox | None) -> Literal["", "Tenant", "Mailbox"]:
    """Return what turns client submission off for a mailbox: its own switch, or else the organization's."""
    if box is not None and box.smtp_auth_disabled is not None:
        return "Mailbox" if box.smtp_auth_disabled else ""
    return "Tenant" if exchange.smtp_auth_disabled else ""


def sending_barrier(view: View, box: Mailbox, sender: str) -> Literal["", "restricted", "not as"]:
    """Return what keeps the mailbox that authenticated from sending as *sender*, or as nobody."""
    if box.restricted:
        return "restricted"
    return "" if not sender or may_send_as(view, box, sender) else "not as"


def may_send_as(view: View, box: Mailbox, sender: str) -> bool:
    """Whether the mailbox that authenticated may send as *sender*: itself, or by SendAs that it holds."""
    account = view.directory.user(box.user_id)
    own = {box.primary_smtp.lower(), *map(str.lower, box.aliases)}
    if account is not None:
        own.add(account.user_principal_name.lower())
    if sender.lower() in own:
        return True
    other = view.exchange.mailbox(sender)
    trustees = _trustees(view, box.user_id)
    return other is not None and any(
        one.recipient == other.guid and one.trustee in trustees and "SendAs" in one.rights
        for one in view.exchange.recipient_permissions
    )


# --- stage A --------------------------------------------------------------------------------------


def _not_for_us(view: View, claims: Mapping[str, Any]) -> str:
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience.rstrip("/") not in OUTLOOK:
        return "the token's audience is no Outlook host"
    if tenant_of(claims) != view.tenant_id:
        return "the token is another tenant's"
    return ""


def _words(claim: object) -> Sequence[str]:
    if isinstance(claim, str):
        return claim.split()
    return [one for one in claim if isinstance(one, str)] if isinstance(claim, list) else []


def _delegated(view: View, protocol: Protocol, user: str, box: Mailbox | None, claims: Mapping[str, Any]) -> Admission:
    signed_in = view.directory.user(str(claims.get("oid") or "-"))
    if _SCOPES[protocol] not in _words(claims["scp"]):
        return Admission("refused", f"the token lacks the scope {_SCOPES[protocol]}")
    if signed_in is None:
        return Admission("refused", "the token's user is not in the directory")
    if signed_in.user_type == "Guest" or "#EXT#" in signed_in.user_principal_name.upper():
        return Admission("refused", "the token's user is a guest")
    if box is None and _account(view, user) is None:
        return Admission("refused", "user= is no sign-in name and no mailbox's primary address")
    opened = mailbox_of(view, protocol, user)
    if isinstance(opened, str):
        return _stopped(protocol, opened, box)
    if opened.user_id != signed_in.id and opened.guid not in _full_access(view, _trustees(view, signed_in.id)):
        return _stopped(protocol, "the token's user has no permission on the mailbox", opened)
    if protocol == "smtp" and opened.kind == "SharedMailbox" and not _licensed(view, opened):
        return Admission("refused", "a shared mailbox without a licence cannot submit for a delegate", opened.guid)
    return Admission("open", mailbox=opened.guid)


def _app_only(view: View, protocol: Protocol, user: str, box: Mailbox | None, claims: Mapping[str, Any]) -> Admission:
    oid, app_id = claims.get("oid"), claims.get("appid")
    mirrored = next((one for one in view.exchange.principals if oid and one.object_id == oid), None)
    if mirrored is None or mirrored.app_id != app_id:
        return Admission("refused", "no Exchange service principal has the token's object id")
    with_role = _ROLES[protocol] in _words(claims.get("roles"))
    if not with_role and (protocol != "smtp" or not _rbac(view, mirrored, box)):
        return Admission("refused", f"the token lacks the role {_ROLES[protocol]}")
    if box is None and _account(view, user) is None:
        return Admission("refused", "user= is no sign-in name and no mailbox's primary address")
    granted = _full_access(view, frozenset({mirrored.sid, mirrored.object_id}))
    opened = mailbox_of(view, protocol, user)
    if isinstance(opened, str):
        return _stopped(protocol, opened, box)
    if with_role and opened.guid not in granted:
        if view.exchange.ungranted_apps == "refused":
            return Admission("refused", "the app has no FullAccess on the mailbox")
        return _stopped(protocol, "the app has no FullAccess on the mailbox", opened)
    return Admission("open", mailbox=opened.guid)


def _stopped(protocol: Protocol, reason: str, box: Mailbox | None) -> Admission:
    return Admission("refused" if protocol == "smtp" else "unconnected", reason, box.guid if box else "")


def _rbac(view: View, app: ExchangePrincipal, box: Mailbox | None) -> bool:
    """Whether RBAC for Applications lets *app* submit from the mailbox: the path of a token without the role."""
    return box is not None and any(
        held.role == _RBAC_ROLE
        and held.assignee_type == "ServicePrincipal"
        and held.assignee in (app.object_id, app.sid, app.guid, app.app_id)
        and covers(view.exchange, view.directory, held.scope, box)
        for held in view.exchange.role_assignments
    )


# --- the mailbox ----------------------------------------------------------------------------------


def _account(view: View, user: str) -> User | None:
    wanted = user.lower()
    return next((one for one in view.directory.users if one.user_principal_name.lower() == wanted), None)


def _by_primary(view: View, user: str) -> Mailbox | None:
    wanted = user.lower()
    return next((one for one in view.exchange.mailboxes if one.primary_smtp.lower() == wanted), None)


def _addressed(view: View, user: str) -> Mailbox | None:
    """Return the mailbox that a name stands for, by sign-in name first and by primary address else."""
    account = _account(view, user)
    return (view.exchange.mailbox(account.id) if account else None) or _by_primary(view, user)


def _empty(view: View, box: Mailbox) -> str:
    if box.soft_deleted:
        return "the mailbox was removed"
    if box.kind == "MailUser":
        return "the mailbox is not in Exchange Online"
    if not box.primary_smtp:
        return "the mailbox has no primary address"
    if box.kind == "UserMailbox" and not _licensed(view, box):
        return "the account has no licence"
    return ""


def _licensed(view: View, box: Mailbox) -> bool:
    owner = view.directory.user(box.user_id)
    return owner is not None and owner.licensed


def _trustees(view: View, user_id: str) -> frozenset[str]:
    return frozenset({user_id, *(one.id for one in view.directory.groups if user_id in one.members)})


def _full_access(view: View, trustees: frozenset[str]) -> set[str]:
    """Return the guids of the mailboxes that any of *trustees* has FullAccess on, where none of them is denied it."""
    held = [one for one in view.exchange.mailbox_permissions if one.trustee in trustees and "FullAccess" in one.rights]
    return {one.mailbox for one in held} - {one.mailbox for one in held if one.deny}
