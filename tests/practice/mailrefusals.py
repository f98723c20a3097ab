"""How tests break the tenant, and what the mail servers say of it: the words of the failure catalogue."""

from collections.abc import Callable
from typing import Any, Literal

from practice import cloud
from practice.faults import Face
from tests.practice import mailing
from tests.practice.woodgrove import Woodgrove

Break = Callable[[Woodgrove], object]
Kind = Literal["delegated", "app"]

IMAP_NO = ("NO AUTHENTICATE failed.", "BAD Command received in Invalid state.")
IMAP_HALF = ("OK AUTHENTICATE completed.", "BAD User is authenticated but not connected.")
IMAP_OK = ("OK AUTHENTICATE completed.", "OK [READ-WRITE] SELECT completed.")
POP_NO = (
    "-ERR Authentication failure: unknown user name or bad password.",
    "-ERR Command is not valid in this state.",
)
POP_HALF = ("+OK User successfully authenticated.", "-ERR User is authenticated but not connected.")
POP_OK = ("+OK User successfully authenticated.", "+OK 1 57")
SMTP_NO = (
    "535 5.7.3 Authentication unsuccessful [PRACTICE1.PRACP1.PROD.OUTLOOK.EXAMPLE]",
    "530 5.7.57 Client not authenticated to send mail",
)
SMTP_OK = ("235 2.7.0 Authentication successful", "250 2.1.0 Sender OK")
NO = {"imap": IMAP_NO, "pop": POP_NO, "smtp": SMTP_NO}
HALF = {"imap": IMAP_HALF, "pop": POP_HALF, "smtp": SMTP_NO}
OK = {"imap": IMAP_OK, "pop": POP_OK, "smtp": SMTP_OK}
UNSUCCESSFUL = "535 5.7.139 Authentication unsuccessful, "
OFF = (
    UNSUCCESSFUL + "SmtpClientAuthentication is disabled for the {}. "
    "Visit https://aka.ms/smtp_auth_disabled for more information."
)
FACES: list[Face] = ["imap", "pop", "smtp"]


def token_of(practice: cloud.Cloud, made: Woodgrove, kind: Kind, claims: dict[str, Any]) -> str:
    issue = mailing.delegated if kind == "delegated" else mailing.app_only
    return issue(practice, made, **claims)


def exchange(made: Woodgrove) -> Any:
    return made.estate.tenant.exchange


def ungranted(made: Woodgrove) -> None:
    app = exchange(made).principals[0].sid
    exchange(made).mailbox_permissions = [one for one in exchange(made).mailbox_permissions if one.trustee != app]


def granted_elsewhere(made: Woodgrove) -> None:
    app = exchange(made).principals[0].sid
    exchange(made).mailbox_permissions = [
        one for one in exchange(made).mailbox_permissions if one.trustee != app or one.mailbox == made.invoices.guid
    ]


def having(what: str, **values: Any) -> Break:
    def act(made: Woodgrove) -> None:
        target = exchange(made) if what == "exchange" else getattr(made, what)
        for name, value in values.items():
            setattr(target, name, value)

    return act


def mailbox_gone(made: Woodgrove) -> None:
    exchange(made).mailboxes.remove(made.ada_box)


def principal_of(object_id: Callable[[Woodgrove], str]) -> Break:
    def act(made: Woodgrove) -> None:
        exchange(made).principals[0].object_id = object_id(made)

    return act


def guest(made: Woodgrove) -> None:
    made.ada.user_type = "Guest"


def unchanged(made: Woodgrove) -> None:
    pass


def both(*acts: Break) -> Break:
    def act(made: Woodgrove) -> None:
        for one in acts:
            one(made)

    return act
