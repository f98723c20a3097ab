"""Refusals for the tests of causes: for each row of the catalogue what is shown, and what is known beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mailauth.grants import Enterprise, Held, Scopes
from mailauth.organization import (
    AuthenticationPolicy,
    Mailbox,
    MailboxRight,
    Organization,
    Principal,
    SendAs,
    Settings,
)
from mailauth.proof import Attempt, Line, NoToken, Outcome, Stage, Talk
from mailauth.signs import Change, Evidence
from mailauth.tenants import FlowKind, Protocol

NOW = datetime(2026, 11, 27, 14, 4, tzinfo=UTC)
TENANT = "0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e11"
APP = "5d6f7a10-0000-4000-8000-00000000000a"
ENTERPRISE = "5d6f7a10-0000-4000-8000-00000000000e"
REGISTRATION = "5d6f7a10-0000-4000-8000-00000000000d"
SID = "S-1-5-21-1-2-3-4"
ADA = "ada@woodgrove.example"
ADMIN = "admin@woodgrove.example"
SHARED = "invoices@woodgrove.example"
ROLES = {"imap": "IMAP.AccessAsApp", "pop": "POP.AccessAsApp", "smtp": "SMTP.SendAsApp"}
ROLE_IDS = {"imap": "5e5addcd-3e8d-4e90-baf5-964efab2b20a", "pop": "cb842b43-da6e-4506-86fe-bb12199c656d"}
REFUSED = {
    "imap": "A1 NO AUTHENTICATE failed.",
    "pop": "-ERR Authentication failure: unknown user name or bad password.",
    "smtp": "535 5.7.3 Authentication unsuccessful [FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM]",
}
UNCONNECTED = {
    "imap": "A2 BAD User is authenticated but not connected.",
    "pop": "-ERR User is authenticated but not connected.",
}


def app_claims(**other: Any) -> dict[str, Any]:
    """Return what an app's own token says; *other* takes the place of it, None takes it out."""
    own = {"aud": "https://outlook.office365.com", "tid": TENANT, "appid": APP, "oid": ENTERPRISE, "idtyp": "app"}
    return _said({**own, "roles": list(ROLES.values()), "exp": (NOW + timedelta(hours=1)).isoformat()}, other)


def person_claims(**other: Any) -> dict[str, Any]:
    """Return what Ada's token says; *other* as for `app_claims`."""
    scopes = "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send"
    own = {"aud": "https://outlook.office.com", "tid": TENANT, "appid": APP, "upn": ADA, "scp": scopes}
    return _said({**own, "exp": (NOW + timedelta(hours=1)).isoformat()}, other)


def _said(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**own, **other}.items() if value is not None}


def attempt(
    protocol: Protocol = "imap",
    reply: str = "",
    *,
    flow: FlowKind = "certificate",
    claims: Mapping[str, Any] | None = None,
    mailbox: str = ADA,
    outcome: Outcome = "refused",
    stage: Stage = "authenticate",
    sent: tuple[str, ...] = (),
    offered: tuple[str, ...] = ("AUTH=XOAUTH2",),
    at: datetime = NOW,
    user: str = "",
) -> Attempt:
    """Return an attempt that the server ended with *reply*."""
    claims = claims if claims is not None else app_claims() if flow == "certificate" else person_claims()
    lines = (*(Line(1, "sent", each) for each in sent), *((Line(2, "received", reply),) if reply else ()))
    talk = Talk(protocol, "outlook.office365.com:993", outcome, stage, reply, offered=offered, lines=lines)
    return Attempt(mailbox, protocol, "mail", APP, flow, outcome, at, user=user, claims=claims, talk=talk)


def no_token(code: str, said: str = "", *, error: str = "", flow: FlowKind = "certificate") -> Attempt:
    """Return an attempt that got no token."""
    return Attempt(ADA, "imap", "mail", APP, flow, "no_token", NOW, no_token=NoToken(code, error, said))


