"""What is to be tried: a row for each mailbox, protocol, app and flow, from the tenants file or as somebody asks.

An app that acts as itself is tried by every flow that needs nobody. What a person has to sign in for is tried only
where its flow is named: nobody wants a browser window for each mailbox of a list.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

from . import mailboxes as boxes
from .errors import ConfigurationError
from .mailgrants import ALL
from .tenants import PEOPLE, Flow, FlowKind, MailApp, Mailbox, Protocol, Tenant

__all__ = ["Row", "controls", "rows"]

"""The flows in which a person signs in."""

_NO_APP: Final = "No mail app is in the tenants file for this tenant: notebook 20 registers one."
_NO_FLOW: Final = "The app has no flow in the tenants file: name one under flows."


@dataclass(frozen=True, kw_only=True)
class Row:
    """One attempt to be made.

    Args:
        box: The mailbox.
        protocol: By which protocol.
        app: The app; one without a name where the tenants file has none.
        flow: How it gets its token; None where there is no app, or none of its flows fits.
        account: Who signs in, for flows of people; empty leaves it to the sign-in page.
        said: Why it is not to be tried, in a sentence; empty where it is.
    """

    box: Mailbox
    protocol: Protocol
    app: MailApp
    flow: Flow | None
    account: str = ""
    said: str = ""

    @property
    def mailbox(self) -> str:
        """The mailbox's address."""
        return self.box.address

    @property
    def person(self) -> bool:
        """Whether a person signs in."""
        return self.flow is not None and self.flow.kind in PEOPLE

    @property
    def user(self) -> str:
        """The ``user=`` of the sign-in: the mailbox, but for whoever sends as a shared one, which cannot sign in."""
        sends = self.protocol == "smtp" and self.person and self.box.kind != "user"
        return self.account if sends and self.account else self.mailbox

    @property
    def senders(self) -> tuple[str, ...]:
        """The addresses to send from, for submission."""
        return (self.mailbox, *self.box.send_as) if self.protocol == "smtp" else ()


def rows(
    tenant: Tenant, *, mailboxes: str = "", protocols: str = "", app: str = "", flow: str = "", signs_in: str = ""
) -> tuple[Row, ...]:
    """Return what is to be tried, mailbox by mailbox; what cannot be tried is among it and says why.

    Args:
        tenant: Whose tenants file.
        mailboxes: Addresses, with commas, that need not be in the tenants file; empty for those in it.
        protocols: Some of imap, pop, smtp, with commas; empty for what the tenants file says of each mailbox.
        app: One app, by its name in the tenants file; empty for all.
        flow: One or more kinds of flow, with commas; empty for each that needs nobody.
        signs_in: Who signs in for shared mailboxes, as `mailboxes.signers` reads it.

    Raises:
        ConfigurationError: One of them is wrong, or the tenant has no mailbox to try.
    """
    wanted, told = _protocols(protocols), boxes.signers(signs_in)
    apps, kinds = _apps(tenant, app), _kinds(flow)
    chosen = _mailboxes(tenant, mailboxes)
    if not chosen:
        raise ConfigurationError(
            f"mailboxes: {tenant.name} has none in the tenants file.",
            remedy="Write them there, or name an address in mailboxes.",
        )
    return tuple(
        Row(box=box, protocol=protocol, app=each, flow=found, account=_account(box, told, found), said=said)
        for box in chosen
        for protocol in wanted or box.protocols
        for each in apps
        for found, said in _flows(each, kinds)
    )


def controls(tenant: Tenant, row: Row, trial: str, tried: Sequence[Row]) -> Iterator[Row]:
    """Yield what would decide about *row* as an experiment and was not tried yet.

    Args:
        tenant: The tenants file's other mailboxes.
        row: What was refused.
        trial: Which experiment, in the catalogue's words; ``another-flow`` for the same mailbox by another flow.
        tried: All that was tried.
    """
    known = {_key(each) for each in tried}
    match trial:
        case "another-mailbox":
            others = [box for box in tenant.mailboxes if box.address.casefold() != row.mailbox.casefold()]
            found = [replace(row, box=box, account=_as(row, box)) for box in others]
        case "another-protocol":
            found = [replace(row, protocol=each) for each in get_args(Protocol) if each != row.protocol]
        case "another-flow":
            own = [each for each in row.app.flows if each != row.flow and each.kind not in PEOPLE]
            found = [replace(row, flow=each, account="") for each in own]
        case _:
            found = []
    yield from [each for each in found if _key(each) not in known][:1]


def _as(row: Row, box: Mailbox) -> str:
    """Return who signs in for another mailbox: its own account, where it has one."""
    return (box.address if box.kind == "user" else row.account) if row.person else ""


def _key(row: Row) -> tuple[object, ...]:
    return row.mailbox.casefold(), row.protocol, row.app.client_id, row.flow


def _account(box: Mailbox, told: Mapping[str, str], flow: Flow | None) -> str:
    if flow is None or flow.kind not in PEOPLE:
        return ""
    return told.get(box.address.lower()) or (box.address if box.kind == "user" else told.get("", ""))


def _mailboxes(tenant: Tenant, text: str) -> tuple[Mailbox, ...]:
    known = {box.address.lower(): box for box in tenant.mailboxes}
    named = boxes.listed("mailboxes", text)
    if ALL in named:
        raise ConfigurationError(f"mailboxes: found {ALL!r}; expected addresses with commas.")
    # Whether an address that nobody wrote down is a shared mailbox's, its owner knows.
    return tuple(known.get(each) or Mailbox(address=each) for each in named) or tenant.mailboxes


def _protocols(text: str) -> tuple[Protocol, ...]:
    wanted = _listed(text)
    if strange := [each for each in wanted if each not in get_args(Protocol)]:
        raise ConfigurationError(f"protocols: found {strange[0]!r}; expected some of imap, pop, smtp, with commas.")
    return tuple(each for each in get_args(Protocol) if each in wanted)


def _apps(tenant: Tenant, name: str) -> tuple[MailApp, ...]:
    found = tuple(each for each in tenant.mail_apps if name in ("", each.name))
    if name and not found:
        known = ", ".join(each.name for each in tenant.mail_apps) or "no mail app"
        raise ConfigurationError(f"app: found {name!r}; {tenant.name} has {known}.")
    return found or (MailApp(name=""),)


def _kinds(text: str) -> tuple[FlowKind, ...]:
    wanted = _listed(text)
    if strange := [each for each in wanted if each not in get_args(FlowKind)]:
        expected = ", ".join(get_args(FlowKind))
        raise ConfigurationError(f"flow: found {strange[0]!r}; expected one or more of {expected}, with commas.")
    return tuple(each for each in get_args(FlowKind) if each in wanted)


def _flows(app: MailApp, kinds: Sequence[FlowKind]) -> Iterator[tuple[Flow | None, str]]:
    """Yield each flow to try with '', or one that is not, with the reason."""
    if not app.name:
        yield None, _NO_APP
    elif not app.flows:
        yield None, _NO_FLOW
    elif kinds:
        chosen = [each for each in app.flows if each.kind in kinds]
        yield from ((each, "") for each in chosen)
        if not chosen:
            had = ", ".join(each.kind for each in app.flows)
            yield None, f"{app.name} has no such flow in the tenants file; it has {had}."
    elif alone := [each for each in app.flows if each.kind not in PEOPLE]:
        yield from ((each, "") for each in alone)
    else:
        first = app.flows[0]
        yield first, f"A person signs in for it: name the flow, {first.kind}, to try it."


def _listed(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[\s,]+", text.strip().lower())) if text.strip() else ()
