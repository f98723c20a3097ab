"""The ``mailauth`` command: the same session methods as the notebooks' cells."""

import json
import os
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, get_args

import click

from . import (
    checks,
    escape,
    evidence,
    fleet,
    parameters,
    powershell,
    roads,
    runbookapps,
    session,
    shapes,
    tenants,
    watch,
)
from .closing import OVER
from .closingrecord import Look
from .errors import HeldError, MailauthError, StorageError, UnreachableError
from .fleet import clusters
from .fleet import sharing as editing
from .guids import is_guid
from .plan import Plan, Receipt
from .pseudonyms import Pseudonyms
from .services import children, pasting, sharing, store
from .session import looking
from .session import roads as leading
from .tenants import PersonKind
from .views import changing, closing, consenting, diagnosing, proving, registering, watching
from .views import roads as road_views
from .views import scripts as script_views
from .waves import Wave
from .wording import counted

__all__ = ["main", "watch_status"]

_FAIL_ON = ("basic", "attention", "expiring", "unproven", "unknown", "broken")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="mailauth-runbook", prog_name="mailauth")
def commands() -> None:
    """From passwords to OAuth for mail in Microsoft 365."""


def main() -> NoReturn:
    """Run the command line: our own errors become one sentence and exit status 2, Ctrl-C becomes 130."""
    try:
        status = commands.main(standalone_mode=False)
    except MailauthError as error:
        click.echo(f"mailauth: {error}", err=True)
        status = 2
    except click.ClickException as error:
        error.show()
        status = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nmailauth: interrupted; what was finished is kept.", err=True)
        status = 130
    sys.exit(status if isinstance(status, int) else 0)


@commands.command()
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", "names", multiple=True, help="Only this tenant; may be given more than once.")
@click.option("--notebooks", default=",".join(fleet.NOTEBOOKS), show_default=True, help="Which ones, with commas.")
@click.option(
    "--out",
    default="reports",
    show_default=True,
    help="Where pages go: a folder, or an address as s3://bucket/reports.",
)
@click.option(
    "--days",
    default=0,
    show_default=True,
    type=click.IntRange(0, session.MOST_DAYS),
    help="0: all that each source holds.",
)
@click.option("--jobs", default=0, type=click.IntRange(min=0), help="Tenants at a time; 0 chooses by the machine.")
@click.option("--limit", default=0, type=click.IntRange(min=0), help="Minutes per tenant; 0 for no limit.")
@click.option("--shard", default="", metavar="I/N", help="Only every Nth tenant, beginning with the Ith.")
@click.option("--dask", default="", metavar="ADDRESS", help="Have tenants done by the Dask cluster at tls://HOST:PORT.")
@click.option("--fail-on", default="", help=f"End with 1 on a finding; any of: {', '.join(_FAIL_ON)}.")
@click.option(
    "--resume/--no-resume",
    default=None,
    help="Take up the last run of the same tenants if it did not end; without: if it began within 12 hours.",
)
@click.option("--no-open", is_flag=True, help="Do not open the page in a browser.")
def report(
    config: str,
    names: tuple[str, ...],
    notebooks: str,
    out: str,
    days: int,
    jobs: int,
    limit: int,
    shard: str,
    dask: str,
    fail_on: str,
    resume: bool | None,
    no_open: bool,
) -> int:
    """Run the notebooks headless and leave a page for each tenant. Changes nothing in any tenant."""
    wanted_findings = _listed(fail_on, "--fail-on", _FAIL_ON)
    project = session.project()
    chosen = _listed(notebooks, "--notebooks", _notebooks(project)) or fleet.NOTEBOOKS
    path = tenants.locate(config, Path.cwd())
    configuration = tenants.load(path)
    wanted = dict.fromkeys(names or configuration.names)
    first, count = _shard(shard)
    selected = [configuration.tenant(name) for name in wanted][first - 1 :: count]
    if not selected:
        click.echo(f"No tenant falls into shard {shard}; nothing was run.", err=True)
        return 0
    also = fleet.shard_file(first, count) if shard else ""
    with _failing():
        place = fleet.Place(out)
        # Whoever does a tenant on a cluster fetches what it builds on.
        place.begin({} if dask else {tenant.name: tenant.defaults.keep for tenant in selected}, shard=also)
    indexed = bool(shard) or len({*fleet.recall(place.folder), *(tenant.name for tenant in selected)}) > 1
    plan = [
        fleet.Job(
            tenant=tenant.name,
            config=str(path),
            out=str(place.folder),
            project=str(project),
            notebooks=chosen,
            rehearsal=tenant.cloud.rehearsal,
            has_sources=bool(tenant.sources),
            indexed=indexed,
            keep_days=tenant.defaults.keep.days,
            parameters={"days": days},
        )
        for tenant in selected
    ]
    workers = jobs or min(len(plan), os.cpu_count() or 1)
    with _failing(), place, _crew(dask, place, plan, jobs) as crew:
        outcomes = fleet.run(
            plan,
            workers=workers,
            say=_say,
            limit_s=limit * 60 or None,
            resume=resume,
            also=also,
            ended=(lambda outcome: None) if dask else place.ended,
            crew=crew,
            kept=(lambda job: place.has_page(job.tenant)) if dask else None,
            ready=place.ready,
        )
        place.end(shard=also)
    if place.elsewhere and shard:
        _say(f"When every shard is done, `mailauth index {place.shown}` writes the page over all of them.")
        click.echo(place.shown)
        return _status(outcomes, wanted_findings)
    alone = len(outcomes) == 1 and bool(outcomes[0].page)
    page = outcomes[0].page if alone else "index.html"
    click.echo(f"{place.shown}/{page}" if place.elsewhere else str(place.folder / page))
    if not no_open and not place.elsewhere and sys.stdout.isatty() and _has_display():
        webbrowser.open((place.folder / page).as_uri())
    return _status(outcomes, wanted_findings)


