"""What Exchange holds, as values: settings, policies, mailboxes, apps, and who may open and send as which mailbox.

They are made of the rows that cmdlets return, whether these came over HTTPS or out of a file that a script wrote.
Each part is None where it was not read: not read is never the same as empty, and the coverage says why.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias, TypeVar

from .coverage import Coverage
from .errors import ConfigurationError
from .plan import Cmdlet, Value, common_name

__all__ = [
    "ASKED_FOR_ALL",
    "ASKED_ONCE",
    "EVERYTHING",
    "SELF",
    "SMTP_ROLE",
    "Answer",
    "AuthenticationPolicy",
    "Domain",
    "Mailbox",
    "MailboxRight",
    "Missing",
    "Openings",
    "Organization",
    "Plan",
    "Principal",
    "RoleAssignment",
    "Row",
    "Scope",
    "SendAs",
    "Settings",
    "Switch",
    "accepted_domain",
    "authentication_policy",
    "is_policy",
    "mailbox",
    "mailbox_right",
    "named",
    "opened",
    "organization",
    "plan",
    "principal",
    "role_assignment",
    "scope",
    "send_as",
    "settings",
    "size",
]

Row: TypeAlias = Mapping[str, Any]
Switch = Literal["on", "off", "inherit", "unknown"]

SELF: Final = "NT AUTHORITY\\SELF"
"""Whom Exchange shows as the owner of a mailbox."""

SMTP_ROLE: Final = "Application SMTP.SendAsApp"
"""The management role by which an app may send without a consent; not every cloud has it."""

EVERYTHING: Final[Mapping[str, Value]] = {"ResultSize": "Unlimited"}
"""What makes a cmdlet return all that there is."""

ASKED_ONCE: Final = (
    Cmdlet("Get-TransportConfig"),
    Cmdlet("Get-OrganizationConfig"),
    Cmdlet("Get-AuthenticationPolicy"),
    Cmdlet("Get-CASMailboxPlan"),
    Cmdlet("Get-AcceptedDomain"),
    Cmdlet("Get-ServicePrincipal"),
    Cmdlet("Get-ManagementScope"),
    Cmdlet("Get-ManagementRoleAssignment"),
)
"""What tells of the organization; each takes a request, however large the tenant is."""

ASKED_FOR_ALL: Final = (
    Cmdlet("Get-Mailbox", EVERYTHING),
    Cmdlet("Get-CASMailbox", EVERYTHING),
    Cmdlet("Get-User", EVERYTHING),
    Cmdlet("Get-Recipient", {"RecipientTypeDetails": ["MailUser"], **EVERYTHING}),
)
"""What tells of all mailboxes, page by page."""

_Value = TypeVar("_Value")
_BASIC: Final = "AllowBasicAuth"
_REMOTE: Final = frozenset({"MailUser", "RemoteUserMailbox", "RemoteSharedMailbox", "RemoteRoomMailbox"})
_ADDRESS: Final = re.compile(r"[^\s@\\<>\x00-\x1f]{1,256}@[^\s@\\<>\x00-\x1f]{1,256}")
_BYTES: Final = re.compile(r"\(([\d.,\s\u00a0\u202f']+) bytes\)", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """The organization's own settings; None for what was not read.

    Args:
        smtp_off: Whether SMTP AUTH is off for every mailbox that does not say otherwise.
        legacy_tls: Whether the legacy endpoints take old TLS.
        default_policy: The authentication policy of whoever has none of their own; '' for none.
        dehydrated: Whether the organization has to be made customizable before policies, scopes and role assignments
            can be made in it.
        ews: Whether EWS is allowed; ``inherit`` where nobody said.
        ews_apps: The ids of the apps that may use it where it is on, in lower case.
        reject_direct_send: Whether mail without a sign-in from its own domains is refused.
    """

    smtp_off: bool | None = None
    legacy_tls: bool | None = None
    default_policy: str | None = None
    dehydrated: bool | None = None
    ews: Switch = "unknown"
    reject_direct_send: bool | None = None
    ews_apps: tuple[str, ...] | None = None


@dataclass(frozen=True)
class AuthenticationPolicy:
    """Which protocols take a password, for whoever has the policy.

    Args:
        name: Its name.
        basic: Whether a protocol takes one, by the end of its switch's name, such as ``Smtp``. Of these only
            ``Smtp`` still has an effect in Exchange Online.
    """

    name: str
    basic: Mapping[str, bool] = field(default_factory=dict, hash=False)

    @property
    def allow_smtp(self) -> bool | None:
        """Whether SMTP AUTH takes a password; None where that was not read, as a row has the switch in any policy."""
        return self.basic.get("Smtp")


@dataclass(frozen=True)
class Plan:
    """What a new mailbox gets: a CAS mailbox plan.

    Args:
        name: Its identity, such as ``ExchangeOnlineEnterprise-3f1ce3bc-…``.
        imap: Whether IMAP is on.
        pop: Whether POP is on.
        active_sync: Whether ActiveSync is on.
        title: What the admin center calls it.
    """

    name: str
    imap: bool | None = None
    pop: bool | None = None
    active_sync: bool | None = None
    title: str = ""


@dataclass(frozen=True)
class Mailbox:
    """A mailbox, or a mail user whose mailbox is elsewhere.

    Args:
        address: Its primary address.
        name: Its display name; hostile until a view escapes it.
        upn: What its account signs in with.
        addresses: Every SMTP address it receives at, in lower case, the primary one too.
        guid: Exchange's own id.
        object_id: The account's id in Entra (``ExternalDirectoryObjectId``); '' for a mailbox without one.
        identity: How rows of other cmdlets name it.
        kind: ``RecipientTypeDetails``, such as ``UserMailbox``, ``SharedMailbox``, ``MailUser``.
        imap: Whether IMAP is on; None where it was not read.
        pop: Whether POP is on.
        active_sync: Whether ActiveSync is on.
        smtp: SMTP AUTH: ``inherit`` follows the organization.
        authentication_policy: The account's own; '' for none, None where it was not read.
        licensed: Whether a licence is assigned.
        account_disabled: Whether nobody can sign in to its account.
        synced: Whether its account comes from on-premises, which owns some of its attributes.
        copies_sent: Whether mail sent over SMTP AUTH is copied into Sent Items.
        plan: The mailbox plan it was made from.
        used_bytes: How much it holds; read for named mailboxes only.
        quota_bytes: From how much on it cannot send; None for unlimited too.
        soft_deleted: Whether it was removed.
    """

    address: str
    name: str = ""
    upn: str = ""
    addresses: tuple[str, ...] = ()
    guid: str = ""
    object_id: str = ""
    identity: str = ""
    kind: str = ""
    imap: bool | None = None
    pop: bool | None = None
    active_sync: bool | None = None
    smtp: Switch = "unknown"
    authentication_policy: str | None = None
    licensed: bool | None = None
    account_disabled: bool | None = None
    synced: bool | None = None
    copies_sent: bool | None = None
    plan: str = ""
    used_bytes: int | None = None
    quota_bytes: int | None = None
    soft_deleted: bool = False

    @property
    def remote(self) -> bool:
        """Whether the mailbox itself is elsewhere: on-premises, or with another provider."""
        return self.kind in _REMOTE

    @property
    def names(self) -> frozenset[str]:
        """Whatever a row or a person may name it by, in lower case."""
        named = (self.address, self.upn, self.guid, self.object_id, self.identity, *self.addresses)
        return frozenset(each.lower() for each in named if each)


@dataclass(frozen=True)
class Principal:
    """An app as Exchange knows it.

    Args:
        object_id: The object id of the enterprise application; that of the registration is the classic mistake.
        app_id: The application id.
        name: Its display name; hostile until a view escapes it.
        sid: How permissions show it.
        guid: Exchange's own id of it, which is neither of the two.
    """

    object_id: str
    app_id: str
    name: str = ""
    sid: str = ""
    guid: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Whatever a permission may show it by, in lower case."""
        return frozenset(each.lower() for each in (self.object_id, self.sid, self.guid) if each)


