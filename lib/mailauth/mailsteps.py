"""One change each on the way to an open mailbox: who Exchange knows, who may open and send, which switches are on.

Each function returns one step: the cmdlet, the look that shows what it changes, and the cmdlet that takes it back.
What a step is for, and whether it is needed, is `mailgrants`' business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from . import cmdlets
from .mailscopes import MailScope
from .organization import SMTP_ROLE, Mailbox, Principal, RoleAssignment
from .plan import ACCOUNT, Cmdlet, Look, Ref, Seen, Step, Value
from .wording import called, counted

__all__ = [
    "FULL_ACCESS",
    "SEND_AS",
    "SID",
    "customization",
    "forgotten",
    "former",
    "full_access",
    "known",
    "mailbox_look",
    "reading",
    "role",
    "scope",
    "send_as",
    "smtp_switch",
    "submission",
    "taken",
    "unassigned",
]

FULL_ACCESS: Final = "FullAccess"
SEND_AS: Final = "SendAs"
SID: Final = Ref("exchange.principal.sid")
"""What permissions show the app by, once Exchange knows it."""

# How long a right or a switch may take to count: reports say minutes to an hour; the role's cache is documented with
# 30 minutes to 2 hours (medium confidence).
_LAG: Final = timedelta(hours=1)
_CACHE: Final = timedelta(hours=2)

_SMTP: Final = "SmtpClientAuthenticationDisabled"
_LET_IN: Final = "Passwords come in with it: nothing keeps them out, and the mailbox was named in let_passwords_in."
_THERE: Final[Mapping[str, Value]] = {}


def former(one: Principal) -> Ref:
    """Return what stands for the SID of an entry that is removed: taken back, it has another one."""
    return Ref(f"exchange.former.{one.object_id}.sid")


def _needs(*operations: Cmdlet) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cmdlets.known()[one.name].role for one in operations))


def known(name: str, client_id: str, object_id: str) -> Step:
    """Return the entry of an app in Exchange; *object_id* is its enterprise application's."""
    make = Cmdlet("New-ServicePrincipal", {"AppId": client_id, "ObjectId": object_id, "DisplayName": name})
    return Step(
        id=f"service-principal:{object_id}",
        title=f"Have Exchange know {called(name)}",
        why="Permissions on mailboxes are given to an app as Exchange knows it, by its enterprise application's id.",
        group="Exchange service principal",
        service="exchange",
        do=make,
        look=_principal(client_id, object_id, SID),
        before=None,
        after=_THERE,
        undo=Cmdlet("Remove-ServicePrincipal", {"Identity": object_id}),
        needs=_needs(make),
        lag=_LAG,
    )


def forgotten(one: Principal) -> Step:
    """Return the removal of an entry."""
    remove = Cmdlet("Remove-ServicePrincipal", {"Identity": one.object_id})
    again = {"AppId": one.app_id, "ObjectId": one.object_id, "DisplayName": one.name}
    return Step(
        id=f"forget-service-principal:{one.object_id}",
        title=f"Have Exchange forget {called(one.name) if one.name else one.app_id} by its wrong id",
        why="An entry with another id lets no token in, and keeps the right one from being made.",
        group="Exchange service principal",
        service="exchange",
        do=remove,
        look=_principal(one.app_id, one.object_id, former(one)),
        before=_THERE,
        after=None,
        undo=Cmdlet("New-ServicePrincipal", again),
        needs=_needs(remove),
        lag=_LAG,
        leaves="Exchange gives an entry that is made again another SID.",
    )


def _principal(app_id: str, object_id: str, sid: Ref) -> Look:
    where = {"AppId": app_id, "ObjectId": object_id}
    return Look(Cmdlet("Get-ServicePrincipal"), where=where, binds={sid.name: "Sid"})