def exchange(**other: Any) -> Organization:
    """Return a tenant in order: the app may open Ada's mailbox; *other* takes the place of a part."""
    ada = Mailbox(
        ADA, upn=ADA, addresses=(ADA,), guid="g-ada", object_id="o-ada", identity="Ada Byron", kind="UserMailbox",
        imap=True, pop=True, smtp="on", authentication_policy="", licensed=True,
    )  # fmt: skip
    admin = replace(ada, address=ADMIN, upn=ADMIN, addresses=(ADMIN,), guid="g-a", object_id="o-a", identity="Admin")
    shared = replace(
        ada, address=SHARED, upn=SHARED, addresses=(SHARED,), guid="g-i", object_id="o-i", identity="Invoices",
        kind="SharedMailbox", licensed=False,
    )  # fmt: skip
    parts: dict[str, Any] = {
        "settings": Settings(smtp_off=False, default_policy=""),
        "policies": (AuthenticationPolicy("Block", {"Smtp": False}),),
        "mailboxes": (ada, admin, shared),
        "principals": (Principal(ENTERPRISE, APP, sid=SID),),
        "rights": {
            ADA: (MailboxRight(ADA, SID, ("FullAccess",)),),
            SHARED: (MailboxRight(SHARED, ADA, ("FullAccess",)),),
        },
        "send_as": (SendAs(SHARED, ADA),),
        "assignments": (),
    }
    return Organization(**{**parts, **other})


def with_ada(**values: Any) -> Organization:
    """Return the tenant with Ada's mailbox changed."""
    ada, *rest = exchange().mailboxes or ()
    return exchange(mailboxes=(replace(ada, **values), *rest))


def consent(*, roles: bool = True, asks: bool = True) -> Held:
    """Return what the tenant holds for the app: a permission for people, and its roles where *roles*."""
    held = frozenset(("resource", each) for each in ROLE_IDS.values()) if roles else frozenset()
    return Held(
        Enterprise(ENTERPRISE, "mail"),
        (Scopes("resource", frozenset({"SMTP.Send"})),),
        held,
        frozenset(ROLE_IDS.values()) if asks else frozenset(),
    )


@dataclass(frozen=True)
class Case:
    """A refusal of which the cause is known.

    Args:
        row: The row that is behind it.
        evidence: What is at hand.
        name: What it is about; the row where that says it.
        alike: Rows that nothing at hand tells from this one.
    """

    row: str
    evidence: Evidence
    name: str = ""
    alike: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The case's name."""
        return f"{self.row}: {self.name}" if self.name else self.row


def of(one: Attempt, **known: Any) -> Evidence:
    """Return an attempt with a tenant in order around it; *known* takes the place of a part."""
    order: dict[str, Any] = {
        "organization": exchange(),
        "tenant_id": TENANT,
        "enterprise_id": ENTERPRISE,
        "held": consent(),
        "changes": (),
        "rbac": False,
    }
    return Evidence(attempt=one, **{**order, **known})


def refused(protocol: Protocol = "imap", **how: Any) -> Attempt:
    """Return an attempt whose token was refused."""
    return attempt(protocol, REFUSED[protocol], **how)


def unconnected(protocol: Protocol = "imap", **how: Any) -> Attempt:
    """Return an attempt whose token was taken and whose mailbox did not open."""
    return attempt(protocol, UNCONNECTED[protocol], stage="command", **how)


def person(one: Any, protocol: Protocol = "imap", *, claims: Mapping[str, Any] | None = None, **how: Any) -> Attempt:
    """Return what *one* makes, a refusal, with a person signed in."""
    made: Attempt = one(protocol, flow="interactive", claims=claims or person_claims(), **how)
    return made


def pasted(*texts: str, **known: Any) -> Evidence:
    """Return words that somebody has pasted."""
    return Evidence(texts=texts, **known)


_GRAPH = "https://graph.microsoft.com"
_NO_PRINCIPAL = exchange(principals=())
_WRONG_ID = exchange(principals=(Principal(REGISTRATION, APP, sid=SID),))
_UNGRANTED = exchange(rights={ADA: (MailboxRight(ADA, "NT AUTHORITY\\SELF", ("FullAccess",)),)})
_AS_ADMIN = person_claims(upn=ADMIN)
_EARLIER = NOW - timedelta(hours=2)