@dataclass(frozen=True)
class MailboxRight:
    """Somebody's rights on a mailbox.

    Args:
        mailbox: The primary address, or what was asked for where no mailbox of it was read.
        trustee: A sign-in name or a SID, as Exchange shows it.
        rights: ``FullAccess`` and others.
        deny: Whether they are taken, not given.
        inherited: Whether they come from above and cannot be taken out here.
        inheritance: Whether folders have it too: ``All`` unless somebody chose otherwise.
    """

    mailbox: str
    trustee: str
    rights: tuple[str, ...]
    deny: bool = False
    inherited: bool = False
    inheritance: str = ""

    @property
    def opens(self) -> bool:
        """Whether it lets the trustee open the mailbox."""
        return not self.deny and "FullAccess" in self.rights


def opened(rights: Iterable[MailboxRight]) -> bool:
    """Whether the rights of one trustee on one mailbox let it open that; what is denied is not given by another."""
    listed = list(rights)
    denied = any(each.deny and "FullAccess" in each.rights for each in listed)
    return not denied and any(each.opens for each in listed)


@dataclass(frozen=True)
class SendAs:
    """That somebody may send as a recipient.

    Args:
        recipient: The primary address, or what the row names where no mailbox of it was read.
        trustee: A sign-in name or a SID, as Exchange shows it.
        inherited: Whether it comes from above.
    """

    recipient: str
    trustee: str
    inherited: bool = False


