"""Texts to send: to a customer's administrator, to a maker, to whoever runs a device, to people with phones.

Plain text, nothing sent. Each is made as a phrase, so that a page can be given away with its letters; what stands in
one from outside is kept on one line, because a letter's lines are ours.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from . import deadlines, escape, reference
from .calendar import spoken
from .checks import Check, Request
from .deadlines import Deadline
from .mailsettings import Settings
from .phrases import Kind, Named, Phrase, joined, phrase, words

__all__ = ["administrator", "device_owner", "line", "move", "phones", "reported", "to_administrator", "vendor"]

_LINE = 400
_NAME = 100


def to_administrator(checks: Iterable[Check], *, tenant: str, links: Iterable[str] = ()) -> str:
    """Return a mail to a customer's administrator with all that they are asked for; empty where that is nothing.

    Args:
        checks: What was looked at; one without a request is ours to mend and not in it.
        tenant: The customer's tenant, as they know it.
        links: Addresses that they have to open.
    """
    return administrator(checks, tenant=tenant, links=links).plain()


def administrator(checks: Iterable[Check], *, tenant: str, links: Iterable[str] = ()) -> Phrase:
    """Return the same as a phrase; the parameters are those of `to_administrator`."""
    asked = [(check, said) for check in checks if check.outcome != "ok" and (said := check.request)]
    opened = [line(link, kind="free", limit=2_000) for link in links]
    if not asked and not opened:
        return Phrase()
    points = joined((_point(number, *each) for number, each in enumerate(asked, 1)), "")
    opening = joined((phrase("   {link}\n", link=link) for link in opened), "")
    return phrase(
        "Subject: What we need in {tenant} before mail moves from passwords to OAuth\n\n"
        "Microsoft ends mail with passwords. To move your devices and programs in time, the following is missing.\n"
        "None of it gives us anybody's password, and you can take back each right that you give.\n\n"
        "{points}{please}Please answer when it is done, or say what speaks against it.\n",
        tenant=line(tenant, kind="tenant"),
        points=points,
        please=phrase("Please open, as an administrator, and agree:\n\n{opening}\n", opening=opening)
        if opened
        else Phrase(),
    )


def phones(*, firm: str, day: date | None, end: Deadline | None = None, contact: str = "") -> Phrase:
    """Return a mail to the people whose phones sign in with a certificate: what happens when, and what they do.

    Args:
        firm: Whose people they are.
        day: When the phones are switched over; None until somebody has decided that.
        end: When their sign-in ends; None for what ships with the library.
        contact: Whom they ask; empty for whoever sends it.
    """
    asks = phrase("{who}", who=line(contact, kind="person")) if contact else words("answer this mail")
    return phrase(
        "Subject: Your phone will ask you to sign in for your mail on {day}\n\n"
        "Your phone gets your mail at {firm} by a certificate that was put on it. Microsoft ends that {when}.\n"
        "On {day} your phone is switched over. Once, a page of Microsoft's opens and asks who you are.\n\n"
        "What you do:\n"
        "1. Look at the address: it begins with https://login.microsoftonline.com/. On any other page, stop.\n"
        "2. Sign in as you do at work, and confirm it if you are asked to.\n"
        "3. If no such page opens, or the mail program itself asks for a password, type none: remove the account in\n"
        "   it and add it again.\n\n"
        "Nobody will ask you for your password by mail or telephone, and you never have to read a code to anybody.\n"
        "Questions: {asks}.\n",
        day=words(f"{day:%A, %d %B %Y}" if day else "[DAY]"),
        firm=line(firm, kind="tenant"),
        when=words((end or deadlines.get("activesync-certificate")).then),
        asks=asks,
    )


def vendor(product: Named | Phrase, due: date | None, end: Deadline | None = None) -> Phrase:
    """Return a mail that asks a maker about OAuth.

    Args:
        product: What is asked about.
        due: By when the answer is needed; None for the end of this month.
        end: When its passwords end; None for what ships with the library.
    """
    text: str = reference.table("roads")["mail"]["vendor"]
    when = words((end or deadlines.get("smtp-auth-default-off")).then)
    day = words(spoken(due) if due else "the end of this month")
    return phrase(text.strip() + "\n", product=_tame(product), when=when, due=day)


def device_owner(
    what: Phrase,
    *,
    account: str,
    place: Phrase,
    last_seen: date | None,
    questions: Sequence[Phrase],
    due: date | None,
    end: Deadline | None = None,
) -> Phrase:
    """Return a mail to whoever runs a device: that it will stop, when, what it will show, and what we have to know.

    Args:
        what: The device in words.
        account: What it signs in as.
        place: Where it signs in from; empty where that is not known.
        last_seen: When it last did; None where that is not known.
        questions: What only they can answer.
        due: By when; None for the end of this month.
        end: When its password ends; None for what ships with the library.
    """
    end = end or deadlines.get("smtp-auth-default-off")
    seen = phrase(", last on {day}", day=last_seen) if last_seen else Phrase()
    asked = questions or (words("Which device or program is it, and who looks after it?"),)
    return phrase(
        "Subject: Mail from {what} will stop\n\n"
        "Hello,\n\n"
        "This is about {what}. It sends mail with the password of {account}{place}{seen}.\n"
        "Microsoft switches this off {when}. Nobody is told when it happens; the device shows, if anything:\n"
        "{shows}\n\n"
        "Please tell us by {due}:\n{asked}\n"
        "Until then, please leave its settings as they are.\n",
        what=_tame(what),
        account=line(account, kind="address"),
        place=phrase(" from {place}", place=_tame(place)) if place else Phrase(),
        seen=seen,
        when=words(end.then),
        shows=words(end.shows),
        due=words(spoken(due) if due else "the end of this month"),
        asked=_numbered(asked),
    )


def reported(
    address: str, *, last: date | None, questions: Sequence[Phrase], due: date | None, end: Deadline | None = None
) -> Phrase:
    """Return a mail about an address that only Microsoft's mail report knows: no record says what sends under it.

    Args:
        address: The address in whose name the mail was sent.
        last: The last day of it in the report; None where that is not known.
        questions: What only they can answer.
        due: By when; None for the end of this month.
        end: When the password ends; None for what ships with the library.
    """
    end = end or deadlines.get("smtp-auth-default-off")
    return phrase(
        "Subject: Mail from {address} will stop\n\n"
        "Hello,\n\n"
        "Mail from {address} arrives over a password sign-in{seen}; we do not know whose.\n"
        "Microsoft switches this off {when}. Nobody is told when it happens; what sends it shows, if anything:\n"
        "{shows}\n\n"
        "Please tell us by {due}:\n{asked}\n"
        "Until then, please leave its settings as they are.\n",
        address=line(address, kind="address"),
        seen=phrase(", last on {day}", day=last) if last else Phrase(),
        when=words(end.then),
        shows=words(end.shows),
        due=words(spoken(due) if due else "the end of this month"),
        asked=_numbered(questions),
    )


def move(
    what: Phrase,
    *,
    account: str,
    place: Phrase,
    road: Phrase,
    steps: Sequence[Phrase],
    settings: Settings,
    due: date | None,
    end: Deadline | None = None,
) -> Phrase:
    """Return a mail to whoever runs a sender whose road is decided: what to enter where, and what to answer.

    Args:
        what: The sender in words.
        account: What it signs in as.
        place: Where it signs in from; empty where that is not known.
        road: The road that it takes.
        steps: What else the road needs; for a road that is not known here, all there is.
        settings: What to enter.
        due: By when; None for the end of this month.
        end: When its password ends; None for what ships with the library.
    """
    end = end or deadlines.get("smtp-auth-default-off")
    entered = phrase(
        "Enter ({where}):\n{fields}\n",
        where=settings.where,
        fields=joined(
            (phrase("- {name}: {value}\n", name=words(f.name), value=_tame(f.value)) for f in settings.fields), ""
        ),
    )
    then = [*settings.after] if settings.fields else [*steps]
    return phrase(
        "Subject: New settings for mail of {what}, by {due}\n\n"
        "Hello,\n\n"
        "This is about {what}. It signs in with the password of {account}{place}.\n"
        "Microsoft switches this off {when}.\n"
        "The way that was chosen for it: {road}.\n\n"
        "{entered}{then}"
        "Please answer with the day on which you did it, whether its mail arrives, and what stands in your way if it "
        "does not.\n"
        "Neither send nor ask for a password or a secret by mail: what is needed of that comes another way.\n",
        what=_tame(what),
        due=words(spoken(due) if due else "the end of this month"),
        account=line(account, kind="address"),
        place=phrase(" from {place}", place=_tame(place)) if place else Phrase(),
        when=words(end.then),
        road=_tame(road),
        entered=entered if settings.fields else Phrase(),
        then=phrase("Then:\n{then}\n", then=_numbered(then)) if then else Phrase(),
    )


def _numbered(points: Iterable[Phrase]) -> Phrase:
    return joined((phrase(f"{number}. {{text}}\n", text=_tame(each)) for number, each in enumerate(points, 1)), "")


def line(text: str, *, kind: Kind, limit: int = _NAME) -> Named:
    """Return text from outside as it stands in a letter: on one line, and no longer than *limit* characters."""
    return Named(kind, escape.line(text, limit=limit))


def _tame(value: Named | Phrase) -> Phrase:
    """Return a phrase whose named values stand on one line each."""
    parts = value.parts if isinstance(value, Phrase) else (value,)
    return Phrase(tuple(line(each.value, kind=each.kind) if isinstance(each, Named) else each for each in parts))


def _point(number: int, check: Check, said: Request) -> Phrase:
    name = line(check.name, kind="word", limit=_LINE)
    found = phrase(" ({found})", found=line(check.found.rstrip("."), kind="word", limit=_LINE))
    return phrase(
        f"{number}. {{what}}\n   For: {{who}}\n   Because of: {{name}}{{found}}\n\n",
        what=line(said.what, kind="word", limit=_LINE),
        # The letter goes to the customer.
        who=line(said.who.replace("the customer's", "your"), kind="word", limit=_LINE),
        name=name,
        found=found if check.found else Phrase(),
    )
