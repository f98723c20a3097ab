"""Mail programs that are registered elsewhere and need a tenant's consent, as values."""

from dataclasses import dataclass
from functools import cache

from . import reference

__all__ = ["MailClient", "known"]


@dataclass(frozen=True)
class MailClient:
    """A mail program by its application id.

    Args:
        app_id: Its id, the same in every tenant.
        name: What people call it.
        asks: What it is known to ask for: imap, pop, smtp, eas; empty where no public source says.
        sure: Whether more than one public source gives the id.
        disabled: Since when Microsoft refuses the id, in words; empty for one that works.
        replaced_by: The id that the same program has now.
        warning: What to think of before consenting to it.
    """

    app_id: str
    name: str
    asks: tuple[str, ...] = ()
    sure: bool = True
    disabled: str = ""
    replaced_by: str = ""
    warning: str = ""


@cache
def known() -> tuple[MailClient, ...]:
    """Return the mail programs of the facts that anybody can consent to, those that are refused included."""
    return tuple(
        MailClient(
            app_id,
            each["name"],
            tuple(each.get("asks", ())),
            each["confidence"] == "high",
            each.get("disabled", ""),
            each.get("replaced_by", ""),
            each.get("warning", ""),
        )
        for app_id, each in reference.table("mail_clients")["app"].items()
        if not each.get("first_party")
    )