@dataclass(frozen=True)
class Scope:
    """A management scope.

    Args:
        name: Its name.
        filter: Which recipients it holds, in OPATH; hostile until a view escapes it.
    """

    name: str
    filter: str = ""


@dataclass(frozen=True)
class RoleAssignment:
    """A management role that an app holds.

    Args:
        name: The assignment's name.
        role: The role, such as ``Application SMTP.SendAsApp``.
        app: As which the assignment shows its holder: the object id, or a name.
        scope: The management scope; '' for the whole organization.
        enabled: Whether it counts.
    """

    name: str
    role: str
    app: str
    scope: str = ""
    enabled: bool = True


@dataclass(frozen=True)
class Domain:
    """An accepted domain.

    Args:
        name: The domain.
        default: Whether new addresses get it.
        kind: ``Authoritative``, or ``InternalRelay`` where some of its mailboxes are elsewhere.
    """

    name: str
    default: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Organization:
    """What was read; None for a part that was not.

    Args:
        settings: The organization's settings.
        policies: Its authentication policies.
        plans: Its CAS mailbox plans.
        mailboxes: Every mailbox, and every mail user.
        principals: The apps that Exchange knows.
        rights: Who may open a mailbox, by its primary address: those that were asked about, and only those.
        send_as: As whom the trustees that were asked about may send.
        trustees: Who was asked about, in lower case; None for everybody.
        scopes: The management scopes.
        assignments: The management roles that apps hold.
        smtp_role: Whether the role `SMTP_ROLE` exists here.
        domains: The accepted domains.
        coverage: What was asked, and what could not be read, with what would make it readable.
        calls: How many requests it took; 0 for what a script collected.
    """

    settings: Settings = field(default_factory=Settings)
    policies: tuple[AuthenticationPolicy, ...] | None = None
    plans: tuple[Plan, ...] | None = None
    mailboxes: tuple[Mailbox, ...] | None = None
    principals: tuple[Principal, ...] | None = None
    rights: Mapping[str, tuple[MailboxRight, ...]] = field(default_factory=dict, hash=False)
    send_as: tuple[SendAs, ...] | None = None
    trustees: frozenset[str] | None = None
    scopes: tuple[Scope, ...] | None = None
    assignments: tuple[RoleAssignment, ...] | None = None
    smtp_role: bool | None = None
    domains: tuple[Domain, ...] | None = None
    coverage: tuple[Coverage, ...] = ()
    calls: int = 0

    @cached_property
    def _named(self) -> Mapping[str, Mailbox]:
        boxes = self.mailboxes or ()
        found = {each.identity.lower(): each for each in boxes if each.identity}
        # A mailbox may be called, and its account may sign in, as another's address: whoever receives there counts.
        found |= {each.upn.lower(): each for each in boxes if each.upn}
        found |= {name.lower(): each for each in boxes for name in (each.guid, each.object_id) if name}
        found |= {address: each for each in boxes for address in each.addresses}
        return found | {each.address.lower(): each for each in boxes if each.address}

    @cached_property
    def _identified(self) -> Mapping[str, Mailbox]:
        return {each.identity.lower(): each for each in self.mailboxes or () if each.identity}

    def identified(self, identity: str) -> Mailbox | None:
        """Return the mailbox that a row of another cmdlet calls by its identity; None as for `mailbox`."""
        return self._identified.get(identity.lower()) or self.mailbox(identity)

    def mailbox(self, name: str) -> Mailbox | None:
        """Return the mailbox with an address, a sign-in name or an id; None where none has it, or none were read."""
        return self._named.get(name.lower())

    @cached_property
    def _accounts(self) -> Mapping[str, Mailbox]:
        named = {each.upn.lower(): each for each in self.mailboxes or () if each.upn}
        return named | {each.object_id.lower(): each for each in self.mailboxes or () if each.object_id}

    def signing_in(self, name: str, object_id: str = "") -> Mailbox | None:
        """Return the mailbox of an account that signs in; None as for `mailbox`.

        Another one may receive at what an account signs in with, and an account may be called otherwise since.

        Args:
            name: What it signed in with.
            object_id: Its id in Entra; empty where no record tells.
        """
        by_id = self._accounts.get(object_id.lower())
        return by_id or self._accounts.get(name.lower()) or self.mailbox(name)

    def principal(self, app_id: str) -> Principal | None:
        """Return the app with an application id; None where Exchange does not know it, or none were read."""
        return next((each for each in self.principals or () if each.app_id.lower() == app_id.lower()), None)

    def policy(self, name: str) -> AuthenticationPolicy | None:
        """Return the authentication policy with a name; None where there is none, or none were read."""
        return next((each for each in self.policies or () if is_policy(name, each.name)), None)

    def rights_of(self, address: str) -> tuple[MailboxRight, ...] | None:
        """Return who may open a mailbox; None where that was not asked or could not be read."""
        found = self.mailbox(address)
        return self.rights.get((found.address if found else address).lower())

    def opens(self, app: Principal, address: str) -> bool | None:
        """Whether an app has FullAccess to a mailbox; None where that is not known."""
        rights = self.rights_of(address)
        return None if rights is None else opened([each for each in rights if each.trustee.lower() in app.names])

    def sends_as(self, trustee: str | Principal) -> frozenset[str] | None:
        """Return the recipients that a trustee may send as, in lower case; None where it was not asked or not read."""
        names = trustee.names if isinstance(trustee, Principal) else self._names_of(trustee)
        if self.send_as is None or (self.trustees is not None and names.isdisjoint(self.trustees)):
            return None
        return frozenset(each.recipient.lower() for each in self.send_as if each.trustee.lower() in names)

    def _names_of(self, trustee: str) -> frozenset[str]:
        found = self.mailbox(trustee)
        return found.names if found else frozenset({trustee.lower()})

    def assigned(self, app: Principal, role: str = SMTP_ROLE) -> tuple[RoleAssignment, ...] | None:
        """Return an app's assignments of a role that count; None where assignments were not read."""
        if self.assignments is None:
            return None
        names = app.names | {app.app_id.lower(), app.name.lower()}
        return tuple(
            each for each in self.assignments if each.enabled and each.role == role and each.app.lower() in names
        )