@commands.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("--out", default="", metavar="ADDRESS", help="Where the page goes; without it, the first ADDRESS.")
@click.option("--fail-on", default="", help=f"End with 1 on a finding; any of: {', '.join(_FAIL_ON)}.")
def index(addresses: tuple[str, ...], out: str, fail_on: str) -> int:
    """Write one page and one fleet.json over what shards left, each at its ADDRESS or all at one."""
    wanted_findings = _listed(fail_on, "--fail-on", _FAIL_ON)
    with _failing():
        rows, page = fleet.join(addresses, out or addresses[0])
    click.echo(page)
    return _status(rows, wanted_findings)


@commands.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> int:
    """Open JupyterLab on the notebooks, with the practice tenants ready.

    ARGUMENTS go to JupyterLab as they are, such as --no-browser or --port=9999.
    """
    project = session.project()
    try:
        tenants.locate("practice", project)
    except MailauthError as error:
        _say(f"mailauth: the practice tenants are not ready; the notebooks open all the same. {error}")
    # As the server's own page, so that the address it prints opens the notebook, too.
    options = [f"--ServerApp.root_dir={project}", "--LabApp.default_url=/lab/tree/notebooks/00-start.ipynb"]
    return children.call([sys.executable, "-m", "jupyterlab", *options, *arguments])


@commands.command()
@click.option("--config", default="practice", show_default=True, help="The tenants file.")
def check(config: str) -> int:
    """Read the tenants file and what it names on this machine, and say what it asks for, or what is wrong with it."""
    configuration = tenants.load(tenants.locate(config, Path.cwd()))
    wrong = 0
    for name in configuration.names:
        tenant = configuration.tenant(name)
        kinds = ", ".join(source.kind for source in tenant.sources) or "no sign-in logs"
        click.echo(f"{name}: {tenant.tenant_id}, cloud {tenant.cloud.name}, {kinds}")
        for found in session.Run(configuration, tenant, Path()).look_here():
            if found.outcome == "wrong":
                wrong += 1
                click.echo(f"  {found}")
    return int(wrong > 0)


