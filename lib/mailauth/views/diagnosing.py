"""What notebook 80 shows: what was pasted, understood and without secrets, its causes, and what a token opens."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..diagnosed import Diagnosed, Opening
from ..errors import MailauthError
from ..tokens import Finding, Weight
from . import causes as diagnoses
from . import listings, sealing
from .markup import Badge, Cell, Place, Stack, Tone, View, show
from .tables import Callout, Code, Facts, Table

__all__ = ["Pasting", "causes", "pasted", "reach", "result", "token", "understood"]

_PROTOCOLS: Final = {"imap": "IMAP", "pop": "POP", "smtp": "SMTP"}
_TONES: Final[dict[Weight, Tone]] = {"stops": "bad", "doubt": "warn", "remark": "info"}
_WHAT: Final = {
    "tool": "Tool",
    "server": "Server",
    "line": "Line",
    "number": "Number",
    "answer": "Address",
    "token": "Token",
    "sasl": "SASL string",
    "id": "For support",
}
_LONGEST: Final = 20_000
_MORE: Final = (
    "Paste more of the log, from the connection on.",
    "Or prove the mailbox itself: notebook 50, or mailauth prove.",
)
_HINT: Final = (
    "A server's line, a message with an AADSTS number, an access token, or the log of another tool: the seed script "
    "Get-IMAPAccessToken.ps1, openssl, curl, swaks, a mail program.",
)
_KEPT: Final = (
    "What you pasted into the first cell held something secret. It is in no output, page or evidence of this run; the "
    "cell itself, and whatever ran this notebook with parameters, keep what they were given.",
)
_PLACE: Final = "A line, a token, a transcript: nothing of it is stored"
_STEPS: Final = (
    "Empty the cell before you save the notebook.",
    "Next time use the form of step 1, or mailauth diagnose.",
)


def understood(found: Diagnosed, *, parameter: str = "") -> Stack:
    """Return what was recognised in it.

    Args:
        found: What was pasted, explained.
        parameter: What stands in the notebook's cell, which gets a warning where it held a secret.
    """
    if not found.pasted.text.strip():
        return Stack([Callout("info", "Nothing was pasted", _HINT)])
    rows: list[tuple[str, Cell]] = [(_WHAT[each.what], each.said) for each in found.pasted.observations]
    rows += [("Protocol", _PROTOCOLS[found.pasted.protocol])] if found.pasted.protocol else []
    rows += [("Mailbox", found.mailbox)] if found.mailbox else []
    rows += [("App", _app(found))] if found.app_id else []
    rows += [("Left out", f"{found.pasted.cut:,} characters in front")] if found.pasted.cut else []
    views: list[View] = [Facts(rows, "What was recognised")] if rows else []
    if not rows:
        views.append(Callout("info", "Nothing around the words was recognised", _HINT))
    if parameter.strip() and found.pasted.secret:
        views.append(Callout("attention", "A secret stands in this notebook", _KEPT, _STEPS))
    return Stack(views)


def _app(found: Diagnosed) -> str:
    app, token = found.known.app, found.pasted.token
    if app is None or (token and token.app_id):
        return found.app_id
    return f"{app.name} of the tenants file, {found.app_id}"


def causes(found: Diagnosed) -> Stack:
    """Return the causes, the likeliest first, and what would decide; a callout where nothing was recognised."""
    if not found.pasted.text.strip():
        return Stack([Callout("info", "Nothing was pasted", ["There is nothing to explain."])])
    if not (found.diagnosis.causes or found.by_token):
        return Stack([_none(found)])
    heard = found.pasted.heard
    said = heard[0] if found.diagnosis.causes and len(heard) == 1 else ""
    told = found.diagnosis if found.diagnosis.causes else replace(found.diagnosis, undecided="")
    return Stack(list(diagnoses.diagnosis(told, "What is behind it", shown=said, by_token=found.by_token)))


def _none(found: Diagnosed) -> Callout:
    good = [_PROTOCOLS[each.protocol] for each in found.openings if not each.stops]
    if good:
        said = f"By what it says of itself the token opens {', '.join(good)}, and no refusal was pasted with it."
        return Callout("info", "Nothing speaks against the token", [said])
    if found.openings:
        return Callout("attention", "The token fits no protocol for mail", ["Below is what each one lacks."])
    return Callout("cannot know", "No cause is known", [found.diagnosis.undecided], _MORE)


def token(found: Diagnosed) -> Stack:
    """Return what a token in it says, and what it does not fit; the token itself is never shown."""
    if found.pasted.token is None:
        return Stack([Callout("info", "No token", ["There is none in it that can be read."])])
    rows = [(name, _claim(value)) for name, value in found.pasted.claims.items()]
    return Stack([Table(("Claim", "What it says"), rows, "What the token says of itself"), _openings(found.openings)])


def _claim(value: object) -> Cell:
    return [str(each) for each in value] if isinstance(value, list) else str(value)


def _openings(openings: Sequence[Opening]) -> Table:
    fit = [_PROTOCOLS[each.protocol] for each in openings if not each.stops]
    rows: list[Sequence[Cell]] = [(", ".join(fit), Badge("fits", "ok"), None, None, None)] if fit else []
    alike: dict[tuple[Weight, str], list[tuple[str, Finding]]] = {}
    for each in openings:
        for one in each.findings:
            alike.setdefault((one.weight, one.said), []).append((_PROTOCOLS[each.protocol], one))
    for (weight, said), found in alike.items():
        ids = dict.fromkeys(row for _, one in found for row in one.rows)
        names = ", ".join(name for name, _ in found)
        rows.append((names, Badge(weight, _TONES[weight]), said, list(ids) or None, found[0][1].remedy or None))
    columns = ("For", "How bad", "What does not fit", "Rows", "What to do")
    note = "fits: by what the token says of itself. Whether the mailbox opens is for its server to say: notebook 50."
    return Table(columns, rows, "What it opens", note)


def pasted(found: Diagnosed) -> Stack:
    """Return what was pasted without what may be a secret: what was taken out is shown as its length."""
    text = found.pasted.text
    if not text.strip():
        return Stack([Callout("info", "Nothing was pasted", ["There is nothing to show."])])
    left = max(0, len(text) - _LONGEST)
    note = f"The last {_LONGEST:,} characters; {left:,} more stand before them." if left else ""
    return Stack([Code("What was pasted, without secrets", text[-_LONGEST:], note=note)])


def reach(found: Diagnosed) -> View:
    """Return how far the look into the tenant reached."""
    if not found.looked:
        return Callout("info", "The tenant was not asked", ["Set look to have its consent and Exchange read too."])
    return listings.coverage(found.known.coverage)


def result(found: Diagnosed) -> Stack:
    """Return what a terminal, or somebody who pasted into the form, wants to see."""
    return Stack(list(_result(found)))


def _result(found: Diagnosed) -> Iterator[View]:
    yield from understood(found).views
    if found.pasted.text.strip():
        yield from causes(found).views
    if found.pasted.token:
        yield from token(found).views
    if found.looked:
        yield reach(found)


@dataclass(frozen=True)
class Pasting:
    """A form to paste into; showing it shows the widgets, and below them what came of it.

    What is pasted leaves the browser sealed (`sealing`): a notebook may be saved with the state of its widgets, on its
    own and at any moment, and that state never holds a token.

    Args:
        diagnose: Returns what a text says, explained; the session's own.
        look: Whether the tenant is asked too.
        mailbox: The mailbox that it is about, where the text does not say.
    """

    diagnose: Callable[..., Diagnosed]
    look: bool = False
    mailbox: str = ""

    def results(self, text: str) -> Sequence[View]:
        """Return what is shown for a text; what is wrong with it as a callout."""
        if not text.strip():
            return (Callout("info", "Paste here", _HINT),)
        try:
            return result(self.diagnose(text, look=self.look, mailbox=self.mailbox)).views
        except MailauthError as error:
            steps = [error.remedy] if error.remedy else []
            return (Callout("attention", "It could not be read", [error.message], steps),)

    def _ipython_display_(self) -> None:
        panel = Panel(self)
        show(panel.box._repr_mimebundle_(), {"mailauth": "control"})
        panel.show(self.results(""))


class Panel:
    """The widgets: a field whose text no widget holds, and the place for what comes of it."""

    def __init__(self, owner: Pasting) -> None:
        self.owner = owner
        self._place = Place()
        self.field = sealing.Field(label="Paste", button="Explain it", hint=_PLACE, take=self.explain, lines=6)
        self.box = self.field.box

    def explain(self, text: str) -> None:
        """Explain what was pasted, and forget it."""
        self.show(self.owner.results(text))

    def show(self, views: Sequence[View]) -> None:
        """Draw the views in the place where the last ones stand."""
        self._place.draw(*views)