@dataclass(frozen=True)
class Openings:
    """Which mailboxes an app can open by a right of its own, over the whole organization.

    Args:
        app: The app.
        opens: The primary addresses of those that it can, in lower case.
        closed: How many it cannot.
        unread: The mailboxes that did not tell, with the reason.
    """

    app: Principal
    opens: frozenset[str]
    closed: int = 0
    unread: Mapping[str, str] = field(default_factory=dict, hash=False)

    def beyond(self, wanted: Iterable[str]) -> frozenset[str]:
        """Return the mailboxes that it can open and is not meant to."""
        return self.opens - {each.lower() for each in wanted}

    def lacking(self, wanted: Iterable[str]) -> frozenset[str]:
        """Return the mailboxes that it is meant to open and cannot, those that did not tell left out."""
        return frozenset(each.lower() for each in wanted) - self.opens - {each.lower() for each in self.unread}


def named(address: str) -> str:
    """Return an address as Exchange takes it, in lower case.

    Raises:
        ConfigurationError: It is the old form of a shared mailbox, ``user@domain\\shared``, or no address.
    """
    # E7: with OAuth this form is refused everywhere, with no other reason than "AUTHENTICATE failed".
    if "\\" in address:
        raise ConfigurationError(
            f"mailbox: found {address!r}; expected the shared mailbox's own address.",
            remedy="The form user@domain\\shared worked with passwords only. With OAuth the shared mailbox stands in "
            "user=, and the token belongs to whoever has FullAccess to it.",
        )
    if not _ADDRESS.fullmatch(address):
        raise ConfigurationError(
            f"mailbox: found {address[:100]!r}; expected an address such as orders@contoso.example."
        )
    return address.lower()