def full_access(box: Mailbox, user: str, shown: Value, who: str, rights: Sequence[str] = ()) -> Step:
    """Return the right to open a mailbox.

    Args:
        box: The mailbox.
        user: To whom it is given: an object id or a sign-in name.
        shown: What permissions show that one by.
        who: The same in words.
        rights: What that one may do with the mailbox before.
    """
    parameters = {"Identity": box.address, "User": user, "AccessRights": [FULL_ACCESS]}
    others = [right for right in rights if right != FULL_ACCESS]
    before: Seen = {"AccessRights": others} if others else None
    add = Cmdlet("Add-MailboxPermission", {**parameters, "AutoMapping": False})
    return Step(
        id=f"full-access:{box.address.lower()}:{user.lower()}",
        title=f"Let {who} open {box.address}",
        why="IMAP and POP open a mailbox for whoever has FullAccess on it, and so does SMTP for an app by consent.",
        group=FULL_ACCESS,
        service="exchange",
        do=add,
        look=Look(
            Cmdlet("Get-MailboxPermission", {"Identity": box.address}),
            where={"User": shown, "Deny": False},
            fields=("AccessRights",),
        ),
        before=before,
        after={"AccessRights": [*others, FULL_ACCESS]},
        undo=Cmdlet("Remove-MailboxPermission", parameters),
        needs=_needs(add),
        lag=_LAG,
    )


def send_as(box: Mailbox, user: str, shown: Value, who: str) -> Step:
    """Return the right to send as a mailbox; the arguments are those of `full_access`."""
    parameters = {"Identity": box.address, "Trustee": user, "AccessRights": [SEND_AS]}
    add = Cmdlet("Add-RecipientPermission", parameters)
    return Step(
        id=f"send-as:{box.address.lower()}:{user.lower()}",
        title=f"Let {who} send as {box.address}",
        why="The account that signs in may send with its own addresses, and with others only by SendAs on them.",
        group=SEND_AS,
        service="exchange",
        do=add,
        look=Look(
            Cmdlet("Get-RecipientPermission", {"Identity": box.address}),
            where={"Trustee": shown},
            fields=("AccessRights",),
        ),
        before=None,
        after={"AccessRights": [SEND_AS]},
        undo=Cmdlet("Remove-RecipientPermission", parameters),
        needs=_needs(add),
        lag=_LAG,
    )


def taken(step: Step, why: str = "Nobody asked for it, or it is replaced.") -> Step:
    """Return the step that takes away what *step* would give, and why it does."""
    assert isinstance(step.undo, Cmdlet)
    assert isinstance(step.do, Cmdlet)
    # Whether Outlook opened the mailbox by itself is shown nowhere; what comes back is the cmdlet's default.
    back = Cmdlet(step.do.name, {name: each for name, each in step.do.parameters.items() if name != "AutoMapping"})
    return replace(
        step,
        id=f"remove-{step.id}",
        title=f"Revoke: {step.title}",
        why=why,
        do=step.undo,
        before=step.after,
        after=step.before,
        undo=back,
    )


def customization() -> Step:
    """Return what a dehydrated organization needs before scopes and role assignments can be made in it."""
    enable = Cmdlet("Enable-OrganizationCustomization")
    return Step(
        id="customization",
        title="Enable customization of the organization",
        why="Scopes and role assignments cannot be made before; every organization that has changed a role did this.",
        group="Organization",
        service="exchange",
        do=enable,
        look=Look(Cmdlet("Get-OrganizationConfig"), fields=("IsDehydrated",)),
        before={"IsDehydrated": True},
        after={"IsDehydrated": False},
        needs=_needs(enable),
        lag=_CACHE,
        leaves="It cannot be undone. No setting changes: the organization gets its own copies of the defaults.",
    )


def scope(wanted: MailScope, who: str) -> Step:
    """Return the scope; *who* is the app that it is for, in words."""
    make = Cmdlet("New-ManagementScope", {"Name": wanted.name, "RecipientRestrictionFilter": wanted.filter})
    size = counted(len(wanted.addresses), "mailbox", "mailboxes")
    return Step(
        id=f"scope:{wanted.name}",
        title=f"Make a scope for {who}: {size}",
        why="It says which mailboxes the app may send from.",
        group="Scope",
        service="exchange",
        do=make,
        # Exchange may show a filter in other words than it was given; the name stands for the list.
        look=Look(Cmdlet("Get-ManagementScope"), where={"Name": wanted.name}),
        before=None,
        after=_THERE,
        undo=Cmdlet("Remove-ManagementScope", {"Identity": wanted.name}),
        needs=_needs(make),
        lag=_CACHE,
    )