_TOKENS = (
    Case("I1", of(person(refused, claims=person_claims(aud=_GRAPH)))),
    Case("I1", of(person(refused, "pop", claims=person_claims(aud=_GRAPH))), "POP"),
    Case("I5", of(refused(claims=app_claims(roles=["full_access_as_app"])))),
    Case("I5", of(refused("pop", claims=app_claims(roles=None))), "POP, no role"),
    Case("I5", of(refused("smtp", claims=app_claims(roles=["IMAP.AccessAsApp"]))), "SMTP"),
    Case("S12", of(person(refused, "smtp", claims=person_claims(aud=_GRAPH)))),
    Case("S12", of(person(refused, "smtp", claims=person_claims(upn="ada_x.example#EXT#@woodgrove.example"))), "guest"),
    Case("T1", of(refused(claims=app_claims(exp=(NOW - timedelta(minutes=1)).isoformat())))),
    Case("T2", of(refused(claims=app_claims(tid="another")))),
    Case("T3", of(person(refused, claims=person_claims(scp="Mail.Read")))),
    Case("T4", of(person(refused, claims=person_claims(upn="ada_x.example#EXT#@woodgrove.example")))),
)
_EXCHANGE = (
    Case("I2", of(refused(), organization=_WRONG_ID)),
    Case("I2", of(refused("smtp"), organization=_WRONG_ID), "SMTP"),
    Case("I3", of(refused(), organization=_NO_PRINCIPAL)),
    Case("I3", of(refused("pop"), organization=_NO_PRINCIPAL), "POP"),
    Case("I4", of(refused(), organization=_UNGRANTED)),
    Case("I4", of(refused("smtp"), organization=_UNGRANTED), "SMTP"),
    Case(
        "I6",
        of(
            person(refused, mailbox="sales@woodgrove.example"),
            organization=with_ada(addresses=(ADA, "sales@woodgrove.example")),
        ),
    ),
    Case("I10", of(unconnected(), organization=_UNGRANTED)),
    Case("I11", of(person(unconnected, claims=_AS_ADMIN))),
    Case("I12", of(unconnected(), organization=with_ada(imap=False))),
    Case("I13", of(unconnected(), organization=with_ada(upn="a.byron@woodgrove.example"))),
    Case("I14", of(unconnected(), others=(attempt(outcome="ok", stage="done", at=_EARLIER),))),
    Case(
        "I15",
        Evidence(
            attempt=person(unconnected, mailbox="ada@outlook.com", claims=person_claims(upn="ada@outlook.com")),
            known={"protocol_off": False, "person_may_not_open": False},
        ),
    ),
    Case("I16", of(unconnected(), organization=with_ada(licensed=False))),
    Case("I16", of(unconnected("pop"), organization=with_ada(kind="MailUser")), "POP, a mail user"),
    Case("P1", of(refused("pop"), organization=with_ada(pop=False))),
    Case("P3", of(unconnected("pop"), organization=with_ada(pop=False)), "POP is off"),
    Case("S8", of(refused("smtp"), organization=_NO_PRINCIPAL), "no principal"),
    Case("S9", of(refused("smtp"), rbac=True, organization=_UNGRANTED)),
    Case("S10", of(person(refused, "smtp", claims=_AS_ADMIN))),
    Case("S11", of(person(refused, "smtp", mailbox=SHARED), others=(person(attempt, outcome="ok", mailbox=SHARED),))),
    Case("T5", of(refused("smtp", claims=app_claims(roles=None)), rbac=True)),
    Case("T6", of(refused(mailbox="nobody@woodgrove.example"))),
    Case("T7", pasted("A1 NO AUTHENTICATE failed.", sent=("A1 AUTHENTICATE PLAIN",), kind="password", protocol="imap")),
    Case("T8", pasted("A1 NO AUTHENTICATE failed.", kind="app", protocol="imap", malformed=True)),
    Case("T9", pasted("smtp.office365.com:587: error:0A00010B:SSL routines::wrong version number")),
    Case("T10", pasted("SASL(-4): no mechanism available: No worthy mechs found", protocol="imap")),
    Case("T4", of(refused("smtp", claims=app_claims(aud="https://management.azure.com"))), "an app, sending"),
    Case("T7", pasted("535 5.7.3 Authentication unsuccessful", sent=("AUTH LOGIN",), kind="password"), "SMTP"),
    Case("E4", of(refused(), changes=(Change("full_access", NOW - timedelta(minutes=4)),))),
    Case("E7", of(person(refused, mailbox=f"{ADA}\\invoices"))),
    Case("G6", of(refused(claims=app_claims(roles=None)), held=consent(roles=False))),
    Case(
        "G7", of(refused(claims=app_claims(roles=["POP.AccessAsApp"])), known={"consent_replaced": True}), alike=("I5",)
    ),
)
_WIRE = (
    Case("I7", of(attempt(reply="A1 NO AUTHENTICATE failed.\r\n* BAD Command Error. 12"))),
    Case("I8", pasted("A3 BAD Command received in Invalid state.")),
    Case("I9", pasted("a1 NO LOGIN failed.")),
    Case(
        "I9",
        pasted(
            "[AUTHENTICATIONFAILED] AuthFailed:LogonDenied-BasicAuthBlocked-<UserType:OutlookCom> "
            "LogonFailed-BasicAuthBlocked"
        ),
        "outlook.com",
    ),
    Case("I17", pasted("* BYE Session invalidated - AccessTokenExpired")),
    Case(
        "I18",
        pasted(
            "A7 BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", "* BYE Connection closed. 14"
        ),
    ),
    Case("I19", pasted("* BYE Connection closed. 14")),
    Case("I20", pasted("too many simultaneous connections")),
    Case(
        "I21",
        pasted("imaplib.IMAP4.error: command LIST illegal in state NONAUTH, only allowed in states AUTH, SELECTED"),
    ),
    Case("I22", of(attempt(outcome="unreachable", stage="capability", offered=("IMAP4rev1", "LOGINDISABLED")))),
    Case(
        "I23",
        of(attempt("smtp", "error: 0A000102:SSL routines::unsupported protocol", outcome="unreachable", stage="tls")),
    ),
    Case("I24", of(attempt(reply="A1 BAD Command Argument Error. 12"))),
    Case("P2", of(refused("pop", sent=("AUTH XOAUTH2 <1,482 characters>",)))),
    Case("P4", pasted("-ERR Logon failure: unknown user name or bad password.")),
    Case("P5", pasted("-ERR Command is not valid in this state.")),
    Case(
        "S1",
        of(
            attempt(
                "smtp",
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
                "Visit https://aka.ms/smtp_auth_disabled for more information. [X]",
            ),
            organization=replace(with_ada(smtp="inherit"), settings=Settings(smtp_off=True)),
        ),
    ),
    Case(
        "S2",
        of(
            attempt(
                "smtp",
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. "
                "Visit https://aka.ms/smtp_auth_disabled",
            ),
            organization=with_ada(smtp="off"),
        ),
    ),
    Case("S3", pasted("535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [LO2P265CA0001]")),
    Case("S4", pasted("535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [X]")),
    Case(
        "S5",
        pasted(
            "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be "
            "authenticated successfully. Contact your administrator."
        ),
    ),
    Case(
        "S6",
        pasted(
            "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security "
            "defaults policy. Contact your administrator."
        ),
    ),
    Case("S7", pasted("550 5.7.30 Basic authentication is not supported for Client Submission.")),
    Case("S13", pasted("530 5.7.57 Client not authenticated to send mail. [X]")),
    Case(
        "S14",
        of(
            attempt("smtp", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", stage="command")
        ),
    ),
    Case(
        "S14",
        pasted("554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied"),
        "after DATA",
    ),
    Case("S15", pasted("501 5.5.124 Invalid XOAUTH2 auth data - User address provided is not valid.")),
    Case("S16", pasted("501 5.5.2 Cannot Base64 decode")),
    Case("S17", pasted("451 4.7.0 Temporary server error. Please try again later. PRX4 NextHop:X")),
    Case(
        "S18",
        pasted(
            "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for "
            "more information."
        ),
    ),
    Case("S19", of(attempt("smtp", outcome="unreachable", stage="connect"))),
    Case("S19", pasted("421 4.4.2 Connection dropped due to SocketError"), "in words"),
    Case("S20", pasted("550 5.1.8 Access denied, bad outbound sender")),
)
_ADMINISTRATION = (
    Case(
        "G1",
        pasted(
            "Request_BadRequest: NoBackingApplicationObject: The appId '5d6f' of the service principal does "
            "not reference a valid application object."
        ),
    ),
    Case(
        "G2",
        pasted(
            "Request_ResourceNotFound: Resource 'x' does not exist or one of its queried reference-property "
            "objects are not present."
        ),
    ),
    Case(
        "G3",
        pasted('{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}'),
    ),
    Case("G4", pasted("Permission being assigned already exists on the object")),
    Case("G5", pasted("CredentialTypeNotAllowedAsPerAppPolicy: Credential type not allowed as per assigned policy")),
    Case(
        "G8",
        pasted("Need admin approval", policies=("ManagePermissionGrantsForSelf.microsoft-user-default-recommended",)),
    ),
    Case("G9", pasted("Need admin approval", policies=())),
    Case("E1", pasted("WARNING: The ServiceId parameter is being depreciated and will be replaced with ObjectId.")),
    Case(
        "E2", pasted("New-ServicePrincipal : The term 'New-ServicePrincipal' is not recognized as the name of a cmdlet")
    ),
    Case("E3", pasted("Add-MailboxPermission: The user or service principal 'Mail' couldn't be found.")),
    Case("E5", pasted("SmtpClientAuthenticationDisabled is blank")),
    Case(
        "E6",
        pasted(
            "The command you tried to run isn't currently allowed in your organization. To run this "
            "command, you first need to run the command: Enable-OrganizationCustomization."
        ),
    ),
)

CASES = (*_TOKENS, *_EXCHANGE, *_WIRE, *_ADMINISTRATION)
"""One case at least for each row but those of AADSTS numbers, which a test makes from the numbers."""