# --- one row to one value -------------------------------------------------------------------------


def settings(transport: Row | None = None, configuration: Row | None = None) -> Settings:
    """Return the settings.

    Args:
        transport: The row of ``Get-TransportConfig``; None where it was not read.
        configuration: The row of ``Get-OrganizationConfig``; None where it was not read.
    """
    transport, configuration = transport or {}, configuration or {}
    return Settings(
        smtp_off=_flag(transport, "SmtpClientAuthenticationDisabled"),
        legacy_tls=_flag(transport, "AllowLegacyTLSClients"),
        default_policy=_policy(configuration, "DefaultAuthenticationPolicy"),
        dehydrated=_flag(configuration, "IsDehydrated"),
        ews=_switch(configuration, "EwsEnabled", on=True),
        reject_direct_send=_flag(configuration, "RejectDirectSend"),
        ews_apps=_ids(configuration, "EwsAllowedAppIDs"),
    )


def is_policy(held: str, name: str) -> bool:
    """Whether *held*, a policy's name or its distinguished name, is that of the policy *name*."""
    return common_name(held).casefold() == name.casefold()


def _policy(row: Row, name: str) -> str | None:
    found = _said(row, name)
    return None if found is None else common_name(found)


def authentication_policy(row: Row) -> AuthenticationPolicy:
    """Return the policy of a row of ``Get-AuthenticationPolicy``."""
    switches = {key.removeprefix(_BASIC): _flag(row, key) for key in row if key.startswith(_BASIC)}
    basic = {key: allowed for key, allowed in switches.items() if allowed is not None}
    return AuthenticationPolicy(_text(row, "Name") or _text(row, "Identity"), basic)


def plan(row: Row) -> Plan:
    """Return the plan of a row of ``Get-CASMailboxPlan``."""
    return Plan(
        name=_text(row, "Identity") or _text(row, "Name"),
        imap=_flag(row, "ImapEnabled"),
        pop=_flag(row, "PopEnabled"),
        active_sync=_flag(row, "ActiveSyncEnabled"),
        title=_text(row, "DisplayName"),
    )


def mailbox(row: Row, *, cas: Row | None = None, user: Row | None = None, statistics: Row | None = None) -> Mailbox:
    """Return the mailbox of a row of ``Get-Mailbox`` or ``Get-Recipient``.

    Args:
        row: That row.
        cas: The row of ``Get-CASMailbox`` of the same mailbox; None where it was not read.
        user: The row of ``Get-User`` of its account; None where it was not read.
        statistics: The row of ``Get-MailboxStatistics``; None where it was not asked for.
    """
    cas, user, statistics = cas or {}, user or {}, statistics or {}
    address = _text(row, "PrimarySmtpAddress")
    return Mailbox(
        address=address,
        name=_text(row, "DisplayName"),
        upn=_text(row, "UserPrincipalName") or _text(user, "UserPrincipalName"),
        addresses=_addresses(row, address),
        guid=_text(row, "Guid") or _text(row, "ExchangeGuid"),
        object_id=_text(row, "ExternalDirectoryObjectId"),
        identity=_text(row, "Identity") or _text(row, "Name"),
        kind=_text(row, "RecipientTypeDetails"),
        imap=_flag(cas, "ImapEnabled"),
        pop=_flag(cas, "PopEnabled"),
        active_sync=_flag(cas, "ActiveSyncEnabled"),
        smtp=_switch(cas, "SmtpClientAuthenticationDisabled", on=False),
        authentication_policy=_policy(user, "AuthenticationPolicy"),
        licensed=_flag(row, "SKUAssigned"),
        account_disabled=_first(_flag(user, "AccountDisabled"), _flag(row, "AccountDisabled")),
        synced=_first(_flag(row, "IsDirSynced"), _flag(user, "IsDirSynced")),
        copies_sent=_flag(row, "MessageCopyForSMTPClientSubmissionEnabled"),
        plan=_text(row, "MailboxPlan"),
        used_bytes=size(statistics.get("TotalItemSize")),
        quota_bytes=size(row.get("ProhibitSendQuota")),
        soft_deleted=bool(_flag(row, "IsSoftDeletedByRemove")),
    )


