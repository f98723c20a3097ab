"""What notebook 30 shows: the links, the mail that asks for a click, the answer, and consent as the tenant holds it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from .. import consent, grants, permissions, powershell
from ..consent import Answer, AppLinks
from ..grants import AppConsent, ClientConsent, Consents, ProtocolConsent
from ..permissions import Kind, Resource
from ..plan import Plan
from ..wording import capital
from . import listings
from .markup import Badge, Cell, Link, Stack, Tone, View
from .qr import QrCode
from .tables import Callout, Code, Table

__all__ = ["answer", "clients", "held", "links", "messages", "missing", "reach", "script", "taken_back", "users"]

_NO_APP = Callout(
    "info",
    "Not configured",
    ["The tenants file names no app that opens mailboxes, or none with a client id, so there is no link to show."],
)
_FEW = 3


def links(found: Sequence[AppLinks], apps: Sequence[AppConsent] = ()) -> Stack:
    """Return each link as something to open, its address as something to copy, and the simplest one as a QR code.

    Args:
        found: The links.
        apps: The apps, of which some may need none; why is said.
    """
    needless = list(_needless(apps))
    if not found:
        return Stack(needless or [_NO_APP])
    rows = [
        ((each.app, each.client_id), Link(link.title, link.url), link.asks, link.ends)
        for each in found
        for link in each.links
    ]
    table = Table(("App", "Link", "What it asks for", "What the browser shows at the end"), rows, "Links for consent")
    return Stack([table, *needless, *(view for each in found for view in _copies(each))])


def _needless(apps: Sequence[AppConsent]) -> Iterator[View]:
    for app in apps:
        if app.needs_nothing:
            said = "It only sends, and a role in Exchange lets it (notebook 40). A permission would defeat that role."
            yield Callout("info", f"{app.name} needs no consent, and has no link", [said])


def _copies(asked: AppLinks) -> Iterator[View]:
    first, *others = asked.links
    title = f"{asked.app}: {first.title}"
    yield from (Code(title, first.url), QrCode(title, first.url))
    yield from (
        Code(f"{asked.app}: {link.title}", link.url, note=f"{capital(link.asks.rstrip('.'))}.") for link in others
    )


def messages(found: Sequence[AppLinks], apps: Sequence[AppConsent] = (), *, tenant: str) -> Stack:
    """Return a mail to an administrator for each app, with the simplest link; *apps* as for `links`."""
    mails = [
        Code(f"{each.app}: the mail that asks for consent", consent.message(each, tenant=tenant)) for each in found
    ]
    return Stack(mails or list(_needless(apps)) or [_NO_APP])


def answer(found: Answer | None) -> Callout:
    """Return what a pasted address says, and what it is worth."""
    if found is None:
        return Callout("info", "No address was pasted", ["Set callback in the first cell to read one."])
    app = f" for {found.app}" if found.app else ""
    doubts = list(found.doubts)
    if found.error:
        said = " ".join(part for part in (found.error, found.code, found.description) if part)
        return Callout("attention", f"Entra says no{app}", [said, *doubts])
    if not found.granted:
        return Callout("attention", f"The address does not say that consent was given{app}", doubts)
    if doubts:
        return Callout("cannot know", "The address says yes, and is not to be trusted", doubts)
    return Callout("info", f"Entra says that consent was given{app}", ["What the tenant holds stands below."])


def held(state: Consents) -> Table:
    """Return the consent of the tenant's own mail apps, one row per protocol."""
    rows = [row for app in state.apps for row in _app(app)]
    columns = ("App", "Protocol", "For people", "For the app itself", "Its flows need")
    note = "People's permissions count on either resource. A grant is not yet a mailbox that opens."
    return Table(columns, rows, "Consent as the tenant holds it", note, empty="Not configured: there is no mail app.")


def _app(app: AppConsent) -> Sequence[Sequence[Cell]]:
    needed = [_NEEDS[kind] for kind in app.needs] or "no flow is configured"
    name = (app.name, app.enterprise.name) if app.enterprise else app.name
    if not app.protocols:
        unknown = Badge("cannot know", "know") if app.client_id else Badge("not configured", "quiet")
        return [(name, None, unknown, unknown, needed)]
    return [(name, each.protocol.upper(), _people(each), _role(each), needed) for each in app.protocols]


_NEEDS: Final[Mapping[Kind, str]] = {"scope": "for people", "role": "for the app itself"}