def role(name: str, over: str, app: str, who: str) -> Step:
    """Return the role by which an app sends.

    Args:
        name: The assignment's name.
        over: The scope's name; empty for the whole organization.
        app: The app's object id, as Exchange knows it.
        who: The app in words.
    """
    narrowed = {"CustomResourceScope": over} if over else {}
    # The cmdlet's page asks for the object id here, another page for the application id; the object id is right.
    make = Cmdlet("New-ManagementRoleAssignment", {"Name": name, "Role": SMTP_ROLE, "App": app, **narrowed})
    return Step(
        id=f"role:{name}",
        title=f"Let {who} send from {over or 'the whole organization'}",
        why="The role lets the app send with a token that holds no permission, and only over its scope.",
        group="Role",
        service="exchange",
        do=make,
        look=Look(Cmdlet("Get-ManagementRoleAssignment", {"Role": SMTP_ROLE}), where={"Name": name}),
        before=None,
        after=_THERE,
        undo=Cmdlet("Remove-ManagementRoleAssignment", {"Identity": name}),
        needs=_needs(make),
        lag=_CACHE,
    )


def unassigned(each: RoleAssignment, who: str, why: str = "Nobody asked for it, or it is replaced.") -> Step:
    """Return the removal of an app's role, and why it goes."""
    return taken(role(each.name, each.scope, each.app, who), why)


def reading(box: Mailbox, protocol: Literal["imap", "pop"]) -> Step:
    """Return the switch that lets a mailbox be read by a protocol that is off for it."""
    parameter = {"imap": "ImapEnabled", "pop": "PopEnabled"}[protocol]
    why = "A protocol that is off for a mailbox is refused to tokens too, after the sign-in."
    return _switch(
        box, f"{protocol}-on", parameter, (False, True), why, f"Turn {protocol.upper()} on for {box.address}"
    )


def submission(box: Mailbox, *, let_in: bool = False) -> Step:
    """Return the mailbox's own switch that lets it submit mail, whatever the organization says.

    Args:
        box: The mailbox.
        let_in: Whether it was named to be opened although passwords come in with it.
    """
    why = (
        "SMTP AUTH is off as a protocol, for tokens as for passwords; a mailbox's own switch comes before the tenant's."
    )
    title = f"Turn SMTP AUTH on for {box.address}"
    if not let_in:
        return smtp_switch(box, False, id="smtp-auth-on", title=title, why=why)
    return smtp_switch(
        box,
        False,
        id="smtp-auth-on",
        title=f"{title}, for passwords too",
        why=f"{why} {_LET_IN}",
        leaves="passwords come in; what is sent with one until it is taken back stays sent",
    )


def smtp_switch(box: Mailbox, wanted: bool | None, *, id: str, title: str, why: str, leaves: str = "") -> Step:
    """Return a change of the mailbox's own SMTP AUTH switch.

    Args:
        box: The mailbox.
        wanted: False for on, True for off, None to follow the organization.
        id: What the step's id begins with.
        title: What is done, in words.
        why: What it is for.
        leaves: What the undo cannot restore, in a sentence; empty for nothing.
    """
    # Three states: null follows the organization, and null is what comes back.
    found = {"on": False, "off": True}.get(box.smtp)
    return replace(_switch(box, id, _SMTP, (found, wanted), why, title), leaves=leaves)


def mailbox_look(cmdlet: str, box: Mailbox, field: str, *, name: str = "") -> Look:
    """Return the look at a field of a mailbox or its account, which stays the same whatever that is called by then.

    Args:
        cmdlet: What shows it.
        box: The mailbox.
        field: The field.
        name: What the cmdlet finds it by where no id of it was read; its address unless given.
    """
    where: Mapping[str, Value] = {ACCOUNT: box.object_id} if box.object_id else {}
    return Look(Cmdlet(cmdlet, {"Identity": box.guid or name or box.address}), where=where, fields=(field,))


def _switch(
    box: Mailbox, id: str, parameter: str, states: tuple[bool | None, bool | None], why: str, title: str
) -> Step:
    found, wanted = states
    change = Cmdlet("Set-CASMailbox", {"Identity": box.guid or box.address, parameter: wanted})
    return Step(
        id=f"{id}:{box.address.lower()}",
        title=title,
        why=why,
        group="Protocol switch",
        service="exchange",
        do=change,
        look=mailbox_look("Get-CASMailbox", box, parameter),
        before={parameter: found},
        after={parameter: wanted},
        undo=Cmdlet("Set-CASMailbox", {"Identity": box.guid or box.address, parameter: found}),
        needs=_needs(change),
        lag=_LAG,
    )