def principal(row: Row) -> Principal:
    """Return the app of a row of ``Get-ServicePrincipal``."""
    return Principal(
        object_id=_text(row, "ObjectId") or _text(row, "ServiceId"),
        app_id=_text(row, "AppId"),
        name=_text(row, "DisplayName"),
        sid=_text(row, "Sid"),
        guid=_text(row, "Guid") or _text(row, "ExchangeObjectId"),
    )


def mailbox_right(row: Row, address: str) -> MailboxRight:
    """Return the rights of a row of ``Get-MailboxPermission`` for the mailbox with *address*."""
    return MailboxRight(
        mailbox=address,
        trustee=_text(row, "User"),
        rights=_texts(row, "AccessRights"),
        deny=bool(_flag(row, "Deny")),
        inherited=bool(_flag(row, "IsInherited")),
        inheritance=_text(row, "InheritanceType"),
    )


def send_as(row: Row) -> SendAs:
    """Return what a row of ``Get-RecipientPermission`` allows; its recipient is as the row names it."""
    return SendAs(_text(row, "Identity"), _text(row, "Trustee"), bool(_flag(row, "IsInherited")))


def scope(row: Row) -> Scope:
    """Return the scope of a row of ``Get-ManagementScope``."""
    return Scope(_text(row, "Name") or _text(row, "Identity"), _text(row, "RecipientFilter"))


def role_assignment(row: Row) -> RoleAssignment:
    """Return the assignment of a row of ``Get-ManagementRoleAssignment``."""
    return RoleAssignment(
        name=_text(row, "Name") or _text(row, "Identity"),
        role=_text(row, "Role"),
        app=_text(row, "App") or _text(row, "RoleAssignee") or _text(row, "RoleAssigneeName"),
        scope=_text(row, "CustomResourceScope") or _text(row, "CustomRecipientWriteScope"),
        enabled=_flag(row, "Enabled") is not False,
    )


def accepted_domain(row: Row) -> Domain:
    """Return the domain of a row of ``Get-AcceptedDomain``."""
    return Domain(
        name=(_text(row, "DomainName") or _text(row, "Name")).lower(),
        default=bool(_flag(row, "Default")),
        kind=_text(row, "DomainType"),
    )


# --- all rows to an organization ------------------------------------------------------------------


@dataclass(frozen=True)
class Missing:
    """Why an answer is not there.

    Args:
        reason: In a sentence.
        remedy: What would bring it, in a sentence.
        absent: Whether it is known that there is nothing to read, as where a mailbox does not exist.
    """

    reason: str
    remedy: str = ""
    absent: bool = False


Answer: TypeAlias = Sequence[Row] | Missing

_PARTS: Final[Mapping[str, str]] = {
    "Get-TransportConfig": "whether SMTP AUTH is off for the organization",
    "Get-OrganizationConfig": "the organization's settings",
    "Get-AuthenticationPolicy": "authentication policies",
    "Get-CASMailboxPlan": "what new mailboxes get",
    "Get-Mailbox": "mailboxes",
    "Get-CASMailbox": "which protocols each mailbox has",
    "Get-User": "which authentication policy each account has",
    "Get-Recipient": "addresses whose mailbox is elsewhere",
    "Get-ServicePrincipal": "the apps that Exchange knows",
    "Get-RecipientPermission": "who may send as whom",
    "Get-ManagementScope": "management scopes",
    "Get-ManagementRoleAssignment": "the management roles that apps hold",
    "Get-ManagementRole": f"whether the role {SMTP_ROLE} exists",
    "Get-AcceptedDomain": "accepted domains",
}
"""What each cmdlet tells, in words; also the cmdlets that `organization` understands."""