@commands.command()
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option("--app", default="", help="Only this mail app, by its name in the tenants file.")
@click.option("--grant", is_flag=True, help="Plan what would grant it directly, through Microsoft Graph.")
@click.option("--apply", is_flag=True, help="With --grant: carry the plan out.")
@click.option("--people", default="", help="With --grant: addresses, with commas, of those who alone are to use it.")
@click.option("--client", "clients", default="", help="With --grant: mail programs to let in, with commas.")
@click.option("--remove", default="", help="With --grant: permissions to take back, by name, with commas.")
@click.option("--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="For the receipt.")
def consent(
    config: str, tenant: str, app: str, grant: bool, apply: bool, people: str, clients: str, remove: str, out: str
) -> int:
    """Show the links that ask for consent, and the consent that the tenant holds.

    Ends with 0 where nothing is missing, by hand neither. Changes nothing without --grant --apply; then it looks again,
    shows what is still wrong, and leaves a receipt, which `mailauth undo` takes back.
    """
    if not grant and (apply or people or clients or remove):
        raise click.UsageError("--apply, --people, --client and --remove go with --grant.")
    run = _opened(config, tenant, out)
    if app:
        run = replace(run, tenant=replace(run.tenant, mail_apps=(_mail_app(run.tenant, app),)))
    if grant:
        asked = {"people": people, "clients": clients, "remove": remove}
        return _changed(run, lambda: run.consents.plan(run.consents.look(), **asked), config, apply=apply)
    state = run.consents.look()
    for each in run.consents.links(state):
        click.echo("".join(f"{each.app}: {link.title}\n  {link.url}\n" for link in each.links))
    _show(consenting.held(state))
    # The text of a check may hold what somebody named an app.
    for check in state.checks:
        click.echo(escape.line(str(check), limit=1_000))
    for record in state.coverage:
        if record.state != "complete":
            click.echo(escape.line(f"{record.what}: {record.state}. {record.reason} {record.remedy}", limit=1_000))
    return int(checks.worst(state.checks) != "ok")


@commands.command()
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option("--app", default="", help="The mail app, by its name in the tenants file; empty: the first one.")
@click.option("--signs-in", default="", help="Who signs in for shared mailboxes: SHARED=ACCOUNT, with commas.")
@click.option("--let-passwords-in", default="", help="Addresses where SMTP AUTH is opened for passwords too.")
@click.option("--remove-extra", default="", help="Addresses that the app is to open no longer, with commas.")
@click.option("--collected", default="", help="A file of the collector script, to be read in place of the tenant.")
@click.option("--everywhere", is_flag=True, help="Ask every mailbox whom it lets in, also in a large tenant.")
@click.option("--script", is_flag=True, help="Print the plan as a PowerShell script, and nothing else.")
@click.option("--collector", is_flag=True, help="Print the script that collects what is read here, and nothing else.")
@click.option("--apply", is_flag=True, help="Carry the plan out.")
@click.option("--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="For the receipt.")
def grant(
    config: str,
    tenant: str,
    app: str,
    signs_in: str,
    let_passwords_in: str,
    remove_extra: str,
    collected: str,
    everywhere: bool,
    script: bool,
    collector: bool,
    apply: bool,
    out: str,
) -> int:
    """Plan what lets a mail app open the mailboxes of the tenants file, and carry it out with --apply.

    Ends with 0 where nothing is left to do, by hand neither: after --apply it looks again, and shows what is still
    wrong. Applying leaves a receipt, which `mailauth undo` takes back.
    """
    run = _opened(config, tenant, out)
    if collector:
        click.echo(run.mailboxes.collecting(signs_in=signs_in).text.replace(powershell.NEWLINE, "\n"))
        return 0
    # What a file of the collector held is over once something was changed.
    files = [str(Path(collected).resolve())] if collected else []

    def plan() -> Plan:
        file = files.pop() if files else ""
        found = run.mailboxes.look(app, signs_in=signs_in, collected=file, everywhere=everywhere)
        return run.mailboxes.plan(found, let_passwords_in=let_passwords_in, remove_extra=remove_extra)

    if script:
        made = run.mailboxes.scripts(plan())
        click.echo(made.text.replace(powershell.NEWLINE, "\n") if made else str(script_views.nothing()))
        return 0
    return _changed(run, plan, config, apply=apply)


@commands.command()
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option("--wave", default="", help="Its name; empty: the first with something to do.")
@click.option("--try-password", is_flag=True, help="Try one password, once, on the canary mailbox.")
@click.option("--script", is_flag=True, help="Print the plan as a PowerShell script, and nothing else.")
@click.option("--undo", is_flag=True, help="Plan, or with --apply do, what takes the wave back.")
@click.option("--apply", is_flag=True, help="Carry out the next stage of the wave.")
@click.option("--renew", is_flag=True, help="Have watch compare with today's settings: what was changed is meant.")
@click.option("--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="For the receipt.")
def close(
    config: str,
    tenant: str,
    wave: str,
    try_password: bool,
    script: bool,
    undo: bool,
    apply: bool,
    renew: bool,
    out: str,
) -> int:
    """Say how each wave stands in which passwords end, what forbids its next step, and plan that step.

    With --apply the step is carried out, and it is said how the wave stands then and when to look again, with this
    command. With --undo nothing is planned but what takes the wave back. A token is tried on what sends with OAuth,
    before a policy ends its password and where the wave is to be proven. Each try of a password counts towards a
    lockout: only the canary's is ever tried, when nothing of the wave is left to be set.

    Ends with 0 where the wave is closed, and proven, or everybody in it is left out, and 1 where it is not; without
    --wave with 0 where all of them are.
    """
    run = _opened(config, tenant, out)
    run.closing.insist_on(wave=wave)
    _insist_on_room(run, apply=apply)
    part, look = run.closing, run.closing.look()
    chosen = look.wave(wave)
    if script:
        tries = part.prove(look, chosen, tokens=part.is_to_prove(look, chosen))
        made = part.scripts(part.plan(look.with_proofs(tries.proofs), chosen))
        click.echo(made.text.replace(powershell.NEWLINE, "\n") if made else str(script_views.nothing()))
        return 0
    with _accounted(run):
        step = _taken_back if undo else partial(_carried_on, try_password=try_password)
        after, change, receipt = step(run, look, chosen, config, apply=apply)
    part.keep(after, after.wave(chosen.name), change, receipt, renew=renew)
    asked = (after.wave(chosen.name),) if wave else after.waves
    return int(any(after.standing(each).word not in OVER for each in asked))


def _taken_back(
    run: session.Run, look: Look, wave: Wave, config: str, *, apply: bool
) -> tuple[Look, Plan | None, Receipt | None]:
    """Take a wave back, or show how, and return how everything stands by then."""
    found = run.closing.undo(look, wave, apply=apply)
    _show(*closing.undo(found, look, wave, config=config).views)
    after = run.closing.look() if apply and found else look
    _show(closing.waves(after))
    if not (apply and found):
        click.echo(f"Nothing was changed{'; --apply does this' if found else ''}.")
    return after, None, None


def _carried_on(
    run: session.Run, look: Look, wave: Wave, config: str, *, apply: bool, try_password: bool
) -> tuple[Look, Plan, Receipt]:
    """Prove a wave, plan its next stage and carry it out, and return how everything stands by then."""
    part = run.closing
    tries = part.prove(look, wave, tokens=part.is_to_prove(look, wave), password=try_password)
    look = look.with_proofs(tries.proofs)
    _show(closing.exceptions(look), closing.waves(look), closing.against(look))
    if ending := run.watching.ending():
        _show(watching.ending(ending))
    if tries.proofs or try_password:
        _show(closing.tokens(tries.proofs), closing.tried(tries.closed, tries.why))
    change = part.plan(look, wave)
    receipt = part.carry_out(wave, change, apply=apply)
    shown = changing.receipt(receipt, config=config) if receipt.applied else closing.planned(look, wave, change)
    _show(*shown.views)
    after = part.look().with_proofs(tries.proofs) if apply else look
    if receipt.applied:
        _show(closing.standing(after, after.wave(wave.name)))
    else:
        click.echo(f"Nothing was changed{'; --apply does this' if change.steps else ''}.")
    return after, change, receipt


def _insist_on_room(run: session.Run, *, apply: bool) -> None:
    """Insist that what is found out can be kept and, to apply, that no other run has the tenant, before long work."""
    store.check_writable(run.folder)
    if apply:
        try:
            with run.alone():
                pass
        except HeldError as error:
            raise HeldError(error.message, remedy=f"{error.remedy} Then run this again: it looks first.") from None


@contextmanager
def _accounted(run: session.Run) -> Iterator[None]:
    """Say what was done where a change ends before its receipt is shown, and what to do then."""
    before = {each.where for each in looking.receipts(run)[0]}
    try:
        yield
    except (KeyboardInterrupt, MailauthError):
        made = [each for each in looking.receipts(run)[0] if each.where not in before]
        for each in made:
            _say(f"{escape.line(each.plan.title)}: {_counts(each)}. Its receipt: {each.where}")
        if made:
            _say(
                "That much was done before it ended. Run the same command again: it looks first, and does what is left."
            )
        raise


def _counts(receipt: Receipt) -> str:
    done = len({each.step for each in receipt.entries if each.outcome in ("done", "already")})
    unclear = sum(each.outcome == "unclear" for each in receipt.entries)
    more = f", and of {unclear:,} nobody knows" if unclear else ""
    return f"{done:,} of {counted(len(receipt.plan.steps), 'change')} stand as wanted{more}"


@commands.command("watch")
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", "names", multiple=True, help="Only this tenant; may be given more than once.")
@click.option("--prove", "tokens", is_flag=True, help="Try a token on each mailbox that sends with one.")
@click.option(
    "--expiring", default=watch.EXPIRES_DAYS, show_default=True, type=click.IntRange(0), help="Days before an end."
)
@click.option(
    "--proven", default=watch.PROVEN_DAYS, show_default=True, type=click.IntRange(0), help="Most days since a proof."
)
@click.option(
    "--wait",
    default=15,
    show_default=True,
    metavar="MIN",
    type=click.IntRange(0),
    help="Minutes for other runs to end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON, for monitoring.")
@click.option("--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="Where pages are.")
def watch_closed(
    config: str, names: tuple[str, ...], tokens: bool, expiring: int, proven: int, wait: int, as_json: bool, out: str
) -> int:
    """Say whether what notebook 60 has closed still is, since when, and what broke. Changes nothing.

    It reads settings, Conditional Access, sign-ins, credentials and proofs, and compares them with what was kept. It
    never tries a password. Each tenant gets one word: held; attention (it holds, and a credential ends or a token is
    not proven); undone (open, by an undo from here); broken; cannot know; busy (another run had it, longer than
    --wait); or not closed (nothing was closed in it yet).

    Ends with 0 where all of it held, with 1 where something is broken or cannot be known, or nothing was closed in any
    of the tenants, with 2 where something asked for is wrong, and with 3 where the worst is attention, undone or busy.
    A tenant that is not closed counts for nothing beside one that is.
    """
    configuration = tenants.load(tenants.locate(config, Path.cwd()))
    chosen = [configuration.tenant(name) for name in dict.fromkeys(names or configuration.names)]
    runs = [session.Run(configuration, each, Path(out).resolve() / each.name) for each in chosen]
    asked = {"search": True, "prove": tokens, "expires_days": expiring, "proven_days": proven}
    seen = _all_seen(runs, wait * 60, **asked)
    if as_json:
        click.echo(json.dumps({"tenants": [_told(run, each) for run, each in zip(runs, seen, strict=True)]}, indent=1))
    else:
        _show(*watching.result(seen).views)
    return watch_status({each.word for each in seen})


def _all_seen(runs: Sequence[session.Run], wait_s: float, **asked: Any) -> list[watching.Seen]:
    """Return what came of each tenant; those that another run has are come back to, and waited for in all so long."""
    until = time.monotonic() + wait_s
    seen = [_seen(run, **asked) for run in runs]
    for place, run in enumerate(runs):
        if seen[place].word == "busy":
            seen[place] = _seen(run, **asked, wait_s=max(0.0, until - time.monotonic()))
    return seen


def _seen(run: session.Run, **asked: Any) -> watching.Seen:
    """Return what came of watching a tenant; one that cannot be reached does not keep the others from being watched."""
    try:
        found = run.watching.look(**asked)
    except HeldError as error:
        return watching.Seen(run.tenant.name, None, str(error), "busy")
    except MailauthError as error:
        run.watching.lose(error)
        return watching.Seen(run.tenant.name, None, str(error))
    if found is None:
        return watching.Seen(
            run.tenant.name, None, f"Nothing was closed here yet, by what lies in {run.folder}.", "not closed"
        )
    return watching.Seen(run.tenant.name, found)


def _told(run: session.Run, each: watching.Seen) -> dict[str, Any]:
    """Return what is told of a tenant, with the same fields whether it could be watched or not."""
    empty = dict.fromkeys(("waves", "broken", "proofs", "reopened"), ())
    unknown = dict.fromkeys(("since", "closed_at", "record_at"))
    blank = {"tenant_id": run.tenant.tenant_id, "at": evidence.plain(run.now()), "why_since": "", **empty, **unknown}
    made = shapes.record(each.watched) if each.watched else blank
    return {"tenant": each.tenant, "word": each.word, "why": each.why} | made


def watch_status(words: Set[watching.Told]) -> int:
    """Return with what a watch ends that said these words of its tenants."""
    if words & {"broken", "cannot know"} or words == {"not closed"}:
        return 1
    return 3 if words & {"attention", "undone", "busy"} else 0


@commands.command()
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option(
    "--mailbox", "mailboxes", multiple=True, help="Only this address, in the tenants file or not; repeatable."
)
@click.option("--protocol", "protocols", multiple=True, help="Only imap, pop or smtp; repeatable.")
@click.option("--app", default="", help="Only this mail app, by its name in the tenants file.")
@click.option(
    "--flow", "flows", multiple=True, help="Only this flow, such as device-code; without: each without a person."
)
@click.option("--signs-in", default="", help="Who signs in for shared mailboxes: SHARED=ACCOUNT, with commas.")
@click.option("--send", is_flag=True, help="Send a mail from each mailbox to itself.")
@click.option("--try-password-of", default="", metavar="ADDRESS=REFERENCE", help="Try one password, once.")
@click.option("--wait", default=0, show_default=True, metavar="MIN", help="Minutes to wait where it is too early.")
@click.option("--json", "as_json", is_flag=True, help="Print the evidence, with transcripts, as JSON.")
@click.option(
    "--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="Where receipts are."
)
def prove(
    config: str,
    tenant: str,
    mailboxes: tuple[str, ...],
    protocols: tuple[str, ...],
    app: str,
    flows: tuple[str, ...],
    signs_in: str,
    send: bool,
    try_password_of: str,
    wait: int,
    as_json: bool,
    out: str,
) -> int:
    """Prove on the wire that mailboxes open with a token, and say of each refusal what is behind it. Changes nothing.

    A password that --try-password-of names is to be refused. Each try counts towards a lockout of the account, and a
    policy that was assigned lately may not count yet: up to a day at Microsoft. REFERENCE is env:NAME or file:PATH.

    Ends with 0 where all went well, 1 where something did not, 2 where something asked for is wrong, 130 after Ctrl-C.
    """
    part = _opened(config, tenant, out).proofs
    asked = {"mailboxes": mailboxes, "protocols": protocols, "flow": flows}
    rows = part.rows(app=app, signs_in=signs_in, **{name: ",".join(each) for name, each in asked.items()})
    proof = part.retest(part.diagnosed(part.attempts(rows, send=send)), minutes=wait)
    closed = None if proof.interrupted else part.try_password(try_password_of)
    if as_json:
        click.echo(json.dumps(part.record(proof, closed), indent=1))
    else:
        _show(*proving.result(proof).views, *([proving.closed(closed)] if closed else []))
    good = proof.good and (closed is None or closed.state == "closed")
    return 130 if proof.interrupted else int(not good)


@commands.command()
@click.argument("file", default="-", metavar="[FILE|-]", type=click.Path(allow_dash=True, dir_okay=False))
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option("--mailbox", default="", help="The mailbox that it is about, where the text does not say.")
@click.option("--look", is_flag=True, help="Have the tenant's consent and Exchange read too.")
@click.option("--json", "as_json", is_flag=True, help="Print the evidence as JSON.")
@click.option("--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="For receipts.")
def diagnose(file: str, config: str, tenant: str, mailbox: str, look: bool, as_json: bool, out: str) -> int:
    """Say what is behind an error, a token or another tool's log, from FILE or a pipe. Changes and stores nothing.

    A token is read for what it says of itself, and shown as its length. Ends with 0 where something is recognised,
    1 where nothing is, 2 where something asked for is wrong.
    """
    part = _opened(config, tenant, out).diagnoses
    if file == "-":
        if sys.stdin.isatty():
            click.echo("Paste, then press Ctrl-D (on Windows Ctrl-Z and Enter).", err=True)
        text, path = pasting.from_stream(sys.stdin.buffer), ""
    else:
        text, path = "", str(Path(file).resolve())
    found = part.diagnose(text, file=path, look=look, mailbox=mailbox)
    if as_json:
        click.echo(json.dumps(part.record(found), indent=1))
    else:
        _show(*diagnosing.result(found).views)
    return int(not found.recognised)


@commands.command()
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option("--mailbox", "mailboxes", multiple=True, help="Only this address; repeatable.")
@click.option("--protocol", "protocols", multiple=True, help="Only imap, pop or smtp; repeatable.")
@click.option("--app", default="", help="Only this mail app, by its name in the tenants file.")
@click.option("--flow", "flows", multiple=True, help="Only this flow; without: each without a person.")
@click.option("--folders", is_flag=True, help="Leave names of folders in, which are people's own words.")
@click.option("--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="Where it goes.")
def bundle(
    config: str,
    tenant: str,
    mailboxes: tuple[str, ...],
    protocols: tuple[str, ...],
    app: str,
    flows: tuple[str, ...],
    folders: bool,
    out: str,
) -> int:
    """Try mailboxes as `prove` does, and write one file for support: transcripts, claims, ids, causes, settings.

    There is no token and no secret in it; mail addresses and ids are real. Prints where it is, and ends with 0 once it
    is written, whatever was refused.
    """
    run = _opened(config, tenant, out)
    asked = {"mailboxes": mailboxes, "protocols": protocols, "flow": flows}
    rows = run.proofs.rows(app=app, **{name: ",".join(each) for name, each in asked.items()})
    run.bundles.check_writable()
    proof = run.proofs.diagnosed(run.proofs.attempts(rows, show_folders=folders))
    click.echo(str(proving.summary(proof)), err=True)
    click.echo(run.bundles.of_proof(proof, folders=folders))
    return 130 if proof.interrupted else 0


def _opened(config: str, tenant: str, out: str = "reports") -> session.Run:
    """Return a run on one tenant of a file; paths are meant from the working directory, as a terminal means them."""
    configuration = tenants.load(tenants.locate(config, Path.cwd()))
    chosen = configuration.tenant(tenant)
    return session.Run(configuration, chosen, Path(out).resolve() / chosen.name)


def _show(*views: object) -> None:
    for view in views:
        click.echo(f"{view}\n")


def _show_receipt(receipt: Receipt, config: str) -> None:
    """Show what became of a plan, or the plan where nothing was tried."""
    shown = changing.receipt(receipt, config=config) if receipt.applied else changing.plan(receipt.plan)
    _show(*shown.views)


def _changed(run: session.Run, plan: Callable[[], Plan], config: str, *, apply: bool) -> int:
    """Show a plan, carry it out where it is to be, and return 0 where another one finds nothing left to do.

    Args:
        run: The run.
        plan: Looks, and plans over what is there.
        config: The tenants file, for the command line.
        apply: Whether to do it.
    """
    if apply:
        _insist_on_room(run, apply=apply)
    with _accounted(run):
        receipt = run.carry_out(plan(), apply=apply)
    _show_receipt(receipt, config)
    left = plan() if receipt.applied and receipt.whole else receipt.plan
    refused = checks.worst(left.checks) in ("wrong", "cannot know")
    if receipt.applied and refused:
        _show(*changing.plan(left).views)
    done = not left.steps if receipt.applied else receipt.whole
    return int(refused or not (receipt.whole and done))


@commands.command()
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option("--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="For the receipt.")
@click.option("--app", default="", help="What the app is called; empty for the first mail app, or mail.")
@click.option("--flow", default="", help="delegated, app-only or both; empty for what fits the clients.")
@click.option("--protocols", default="", help="Some of imap, pop, smtp; empty for those of the mailboxes.")
@click.option("--clients", default="", help="What people sign in with: program, nativeclient, thunderbird.")
@click.option("--audience", default="", help="single or multi: this tenant, or several; empty leaves several alone.")
@click.option("--credential", default="", help="certificate, federated, secret or none.")
@click.option("--federated", default="", metavar="NAME ISSUER SUBJECT", help="Whose tokens count in place of a secret.")
@click.option("--keep-in", default="", help="Where the key or secret goes: file:PATH or keyring:SERVICE/USER.")
@click.option("--days", default=365, show_default=True, help="How long it lasts.")
@click.option("--smtp", default="", help="rbac or consent: what lets the app itself send.")
@click.option("--rotate", default="", metavar="PLACE", help="Add a second key or secret there; file for one here.")
@click.option("--retire", default="", metavar="KEY_IDS", help="Remove old ones, once the one in use is proven; or old.")
@click.option("--script", is_flag=True, help="Show the plan as PowerShell, and change nothing.")
@click.option("--make-key", is_flag=True, help="Make the key on this machine without --apply, for the script.")
@click.option("--apply", is_flag=True, help="Carry it out; without it, what would be changed is shown.")
def register(
    config: str,
    tenant: str,
    out: str,
    app: str,
    rotate: str,
    retire: str,
    keep_in: str,
    script: bool,
    make_key: bool,
    apply: bool,
    **asked: Any,
) -> int:
    """Show what is wrong with a mail app's registration and what makes it right; with --apply, do it.

    Ends with 0 where nothing is left to do. The app's id and where its credential is kept go into state/TENANT.yaml
    beside the tenants file; the receipt is taken back by `mailauth undo`.
    """
    run = _opened(config, tenant, out)
    if apply:
        _insist_on_room(run, apply=apply)
    part = run.registrations
    wanted = part.wanted(app, **asked)
    look = part.look(wanted)
    place = part.place(look, wanted, keep_in=keep_in, make=make_key)
    _show(registering.lint(part.lint(look, wanted, place)))
    if rotate:
        change, place = part.rotate(look, wanted, place, keep_in=rotate)
    elif retire:
        proof = part.prove(look, wanted, place)
        change = part.retire(look, wanted, place, proof, key_ids="" if retire == "old" else retire)
    else:
        change = part.plan(look, wanted, place)
    if script:
        kept = part.scripts(change)
        click.echo(kept.text if kept else str(registering.no_script(change)))
        return 0
    with _accounted(run):
        receipt = part.apply(change, look, wanted, place, apply=apply)
    _show_receipt(receipt, config)
    if rotate and receipt.applied and receipt.whole:
        proof = part.prove(look, wanted, place, note=True)
        _show(registering.proof(proof))
        return int(proof.outcome != "ok")
    return int(checks.worst(change.checks) == "wrong" or not receipt.whole)


@commands.command()
@click.argument("receipt", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option("--apply", is_flag=True, help="Take it back; without it, what would be taken back is shown.")
def undo(receipt: Path, config: str, tenant: str, apply: bool) -> int:
    """Take back what a RECEIPT says was done, last first. Without --apply it only shows how, as PowerShell too.

    Ends with 0 where nothing is left to take back, with 1 where something is.
    """
    path = receipt.resolve()
    run = replace(_opened(config, tenant), folder=_folder_of(path))
    if apply:
        _insist_on_room(run, apply=apply)
    with _accounted(run):
        done = run.take_back(path, apply=apply)
    _show(*changing.plan(done.plan).views, *(changing.receipt(done, config=config).views if apply else ()))
    if not apply and done.plan.steps:
        click.echo(powershell.script(done.plan).replace(powershell.NEWLINE, "\n"))
    return int(not done.whole)


@commands.command("runbook-app")
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", default="", help="Its name in the tenants file.")
@click.option(
    "--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="Where receipts go."
)
@click.option("--multi-tenant", "multi", is_flag=True, help="Let other tenants consent to them as well.")
@click.option("--sign-in", "flow", default="interactive", show_default=True, type=click.Choice(get_args(PersonKind)))
@click.option("--apply", is_flag=True, help="Make them; without it, what would be made is shown.")
@click.option(
    "--print", "printed", is_flag=True, help="Show the same as PowerShell, for an administrator; asks nobody."
)
@click.option(
    "--link", default="", metavar="CLIENT_ID", help="Show a customer's link for an app that exists; asks nobody."
)
def runbook_app(
    config: str, tenant: str, out: str, multi: bool, flow: PersonKind, apply: bool, printed: bool, link: str
) -> int:
    """Make the two app registrations of your own that the runbook signs in with: one reads, one changes.

    Somebody signs in once to Microsoft Graph Command Line Tools for it, because no app of your own can exist yet; what
    is agreed to there stands in the receipt. The ids go into state/TENANT.yaml beside the tenants file.
    """
    run = _opened(config, tenant, out)
    if apply and (printed or link):
        raise click.UsageError("--print and --link only show; leave out --apply, or leave out the other.")
    if link and not is_guid(link):
        raise click.UsageError(f"--link: found {link!r}; expected an application id, as the portal shows it.")
    if printed or link:
        where = {"tenant_id": run.tenant.tenant_id, "client_id": link}
        click.echo(
            runbookapps.consent_link(run.tenant.cloud, **where)
            if link
            else runbookapps.commands(run.tenant, multi=multi)
        )
        return 0
    part = run.signing_in
    receipt = part.make_apps(multi=multi, flow=flow) if apply else Receipt(part.plan_apps(multi=multi, flow=flow))
    _show_receipt(receipt, config)
    return int(not receipt.whole)


@commands.command("roads")
@click.option("--config", default="practice", show_default=True, help="The tenants file, or the practice tenants.")
@click.option("--tenant", "names", multiple=True, help="Only this tenant; may be given more than once.")
@click.option("--letters", "written", is_flag=True, help="Show the mail that asks for what is missing in each.")
def show_roads(config: str, names: tuple[str, ...], written: bool) -> int:
    """Show the road into each tenant: as whom, by which way, until when, what is missing, and how far consent is.

    Reads only. Ends with 0 where every road is open and every consent complete.
    """
    configuration = tenants.load(tenants.locate(config, Path.cwd()))
    chosen = [configuration.tenant(name) for name in dict.fromkeys(names or configuration.names)]
    found = list(leading.ways([session.Run(configuration, tenant, Path()) for tenant in chosen]))
    _show(road_views.fleet(found))
    common = roads.shared(chosen)
    looked = [*((way.road.tenant, way.road.checks) for way in found), ("several tenants", common)]
    for where, check in ((where, check) for where, each in looked for check in each if check.outcome != "ok"):
        click.echo(escape.line(f"{where}: {check}", limit=1_000))
    for view in (view for way in found if written for view in road_views.requests(way).views):
        click.echo(f"\n{view}")
    return int(not all(way.ready for way in found) or checks.worst(common) != "ok")


@commands.command()
@click.option("--tenant", "names", multiple=True, help="Only this tenant; may be given more than once.")
@click.option("--out", default="reports", show_default=True, type=click.Path(file_okay=False), help="Where pages are.")
@click.option(
    "--to", default="", type=click.Path(file_okay=False), help="Where the edition goes; OUT/shareable without."
)
@click.option("--lookup", default="", metavar="PSEUDONYM", help="Say who is meant, and write nothing.")
@click.option("--new-key", is_flag=True, help="Give other names from now on; the old ones can be looked up no longer.")
def share(names: tuple[str, ...], out: str, to: str, lookup: str, new_key: bool) -> int:
    """Make the edition of reports that can be sent to anyone: pseudonyms in place of people, addresses and networks.

    The names come from a key that stays on this machine, so they are the same in every page, table and file, today and
    next year, and --lookup finds who is meant from the reports that lie here. Ends with 1 where nobody is found.
    """
    if lookup and (new_key or names or to):
        raise click.UsageError("--lookup goes with --out alone.")
    reports = Path(out).resolve()
    if lookup:
        return _look_up(reports, lookup, Pseudonyms(sharing.key()))
    chosen = tuple(dict.fromkeys(names)) or editing.ready(reports)
    if not chosen:
        raise MailauthError(
            f"No report lies under {out}.", remedy="Run `mailauth report` first, or name its folder with --out."
        )
    target = Path(to).resolve() if to else reports / editing.FOLDER
    fresh = sharing.another_key() if new_key else b""
    names_given = Pseudonyms(fresh or sharing.key())
    shared = editing.share(reports, chosen, names_given, target, project=session.project(), say=_say, fresh_key=fresh)
    click.echo(str(shared[0] if len(shared) == 1 else target / "index.html"))
    return 0


def _look_up(reports: Path, pseudonym: str, names: Pseudonyms) -> int:
    found = editing.lookup(reports, pseudonym, names)
    for each in found:
        click.echo(f"{escape.line(each.value)}: {each.kind}, in {each.tenant}'s {each.place}")
    if not found:
        click.echo("Nobody in these reports has that name, or another key gave it.", err=True)
    return int(not found)


def _folder_of(receipt: Path) -> Path:
    """Return the tenant's folder that a receipt lies in: the receipt of the undo goes beside it."""
    return receipt.parent.parent if receipt.parent.name == "receipts" else receipt.parent


@commands.command()
@click.option("--tenant", required=True, help="Its name in the tenants file.")
@click.option("--out", default="reports", show_default=True, help="Where pages are: a folder or an address.")
@click.option("--keep-reports", is_flag=True, help="Leave its pages and evidence.")
@click.option("--cache-only", is_flag=True, help="Remove only what can be made again from the logs.")
def forget(tenant: str, out: str, keep_reports: bool, cache_only: bool) -> None:
    """Remove what is kept of a tenant on this machine: cached logs, the archive of fetched sign-ins, its pages.

    The archive may hold sign-ins that the service has dropped from its own log; --cache-only leaves it.
    """
    place, whole = fleet.Place(out), not (keep_reports or cache_only)
    reports = place.folder
    removed = list(map(str, store.forget(tenant, reports=reports if whole else None, cache_only=cache_only)))
    if whole:
        removed += [*map(str, editing.forget(reports, tenant)), *place.forget(tenant)]
    for path in removed:
        click.echo(f"removed {path}")
    if not removed:
        click.echo(f"nothing is kept of {tenant!r}")
    if whole and (str(reports / tenant) in removed or place.elsewhere):
        fleet.forget(reports, tenant)
        place.end()


def _mail_app(tenant: tenants.Tenant, name: str) -> tenants.MailApp:
    found = next((each for each in tenant.mail_apps if each.name == name), None)
    if found is None:
        known = ", ".join(each.name for each in tenant.mail_apps) or "no mail app"
        raise click.UsageError(f"--app: found {name!r}; {tenant.name} has {known}.")
    return found


@contextmanager
def _failing() -> Iterator[None]:
    """End with 1 where a run fails for what may be otherwise tomorrow; 2 is for what stays wrong."""
    try:
        yield
    except (HeldError, StorageError, UnreachableError) as error:
        _say(f"mailauth: {error}")
        raise click.exceptions.Exit(1) from None


def _listed(text: str, option: str, allowed: Sequence[str]) -> tuple[str, ...]:
    wanted = parameters.listed(text)
    wrong = [part for part in wanted if part not in allowed]
    if wrong:
        raise click.UsageError(f"{option}: found {wrong[0]!r}; expected any of {', '.join(allowed)}.")
    return wanted


def _notebooks(project: Path) -> list[str]:
    """Return the runbook's own notebooks, by name; what else lies in their folder is somebody's own."""
    return sorted(path.stem for path in (project / "notebooks").glob("[0-9][0-9]-*.ipynb"))


def _crew(
    dask: str, place: fleet.Place, plan: Sequence[fleet.Job], jobs: int
) -> AbstractContextManager[Sequence[fleet.Hand]]:
    """Return who does the tenants on a Dask cluster; nobody where this machine does them itself."""
    return clusters.gathered(dask, place, plan, most=jobs) if dask else nullcontext(())


def _shard(shard: str) -> tuple[int, int]:
    """Return which one of how many; all of it without a shard."""
    first, _, count = (shard or "1/1").partition("/")
    if not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
        raise click.UsageError(f"--shard: found {shard!r}; expected I/N with 1 <= I <= N, such as 3/8.")
    return int(first), int(count)


def _status(outcomes: Sequence[fleet.Outcome], wanted: tuple[str, ...]) -> int:
    unassessed = any(outcome.blind or not outcome.assessed for outcome in outcomes)
    found = {
        "basic": any(outcome.senders or outcome.certificates for outcome in outcomes),
        "attention": any(outcome.attention for outcome in outcomes),
        # What nobody looked at may be as bad as what is asked about.
        "expiring": any(outcome.expiring != 0 for outcome in outcomes),
        "unproven": any(outcome.unproven != 0 for outcome in outcomes),
        "unknown": any(outcome.state == "cannot know" for outcome in outcomes),
        "broken": any(outcome.watched in ("broken", "cannot know") for outcome in outcomes),
    }
    for line in _unseen(outcomes, wanted):
        _say(line)
    return int(unassessed or any(found[name] for name in wanted))


def _unseen(outcomes: Sequence[fleet.Outcome], wanted: tuple[str, ...]) -> Iterator[str]:
    """Yield why something counts as a finding that nobody looked at."""
    looks: Mapping[str, tuple[Callable[[fleet.Outcome], bool], str]] = {
        "expiring": (
            lambda one: one.expiring is None,
            "notebook 20 was not run, or could not look: nobody knows which credentials end",
        ),
        "unproven": (
            lambda one: one.unproven is None,
            "notebooks 10 and 50 were not run, or could not look: nobody knows what is proven",
        ),
        "broken": (lambda one: one.watched == "cannot know", "whether what was closed still is cannot be known"),
    }
    for name, (lacks, why) in looks.items():
        blind = [outcome.tenant for outcome in outcomes if lacks(outcome)]
        if blind and name in wanted:
            more = f" and {len(blind) - _NAMED:,} more" if len(blind) > _NAMED else ""
            yield f"--fail-on {name}: {', '.join(blind[:_NAMED])}{more}: {why}."


_NAMED = 5


def _say(line: str) -> None:
    click.echo(line, err=True)


def _has_display() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
