"""An invented tenant's report for the tests of its views: Fabrikam, with every part filled in."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mailauth import report
from mailauth.coverage import Coverage
from mailauth.phrases import Named, Phrase, phrase, words
from mailauth.report import Report

HOSTILE = "<script>alert(1)</script>\u202eevil\x1b[31m=1+1"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST = datetime(2026, 10, 24, 6, tzinfo=UTC)
DORA, SCANNER, ERP = (f"{name}@fabrikam.example" for name in ("dora", "scanner", "erp"))
RELAY = "5f000000-0000-4000-8000-0000000000c1"
NEVER = report.Status("not looked at", (words("Notebook 30 has left no evidence."),), None, "30-consent")
WELL = report.Status("ok", (words("Registered as wanted."),), NOON, "20-register-app")
WITNESS = words("sign-in records of 24 October to 23 November 2026, exported files")


def address(value: str) -> Named:
    return Named("address", value)


STATE = report.State(
    "exposed",
    phrase(
        "{tenant}: two systems will stop sending mail when Microsoft switches off password sign-in at the end of "
        "December 2026.",
        tenant=Named("tenant", "Fabrikam"),
    ),
    also=(words("Microsoft's mail report shows one more address that sent with a password."),),
    missing=(words("OAuth was not seen for any of them."),),
)
URGENT = report.Urgent(
    sender_id="d0d0d0d0d0d0",
    account=DORA,
    member=True,
    protocol="IMAP",
    verdict="suspected_compromise",
    title="Suspected compromise",
    evidence=phrase(
        "{who} signed in once from {where}, on 14 November 2026. Nobody has confirmed that network.",
        who=address(DORA),
        where=Named("ip", "198.51.100.77"),
    ),
    steps=(words("Reset the password and revoke the sessions before anything else."), words("Read the inbox rules.")),
    owner="",
    last_seen=datetime(2026, 11, 14, 3, tzinfo=UTC),
)
SCANS = report.Stop(
    what=phrase("Scanners, {place}", place=Named("place", "Leeds office")),
    kind="password",
    accounts=(SCANNER,),
    protocol="SMTP AUTH",
    used_for=words("scan to mail, also to customers"),
    where=phrase("{place}, {ip}", place=Named("place", "Leeds office"), ip=Named("ip", "203.0.113.10")),
    days_active=22,
    last_seen=date(2026, 11, 22),
    decision=words("Own relay that speaks OAuth"),
    decided=True,
    owner="J. Ward",
    due=date(2026, 12, 11),
    exception_until=None,
    propose=date(2026, 12, 11),
    proposal=words("by 11 December 2026, before the change freeze"),
    questions=(),
    ends="end of December 2026, no day published",
    shows="535 5.7.139 Authentication unsuccessful",
    witness=WITNESS,
    sender_ids=("0123456789ab",),
)
INVOICES = replace(
    SCANS,
    what=phrase("{what}", what=address(ERP)),
    accounts=(ERP,),
    used_for=words("invoices to customers"),
    last_seen=date(2026, 11, 20),
    decision=words("open: one answer is missing"),
    decided=False,
    owner="",
    due=None,
    questions=(words("Can the program sign in with OAuth?"),),
    sender_ids=("e0e0e0e0e0e0",),
)
DECEMBER = report.Ending(
    id="smtp-auth-default-off",
    title="Microsoft switches off password sign-in for SMTP AUTH",
    when="end of December 2026, no day published",
    day=date(2026, 12, 31),
    passed=False,
    shows="535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
    note="In all clouds.",
    source="Exchange blog",
    senders=2,
)
ACTIONS = (
    report.Action(
        "security",
        phrase("Reset the password of {who}", who=address(DORA)),
        words("A stranger has used it."),
        "10-find-basic-auth",
        words("In the Entra admin center."),
        date(2026, 11, 23),
        words("today"),
        "",
    ),
    report.Action(
        "decide",
        phrase("Decide about {who}", who=address(ERP)),
        words("Nobody has, and it stops in December."),
        "10-find-basic-auth",
        words("In the decisions file."),
        date(2026, 12, 11),
        words("by 11 December 2026, before the change freeze"),
        "M. Roy",
    ),
)
TRIED = report.Tried("smtp", "Mail Relay", "secret", "ok", NOON, False, "", "", None)
BOX = report.Mailbox(
    address=SCANNER,
    kind="shared",
    wanted=("imap", "smtp"),
    doors=(report.Door("smtp", "open", "unknown", "closed", "the mailbox switch"),),
    tried=(TRIED,),
    unproven=("imap",),
)
SECRET = report.Credential(
    app="Mail Relay",
    kind="secret",
    id="6a000000-0000-4000-8000-000000000001",
    name="relay",
    ends=NOON + timedelta(days=12),
    days=12,
    word="ending",
    made_at=NOON,
)
OPENING = report.Opening(
    app="Mail Relay",
    mailbox=words("every mailbox"),
    right="IMAP.AccessAsApp",
    by=words("consent in Entra"),
    wanted=False,
    take_away=words("Remove the consent, notebook 30."),
    made_at=NOON,
)
DAYS = tuple(
    report.TrendDay(FIRST.date() + timedelta(days=n), 0 if n in (9, 10) else 3 - n // 12, 2, n // 10, n in (9, 10))
    for n in range(31)
)
ANSWERS = tuple(
    report.Answer(number, f"Question {number}?", (words(f"Answer {number}."),), "yes" if number > 2 else "in part")
    for number in range(1, 11)
)
LETTER = report.Letter(
    "vendor",
    phrase("whoever makes {what}", what=address(ERP)),
    phrase("OAuth for {what}", what=address(ERP)),
    phrase("Subject: OAuth\n\nDear maker of {what},\ncan it?\n", what=address(ERP)),
)
ROW = report.SenderRow(
    sender_id="0123456789ab",
    account=SCANNER,
    protocol="SMTP AUTH",
    verdict="Basic sender",
    days_active=22,
    successes=40,
    where=SCANS.where,
    step="password",
    sends_as=("reception@fabrikam.example",),
    oauth_days=0,
    moved=False,
    last_seen=NOON,
    road=words("Own relay that speaks OAuth"),
)
LEFT_OUT = (report.LeftOut("copier@fabrikam.example", date(2026, 12, 27)),)
FABRIKAM = Report(
    tenant="fabrikam",
    cloud="practice",
    rehearsal=True,
    made_at=NOON,
    coverage=(
        Coverage("interactive sign-ins", "complete", "files", FIRST, NOON),
        Coverage("business dates", "partial", "tenant", reason="The quarter end is not in it.", remedy="Ask for more."),
    ),
    edition="full",
    tenant_id="33333333-3333-4333-8333-333333333333",
    summary=report.Summary(
        "exposed", STATE.sentence, 2, 0, 1, 1, 0, date(2026, 12, 11), DECEMBER.when, "partial", False, 1, NOON, 1, 1
    ),
    state=STATE,
    urgent=(URGENT,),
    stops=(INVOICES, SCANS),
    progress=report.Progress(
        words("9 password senders in September, 2 now."),
        datetime(2026, 9, 3, tzinfo=UTC),
        9,
        2,
        7,
        6,
        1,
        (
            report.Known("0123456789ab", SCANNER, "password", FIRST, NOON, "sends"),
            report.Known("aaaaaaaaaaaa", "noreply@fabrikam.example", "password", FIRST, FIRST, "quiet"),
        ),
    ),
    if_nothing=(words("Scans and invoices are refused without any message to your staff."),),
    looked=report.Looked(
        word="partial",
        lines=(words("Sign-in records of 24 October to 23 November 2026."),),
        start=FIRST,
        end=NOON,
        last_look=None,
        report_start=None,
        report_end=None,
        missed=(report.Missed("quarter end", date(2026, 9, 30)),),
        missing_days=(),
        federated=(),
        sources=(
            report.Source("10-find-basic-auth", "who signs in", "read", NOON, 60, words("Made a minute before.")),
            report.Source("30-consent", "consent", "not there", None, 0, words("Notebook 30 was not run.")),
            report.Source("60-close-basic", "what is closed", "read", NOON, 60, words("Made a minute before.")),
        ),
    ),
    endings=(DECEMBER,),
    actions=ACTIONS,
    apps=(report.App("Mail Relay", RELAY, WELL, NEVER, WELL, WELL),),
    mailboxes=(BOX,),
    credentials=(SECRET,),
    openings=(OPENING,),
    changes=report.Changes(
        NOON - timedelta(days=7),
        (
            report.Change("network", False, phrase("{who}: one network more", who=address(ERP))),
            report.Change("sender", True, words("One sender moved.")),
        ),
        Phrase(),
    ),
    trend=report.Trend(
        words("Password senders fell from 3 to 1 a day."),
        DAYS,
        (report.Mark(date(2026, 11, 16), "policy", phrase("policy on {who}", who=address(SCANNER))),),
        (report.Point(NOON, "exposed", 2, 0, 1, 1), report.Point(FIRST, "exposed", 9, 0, 0, 9)),
    ),
    answers=ANSWERS,
    letters=(LETTER,),
    engineer=report.Engineer((report.Line("State", (words("exposed"), words("worst: 1"))),), (ROW,)),
    purpose=words("It names people because they are the ones to ask. Kept for 90 days."),
    waves=(
        report.Wave(words("the pilot"), "closed", FIRST, 2, 1, 1, ()),
        report.Wave(phrase("the group {name}", name=Named("free", "copiers")), "left out", None, 0, 0, 0, LEFT_OUT),
        report.Wave(words("the whole tenant"), "closing", None, 40, 2, 1, LEFT_OUT),
    ),
)


def unseen(**fields: Any) -> Report:
    """Return the report of a tenant that nobody has looked into, with other *fields*."""
    blank = replace(
        FABRIKAM.looked, word="unknown", lines=(words("Nobody could look."),), start=None, end=None, sources=()
    )
    nothing = {
        "state": report.State("cannot know", words("We could not look.")),
        "urgent": (),
        "stops": (),
        "endings": (),
        "credentials": (),
        "openings": (),
        "apps": (report.App("Mail Relay", RELAY, NEVER, NEVER, NEVER, NEVER),),
        "mailboxes": (replace(BOX, doors=(), tried=(), unproven=("imap", "smtp")),),
        "progress": report.Progress(words("No earlier run is known."), None, 0, 0, 0, 0, 0, ()),
        "changes": report.Changes(None, (), words("No earlier run is known.")),
        "trend": report.Trend(words("Cannot know."), (), (), ()),
        "engineer": report.Engineer((), ()),
    }
    return replace(FABRIKAM, looked=blank, **{**nothing, **fields})