def organization(
    answers: Mapping[str, Answer],
    *,
    rights: Mapping[str, Answer] | None = None,
    statistics: Mapping[str, Answer] | None = None,
    trustees: Iterable[str] | None = None,
    source: str = "exchange",
    calls: int = 0,
) -> Organization:
    """Return what the rows of cmdlets say together.

    Args:
        answers: The rows by cmdlet; a cmdlet that is not there was not asked.
        rights: The rows of ``Get-MailboxPermission`` by the address that was asked about.
        statistics: The rows of ``Get-MailboxStatistics`` in the same way.
        trustees: For whom ``Get-RecipientPermission`` was asked; None where it was for everybody.
        source: Where they come from, for the coverage.
        calls: How many requests it took.
    """
    mailboxes = _mailboxes(answers, statistics or {})
    made = Organization(
        settings=settings(_one(answers, "Get-TransportConfig"), _one(answers, "Get-OrganizationConfig")),
        policies=_each(answers, "Get-AuthenticationPolicy", authentication_policy),
        plans=_each(answers, "Get-CASMailboxPlan", plan),
        mailboxes=mailboxes,
        principals=_each(answers, "Get-ServicePrincipal", principal),
        scopes=_each(answers, "Get-ManagementScope", scope),
        assignments=_of_apps(_each(answers, "Get-ManagementRoleAssignment", role_assignment)),
        trustees=None if trustees is None else frozenset(each.lower() for each in trustees),
        smtp_role=_has_role(answers),
        domains=_each(answers, "Get-AcceptedDomain", accepted_domain),
        coverage=tuple(_coverage(answers, rights or {}, statistics or {}, source)),
        calls=calls,
    )
    return replace(made, rights=_rights(made, rights or {}), send_as=_send_as(made, answers))


def _rows(answers: Mapping[str, Answer], cmdlet: str) -> Sequence[Row] | None:
    answer = answers.get(cmdlet)
    return None if answer is None or isinstance(answer, Missing) else answer


def _one(answers: Mapping[str, Answer], cmdlet: str) -> Row | None:
    return next(iter(_rows(answers, cmdlet) or ()), None)


def _each(answers: Mapping[str, Answer], cmdlet: str, make: Callable[[Row], _Value]) -> tuple[_Value, ...] | None:
    rows = _rows(answers, cmdlet)
    return None if rows is None else tuple(make(row) for row in rows)


def _mailboxes(answers: Mapping[str, Answer], statistics: Mapping[str, Answer]) -> tuple[Mailbox, ...] | None:
    rows = _rows(answers, "Get-Mailbox")
    if rows is None:
        return None
    cas, users = _by_id(_rows(answers, "Get-CASMailbox")), _by_id(_rows(answers, "Get-User"))
    figures = {address.lower(): found[0] for address in statistics if (found := _rows(statistics, address))}
    elsewhere = [row for row in _rows(answers, "Get-Recipient") or () if _text(row, "RecipientTypeDetails") in _REMOTE]
    made = (mailbox(row, cas=_same(cas, row), user=_same(users, row)) for row in (*rows, *elsewhere))
    return tuple(_measured(each, figures) for each in made)


def _measured(one: Mailbox, figures: Mapping[str, Row]) -> Mailbox:
    row = next((figures[name] for name in one.names if name in figures), None)
    return replace(one, used_bytes=size(row.get("TotalItemSize"))) if row else one


_IDS: Final = ("ExternalDirectoryObjectId", "Guid", "ExchangeObjectId")


def _by_id(rows: Sequence[Row] | None) -> Mapping[str, Row]:
    return {_text(row, key).lower(): row for row in rows or () for key in _IDS if _text(row, key)}


def _same(rows: Mapping[str, Row], row: Row) -> Row | None:
    """Return which of *rows* is about the same account or mailbox as *row*."""
    ids = (_text(row, key).lower() for key in _IDS)
    return next((rows[each] for each in ids if each and each in rows), None)


def _of_apps(found: tuple[RoleAssignment, ...] | None) -> tuple[RoleAssignment, ...] | None:
    """Return those of roles that only apps can hold: all that this library asks about."""
    return None if found is None else tuple(each for each in found if each.role.startswith("Application "))


def _has_role(answers: Mapping[str, Answer]) -> bool | None:
    rows = _rows(answers, "Get-ManagementRole")
    return None if rows is None else any(_text(row, "Name") == SMTP_ROLE for row in rows)


