"""Texts to send: to a customer's administrator, and to the people who use a mail program. Plain text, nothing sent.

The mail to an app's maker is `advice.mail_to_vendor`: it is made of what is known about the sender.
"""

from collections.abc import Iterable
from datetime import date

from . import escape
from .checks import Check

__all__ = ["to_administrator", "to_users"]

_LINE = 400


def to_administrator(checks: Iterable[Check], *, tenant: str, links: Iterable[str] = ()) -> str:
    """Return a mail to a customer's administrator that asks for all that is missing; empty where nothing is.

    Args:
        checks: What was looked at.
        tenant: The customer's tenant, as they know it.
        links: Addresses that they have to open.
    """
    # What is not configured here is ours to do.
    missing = [check for check in checks if check.outcome in ("wrong", "cannot know")]
    opened = [escape.line(link, limit=2_000) for link in links]
    if not missing and not opened:
        return ""
    asked = "".join(f"{number}. {_point(check)}\n\n" for number, check in enumerate(missing, 1))
    opening = "".join(f"   {link}\n" for link in opened)
    return (
        f"Subject: What we need in {escape.line(tenant, limit=100)} before mail moves from passwords to OAuth\n\n"
        "Microsoft ends mail with passwords. To move your devices and programs in time, the following is missing. "
        "None of it\ngives us anybody's password, and you can take each of it back.\n\n"
        f"{asked}"
        + (f"Please open, as an administrator, and agree:\n\n{opening}\n" if opened else "")
        + "Please answer when it is done, or say what speaks against it.\n"
    )


def to_users(program: str, *, firm: str, day: date, contact: str = "") -> str:
    """Return a mail to the people who use a mail program: what happens when, and what they do.

    Args:
        program: What they call it.
        firm: Whose people they are.
        day: When it is switched over.
        contact: Whom they ask; empty for whoever sends it.
    """
    name = escape.line(program, limit=100)
    return (
        f"Subject: {name} will ask you to sign in again on {day:%A, %d %B %Y}\n\n"
        f"From {day:%A, %d %B %Y} on, {name} gets your mail at {escape.line(firm, limit=100)} with a sign-in in place "
        "of the\npassword that it has stored. Once, a page of Microsoft's opens and asks who you are.\n\n"
        "What you do:\n"
        "1. Look at the address: it begins with https://login.microsoftonline.com/. On any other page, stop.\n"
        "2. Sign in as you do at work, and confirm it on your phone if you are asked to.\n"
        f"3. If {name} asks for a password instead, do not type it: remove the account in it and add it again.\n\n"
        "Nobody will ask you for your password by mail or telephone, and you never have to read a code to anybody.\n"
        f"Questions: {escape.line(contact, limit=100) if contact else 'answer this mail'}.\n"
    )


def _point(check: Check) -> str:
    found = f": {check.found}" if check.found else ""
    return escape.line(f"{check.name[:1].upper()}{check.name[1:]}{found}. {check.remedy}", limit=_LINE * 2)