def _people(each: ProtocolConsent) -> Cell:
    if each.everybody:
        titles = [permissions.titles()[resource] for resource in each.everybody]
        return [Badge("everybody", "ok"), *(f"on {title}" for title in titles)]
    if not each.people:
        return Badge("nobody", "quiet")
    more = len(each.people) - _FEW
    some = [*each.people[:_FEW], *([f"and {more:,} more"] if more > 0 else [])]
    return [Badge(f"{len(each.people):,} {'person' if len(each.people) == 1 else 'people'}", "warn"), *some]


def _role(each: ProtocolConsent) -> Badge:
    return Badge("held", "ok") if each.role else Badge("not held", "quiet")


def missing(state: Consents) -> Table:
    """Return each check with its remedy."""
    return listings.checks(state.checks, caption="What the mail apps need")


def taken_back(state: Consents) -> Table:
    """Return what the next consent by a link may take back, as the registration does not list it now."""
    lost: dict[tuple[str, str, Kind, Resource], list[str]] = {}
    for each in grants.taken_back(state):
        lost.setdefault((each.app, each.link, each.kind, each.resource), []).append(each.value)
    rows = [
        (app, _LINKS[link], values, _NEEDS[kind], permissions.titles()[resource])
        for (app, link, kind, resource), values in lost.items()
    ]
    columns = ("App", "By which link", "May be taken back", "Which was granted", "On")
    note = (
        "Consent for everybody takes the place of earlier consent for everybody; what people granted themselves stays. "
        "Whether permissions for the app itself stay is on no page of Microsoft's. What is granted directly takes "
        "nothing back. An app that is registered elsewhere is not judged."
    )
    return Table(columns, rows, "What the next consent by a link may take back", note, empty="Nothing that is known.")


_LINKS = {"whole": consent.WHOLE, "scoped": "what it asks of Exchange"}


def script(change: Plan) -> Code:
    """Return a plan as a PowerShell script, to be reviewed and run by whoever must."""
    note = "Save it as it is. It has been read by a PowerShell grammar and not been run."
    return Code(f"{change.title}, as PowerShell", powershell.script(change), note=note)


def reach(state: Consents) -> Table:
    """Return how far the look into the directory reached."""
    return listings.coverage(state.coverage)


def users(state: Consents) -> Table:
    """Return what users can consent to themselves, by protocol."""
    rows = [(each.protocol.upper(), Badge(each.answer, _ANSWERS[each.answer]), each.why) for each in state.users]
    note = {
        True: "Users who are stopped can ask an administrator.",
        False: "Users who are stopped see “Need admin approval”, and no button to ask for it.",
        None: "Whether users who are stopped can ask an administrator could not be read.",
    }[state.requests]
    columns = ("Protocol", "Can users consent?", "Why")
    return Table(columns, rows, "What users can consent to themselves, for apps of other publishers", note)


_ANSWERS: dict[str, Tone] = {"yes": "info", "no": "warn", "some apps": "info", "cannot know": "know"}


def clients(state: Consents, found: Sequence[AppLinks]) -> Table:
    """Return well-known mail programs: what the tenant holds for each, and the link that asks for consent."""
    urls = {each.client_id: each.links[0] for each in found}
    rows = [
        (
            (each.client.name, each.client.app_id),
            [kind.upper() for kind in each.client.asks] or "not public",
            _holds(each),
            Link("consent for everybody", urls[each.client.app_id].url) if each.client.app_id in urls else "none",
            _warnings(each),
        )
        for each in state.clients
    ]
    columns = ("Program", "Asks for", "The tenant holds", "Link", "Before you open it")
    return Table(columns, rows, "Well-known mail programs")


def _holds(each: ClientConsent) -> Cell:
    if not each.known:
        return Badge("cannot know", "know")
    if not each.here:
        return Badge("nothing", "quiet")
    shown: list[str | Badge | Link] = [] if each.enabled else [Badge("switched off here", "bad")]
    if each.everybody:
        shown += [Badge("everybody", "ok"), ", ".join(each.everybody)]
    if each.people:
        shown.append(f"a consent of {each.people:,} {'person' if each.people == 1 else 'people'}")
    return shown or Badge("no consent for mail", "quiet")


def _warnings(each: ClientConsent) -> Sequence[str]:
    client = each.client
    old = (
        f"Disabled by Microsoft since {client.disabled}; its id is {client.replaced_by} now." if client.disabled else ""
    )
    unsure = "" if client.sure else "Compare the id with your sign-in log: few public sources give it."
    return tuple(said for said in (old, client.warning, unsure) if said)