def _rights(made: Organization, asked: Mapping[str, Answer]) -> Mapping[str, tuple[MailboxRight, ...]]:
    found: dict[str, tuple[MailboxRight, ...]] = {}
    for name, answer in asked.items():
        if isinstance(answer, Missing):
            continue
        known = made.mailbox(name)
        address = known.address if known else name
        found[address.lower()] = tuple(mailbox_right(row, address) for row in answer)
    return found


def _send_as(made: Organization, answers: Mapping[str, Answer]) -> tuple[SendAs, ...] | None:
    found = _each(answers, "Get-RecipientPermission", send_as)
    return None if found is None else tuple(_addressed(made, each) for each in found if each.trustee != SELF)


def _addressed(made: Organization, one: SendAs) -> SendAs:
    known = made.identified(one.recipient)
    return replace(one, recipient=known.address) if known else one


def _coverage(
    answers: Mapping[str, Answer], rights: Mapping[str, Answer], statistics: Mapping[str, Answer], source: str
) -> Iterator[Coverage]:
    for cmdlet, what in _PARTS.items():
        if cmdlet in answers:
            yield _covered(what, answers[cmdlet], source)
    yield from _per_mailbox("who may open", "who may open the mailboxes asked about", rights, source)
    yield from _per_mailbox("how full is", "how full the mailboxes asked about are", statistics, source)


def _covered(what: str, answer: Answer, source: str) -> Coverage:
    if not isinstance(answer, Missing):
        return Coverage(what, "complete", source)
    state: Literal["absent", "unknown"] = "absent" if answer.absent else "unknown"
    return Coverage(what, state, source, reason=answer.reason, remedy=answer.remedy)


def _per_mailbox(what: str, of_all: str, asked: Mapping[str, Answer], source: str) -> Iterable[Coverage]:
    """Return one record for those that answered, and one for each mailbox that did not."""
    read = [address for address, answer in asked.items() if not isinstance(answer, Missing)]
    if read:
        yield Coverage(f"{of_all}: {len(read):,} of {len(asked):,}", "complete", source)
    for address, answer in asked.items():
        if isinstance(answer, Missing):
            yield _covered(f"{what} {address}", answer, source)


# --- one field ------------------------------------------------------------------------------------


def size(value: object) -> int | None:
    """Return a size in bytes; None where it is unlimited or none.

    Exchange writes sizes as text, the number in the culture of whoever asks: ``49.5 GB (53,150,220,288 bytes)``.
    """
    if isinstance(value, Mapping):
        value = value.get("Value", value)
    found = _BYTES.search(str(value))
    return int("".join(filter(str.isdigit, found[1]))) if found else None


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip()


def _said(row: Row, name: str) -> str | None:
    """Return a text that may be empty, None where the row does not speak of it."""
    return _text(row, name) if name in row else None


def _texts(row: Row, name: str) -> tuple[str, ...]:
    value = row.get(name) or ()
    # A script's JSON writes a list of one as it came: as text, with commas where there are more.
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(str(each).strip() for each in parts)


def _ids(row: Row, name: str) -> tuple[str, ...] | None:
    """Return a list of ids that may be empty, None where the row does not speak of it; a script writes null there."""
    return None if row.get(name) is None else tuple(each.lower() for each in _texts(row, name) if each)


def _flag(row: Row, name: str) -> bool | None:
    value = row.get(name)
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower())


def _switch(row: Row, name: str, *, on: bool) -> Switch:
    """Return a switch of three states; *on* is the value that means on. A field that is not there was not read."""
    if name not in row:
        return "unknown"
    value = _flag(row, name)
    if value is None:
        return "inherit" if row[name] in (None, "") else "unknown"
    return "on" if value is on else "off"


def _first(one: bool | None, other: bool | None) -> bool | None:
    return other if one is None else one


def _addresses(row: Row, primary: str) -> tuple[str, ...]:
    proxies = _texts(row, "EmailAddresses")
    smtp = [each.partition(":")[2].lower() for each in proxies if each.lower().startswith("smtp:")]
    return tuple(dict.fromkeys(each for each in (primary.lower(), *smtp) if each))
