"""What notebook 20 shows: which kind of app fits, the registration with its credentials, what is wrong with it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from .. import registration
from ..checks import Check
from ..plan import Plan
from ..registration import Advice, App, Credential, Found, Wanted
from ..registrationplan import Place
from . import listings, scripts
from .markup import Badge, Cell
from .tables import Callout, Table

__all__ = ["chosen", "credentials", "found", "kept", "lint", "no_script", "proof", "reach", "ways"]

_SOON = timedelta(days=30)


def ways(advised: Sequence[Advice]) -> Table:
    """Return the ways to mail, the one for what is wanted marked."""
    rows = [(each.title, Badge("advised", "ok") if each.advised else None, each.fits, each.costs) for each in advised]
    note = "Whatever the way: IMAP, POP and SMTP take a token for Exchange, and refuse one for Microsoft Graph."
    return Table(("Way", "Advice", "Fits", "Costs"), rows, "Which way to mail?", note)


def chosen(wanted: Wanted) -> Table:
    """Return what is wanted, choice by choice."""
    rows: list[Sequence[Cell]] = [
        ("App", [wanted.name, wanted.unique_name]),
        ("Who signs in", _FLOWS[wanted.flow]),
        ("Protocols", [each.upper() for each in wanted.protocols]),
        ("For", _AUDIENCES[wanted.audience]),
        ("People sign in with", [registration.CLIENTS[each] for each in wanted.clients] or None),
        ("It proves itself by", _CREDENTIALS[wanted.credential]),
    ]
    if wanted.acts_alone and "smtp" in wanted.protocols:
        by = "a role in Exchange, without the permission SMTP.SendAsApp" if wanted.by_rbac else "SMTP.SendAsApp"
        rows.append(("It may send by", by))
    return Table(("Choice", "Is"), rows, "The registration that is wanted")


_AUDIENCES = {
    "single": "this tenant alone",
    "multi": "several tenants",
    "": "this tenant alone, and several where it serves them already",
}
_FLOWS = {
    "delegated": "people",
    "app-only": "the app itself",
    "both": ("people", "the app itself"),
}
_CREDENTIALS = {
    "certificate": "a certificate, whose key stays on this machine",
    "federated": "a token of another identity provider: nothing to keep, nothing that ends",
    "secret": "a client secret, the weakest of the three",
    "none": "nothing: people prove who they are",
}


def found(look: Found) -> Table:
    """Return the registration as it is."""
    app = look.app
    if app is None:
        empty = "There is none yet." if look.known else "It could not be read; the coverage below says why."
        return Table(("Field", "Value"), [], "The registration", empty=empty)
    rows: list[Sequence[Cell]] = [
        ("Name", app.name),
        ("Application id", [app.client_id, "what programs are told"]),
        ("Enterprise application", _principal(look)),
        ("Audience", app.audience),
        ("Redirect addresses", [f"{kind}: {each}" for kind, uris in app.redirects.items() for each in uris] or None),
        ("Public client flows", "on" if app.fallback_public else "off"),
    ]
    return Table(("Field", "Value"), rows, "The registration")


def _principal(look: Found) -> Cell:
    made = look.principal
    return [made.object_id, "what Exchange is told"] if made else Badge("none", "bad")


def credentials(app: App | None, *, now: datetime) -> Table:
    """Return what the app proves itself by, and when each ends; never a secret."""
    rows = [_credential(each, now) for each in (app.credentials if app else ())]
    columns = ("Kind", "Name", "Id", "Ends", "State")
    note = "Times are UTC. A certificate is known here by its SHA-1 thumbprint as well."
    return Table(columns, rows, "Credentials", note, empty="It has none.")


def _credential(each: Credential, now: datetime) -> Sequence[Cell]:
    about = [part for part in (each.id, each.thumbprint, each.issuer, each.subject) if part]
    if each.ends is None:
        return each.kind, each.name, about, None, Badge("no end", "ok")
    left = each.ends - now
    badge = (
        Badge("ended", "bad")
        if left <= timedelta()
        else Badge("ends soon", "warn")
        if left < _SOON
        else Badge("ok", "ok")
    )
    return each.kind, each.name, about, each.ends.date(), badge


def lint(checks: Sequence[Check]) -> Table:
    """Return each check with its remedy."""
    return listings.checks(checks, caption="Is the registration right?")


def kept(place: Place | None) -> Callout:
    """Return where the credential is kept, or goes."""
    if place is None:
        return Callout("info", "Nothing has to be kept on this machine", [])
    said = "It is there already." if place.held else "It is made there when the plan is applied."
    return Callout("info", f"The credential's place: {place.ref}", [said, "Only its owner can read it."])


def proof(check: Check) -> Table:
    """Return what came of asking for a token."""
    return listings.checks([check], caption="Does the credential work?")


def no_script(change: Plan) -> Callout:
    """Return why there is no script: there is nothing to change, or a certificate has to be made first."""
    if not change.steps:
        return scripts.nothing()
    said = "A script needs its public part. Set make_key: the key is made on this machine, and nothing is sent."
    after = "Where this run made and registered one (apply), there is nothing left for a script to do."
    return Callout("info", "The certificate is not made yet", [said, after])


def reach(look: Found) -> Table:
    """Return how far the look reached."""
    return listings.coverage(look.coverage)
