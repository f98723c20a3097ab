"""A plan as a PowerShell script, for a person to review and run where nothing of ours may sign in.

The script is drawn from the same steps that are sent over HTTPS: it looks, sends what is missing, waits until it shows,
and stops where somebody else was there. Before it sends anything it stops where passwords would come in by it. It runs
in Windows PowerShell 5.1 and PowerShell 7, and takes -WhatIf and -Confirm.

Nothing here has been run in PowerShell: the tests read each script with a PowerShell grammar, and compare what they
find with the plan and with the cmdlets' documented parameters.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Final

from . import alike, closingguard, escape, reference
from .literals import BARE, NEWLINE, Column, comment, encoded, literal, quoted
from .plan import Cmdlet, Entry, Look, Operation, Plan, Receipt, Ref, Service, Step, Value, undo

__all__ = [
    "NEWLINE",
    "comment",
    "encoded",
    "functions",
    "invoked",
    "literal",
    "quoted",
    "script",
    "undo_of_script",
    "undo_script",
]

_TEXTS = resources.files("mailauth") / "scripts"

_RUNS: Final = (
    "Windows PowerShell 5.1, or PowerShell 7; ExchangeOnlineManagement 3.10 and newer wants PowerShell 7.6 there."
)

_CMDLET = re.compile(r"[A-Z][A-Za-z]+-[A-Z][A-Za-z0-9]+")


def script(plan: Plan, *, then: str = "") -> str:
    """Return the script that does what *plan* does, lines ended by `NEWLINE`; write it as `encoded` gives it.

    Args:
        plan: The plan.
        then: What is to be done after it has run; empty for nothing.

    Raises:
        ValueError: A step holds what PowerShell has no name for, such as a cmdlet's name with a blank in it.
    """
    return _script(plan, "the script that came beside this one, with -undo in its name.", then)


def _script(plan: Plan, back: str, then: str = "") -> str:
    services = {step.service for step in plan.steps}
    kept = [step for step in plan.steps if step.keeps]
    places = {step.id: f"SecretPath{number or ''}" for number, step in enumerate(kept)}
    parts = list(alike.parts(plan.steps))
    lines = [
        *_head(plan, places, back, then),
        *_parameters(kept, places),
        "Set-StrictMode -Version 3.0",
        "$ErrorActionPreference = 'Stop'",
        "",
        "# What the looks tell: ids by name.",
        f"$Known = {literal(plan.bound, indent=0)}",
        "$Steps = New-Object -TypeName 'System.Collections.ArrayList'",
        "",
        *functions(*_needed(services, kept=bool(kept), guarded=any(_guards(plan)))),
        *_connections(plan, services),
        *_guards(plan),
        *_finds(plan),
        *(line for number, part in enumerate(parts, 1) for line in _part(part, f"{number} of {len(parts)}", places)),
        *_proof(),
    ]
    return NEWLINE.join(line for text in lines for line in text.split("\n")) + NEWLINE


def undo_script(receipt: Receipt, *, now: datetime) -> str:
    """Return the script that takes back what *receipt* says was done.

    Args:
        receipt: What was carried out.
        now: The clock.
    """
    back = undo(receipt, id=f"{receipt.plan.id}-undo", now=now)
    return _script(back, "the script without -undo in its name does it again; what is gone is made anew.")


def undo_of_script(plan: Plan, *, now: datetime) -> str:
    """Return the script that takes back what the script of *plan* does, whatever it found done already.

    A script leaves no receipt. Each step of this one is sent only where its look shows what the plan wanted.
    """
    done = tuple(Entry(step.id, "done", now) for step in plan.steps)
    return undo_script(Receipt(plan, done), now=now)


@cache
def _text(name: str) -> str:
    return (_TEXTS / f"{name}.ps1").read_text(encoding="utf-8").rstrip("\n")


def functions(*names: str) -> list[str]:
    """Return the lines of the functions that ship in ``scripts/<name>.ps1``."""
    return [line for name in names for line in (*_text(name).split("\n"), "")]


def _needed(services: Iterable[str], *, kept: bool, guarded: bool) -> list[str]:
    return ["fields", *sorted(services), "change", *(["guard"] if guarded else []), *(["keep"] if kept else [])]


def _guards(plan: Plan) -> Iterator[str]:
    """Yield what stops the script, before anything is sent, where passwords would come in by it."""
    if guarded := closingguard.guarded(plan):
        yield f"Assert-PolicyRefuses -Mailbox {literal(guarded, indent=0)}"
    if left := closingguard.restored(plan):
        tables = {"Held": left.held, "Given": left.given, "Altered": left.altered}
        for name, table in tables.items():
            yield f"${name} = {literal(table, indent=0)}"
        yield f"$Spared = {literal(plan.noted.get(closingguard.TOOK, ()), indent=0)}"
        yield "Assert-NothingOpens -Held $Held -Given $Given -Altered $Altered -Spared $Spared"
    if guarded or left:
        yield ""


def _head(plan: Plan, places: Mapping[str, str], back: str, then: str) -> Iterator[str]:
    facts = reference.table("powershell")
    yield from comment(plan.title)
    yield "#"
    yield from comment(f"{plan.tenant} ({plan.tenant_id}), cloud {plan.cloud}", label="Tenant:   ")
    yield from comment(f"{plan.id}, made {plan.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", label="Plan:     ")
    yield from comment(_counted(plan.steps), label="Changes:  ")
    titles: Mapping[Service, str] = {"exchange": "Exchange", "graph": "Graph"}
    for service, title in titles.items():
        if needs := plan.needs(service):
            yield from comment(f"in {title}: {', '.join(needs)}", label="Needs:    ")
    for name in places.values():
        yield from comment(f"-{name} FILE, where the secret goes; nothing shows it", label="Needs:    ")
    yield from comment(
        "run it with -WhatIf: it looks, and says what it would send. -Confirm asks each time.", label="Try:      "
    )
    yield from comment(
        "run it again: what is as wanted is left alone, and what a stop left out is sent.", label="Again:    "
    )
    yield from comment(back, label="Undo:     ")
    if any(_guards(plan)):
        yield from comment("before anything is sent, where passwords would come in by it.", label="Stops:    ")
    if then:
        yield from comment(then, label="Then:     ")
    if any(step.service == "exchange" for step in plan.steps):
        yield from comment(_RUNS, label="Runs in:  ")
    for check in plan.checks:
        if check.outcome != "ok":
            yield from comment(str(check), label="Left out: ")
    for leaves, alikes in _lasting(plan.steps).items():
        more = f", and {len(alikes) - 1:,} more" if len(alikes) > 1 else ""
        yield from comment(f"{alikes[0]}{more}: {leaves}", label="Stays:    ")
    yield from comment(
        "a PowerShell grammar has read it; it has not been run before it came to you.", label="Checked:  "
    )
    yield "#"
    yield f"#Requires -Version {facts['versions']['powershell']}"
    modules = reference.table("cmdlets")["modules"]
    for service in sorted({step.service for step in plan.steps}):
        name, version = modules[service]["name"], facts["versions"][service]
        yield f"#Requires -Modules @{{ ModuleName = '{name}'; ModuleVersion = '{version}' }}"
    yield ""


def _lasting(steps: Sequence[Step]) -> Mapping[str, Sequence[str]]:
    """Return the titles of the steps by what an undo of them does not restore: a thousand alike say it once."""
    found: dict[str, list[str]] = {}
    for step in steps:
        if step.leaves:
            found.setdefault(step.leaves, []).append(step.title)
    return found


def _counted(steps: Sequence[Step]) -> str:
    groups = [step.group for step in steps]
    return ", ".join(f"{groups.count(group)} x {group}" for group in dict.fromkeys(groups)) or "none"


def _parameters(kept: Sequence[Step], places: Mapping[str, str]) -> Iterator[str]:
    yield "[CmdletBinding(SupportsShouldProcess)]"
    yield "param("
    for step in kept:
        yield from (
            f"    {line}"
            for line in comment(f"{step.title}: a file that does not exist yet; its owner alone can read it")
        )
        yield f"    [string] ${places[step.id]} = '',"
        yield ""
    yield "    # How long to look for a change after it was sent."
    yield "    [int] $WaitSeconds = 300"
    yield ")"


def _connections(plan: Plan, services: Iterable[str]) -> Iterator[str]:
    names = reference.table("powershell")["environments"].get(plan.cloud, {})
    tenant = quoted(plan.tenant_id)
    if "exchange" in services:
        yield f"Connect-ExchangeTenant -TenantId {tenant} -Environment {quoted(names.get('exchange', ''))}"
    if "graph" in services:
        scopes = literal(plan.needs("graph"))
        yield f"Connect-GraphTenant -TenantId {tenant} -Environment {quoted(names.get('graph', ''))} -Scopes {scopes}"
    yield ""


def _finds(plan: Plan) -> Iterator[str]:
    """Yield looks for the ids that a step needs and only a later one would tell, as it is when a plan is undone."""
    wanted, told = set[str](), set(plan.bound)
    for step in plan.steps:
        wanted |= _refs_of(step) - told
        told |= set(step.look.binds)
    for step in _tellers(plan, wanted):
        yield from comment(f"What is it called here? {step.title}")
        yield "$Step = @{"
        yield f"    Needs = {literal(sorted(_refs(_asked(step.look.ask), step.look.where)))}"
        yield from _looks(step)
        yield "}"
        yield "if (@(Get-Lacking $Step).Count -eq 0) { $null = Get-Seen $Step }"
        yield ""


def _tellers(plan: Plan, wanted: set[str]) -> Iterator[Step]:
    """Yield the steps whose looks tell what is *wanted*, each after those that tell what it needs itself."""
    told, left = set(plan.bound), [step for step in plan.steps if wanted & set(step.look.binds)]
    while ready := [step for step in left if _refs(_asked(step.look.ask), step.look.where) <= told]:
        for step in ready:
            if not set(step.look.binds) <= told:
                yield step
            told |= set(step.look.binds)
            left.remove(step)


def _refs_of(step: Step) -> set[str]:
    """Return the names of what a step needs from outside of itself."""
    looked = _refs(_asked(step.look.ask), step.look.where)
    rest = _refs(_asked(step.do), step.before, step.after) - set(step.look.binds)
    return looked | rest


def _refs(*values: Value) -> set[str]:
    names = set[str]()
    for value in values:
        if isinstance(value, Ref):
            names |= set() if isinstance(value, Column) else {value.name}
        elif isinstance(value, Mapping):
            names |= _refs(*value.values())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            names |= _refs(*value)
    return names


def _asked(operation: Operation) -> Value:
    if isinstance(operation, Cmdlet):
        return operation.parameters
    return [list(operation.path), operation.body]


def _part(part: alike.Part, number: str, places: Mapping[str, str]) -> Iterator[str]:
    if isinstance(part, Step):
        yield from comment(part.title, label=f"{number}: ")
        yield from comment(part.why, label="Why: ")
        yield from _step(part, literal(_shown(part.title)), "", places.get(part.id, ""))
    else:
        yield from comment(f"{part.step.group}, {len(part.rows)} times, as for: {part.step.title}", label=f"{number}: ")
        yield from comment(part.step.why, label="Why: ")
        yield "$Rows = @("
        yield from (f"    {literal({**row, 'Title': _shown(str(row['Title']))})}" for row in part.rows)
        yield ")"
        yield "$At = 0"
        yield "foreach ($Row in $Rows) {"
        yield "    $At = $At + 1"
        yield "    Write-Progress -Activity $Row['Title'] -PercentComplete (100 * $At / $Rows.Count)"
        yield from _step(part.step, "$Row['Title']", "    ", "", row=True)
        yield "}"
        yield f"Write-Progress -Activity {quoted(part.step.group)} -Completed"
        if part.step.watched:
            yield "foreach ($Step in $Steps) { if ($Step['Outcome'] -eq 'sent') { Wait-Done $Step } }"
    yield ""


def _shown(title: str) -> str:
    """Return a title on one line; with plain quotes, as others would have to be written as numbers."""
    return escape.line(title).translate(_QUOTES)


_QUOTES: Final = str.maketrans("“”", '""')


def _step(step: Step, title: str, margin: str, place: str, *, row: bool = False) -> Iterator[str]:
    own = set(step.look.binds)
    needs = sorted(_refs_of(step) - own)
    lines = [
        "$Step = @{",
        *(["    Row = $Row"] if row else []),
        f"    Title = {title}",
        f"    Needs = {literal(needs)}",
        *(["    Alone = $true"] if step.alone else []),
        *_looks(step),
        f"    Before = {_block(literal(step.before, indent=4))}",
        f"    After = {_block(literal(step.after, indent=4))}",
        "}",
        "$null = $Steps.Add($Step)",
        "if (Test-Wanted $Step) {",
        f"    if ($PSCmdlet.ShouldProcess($Step['Title'], {literal(_action(step.do))})) {{",
        *(f"        {line}" for line in _body(step.do)),
        f"        {_sent(step, place)}",
        # A table is looked at when it is through: services take their time once, and not for each row.
        "        Wait-Done $Step" if step.watched and not row else "        $Step['Outcome'] = 'sent'",
        "    }",
        "}",
    ]
    yield from (margin + line for text in lines for line in text.split("\n"))


def _looks(step: Step) -> Iterator[str]:
    look = step.look
    yield f"    Look = {_block(_question(look))}"
    yield f"    Where = {_block(literal(look.where))}"
    if look.inside:
        yield f"    Inside = {quoted(look.inside)}"
    yield f"    Fields = {literal(look.fields)}"
    if look.words:
        yield f"    Words = {literal(look.words)}"
    if look.flags:
        yield f"    Flags = {literal(look.flags)}"
    yield f"    Binds = {literal(look.binds)}"


def _block(expression: str) -> str:
    return f"{{ {expression} }}"


def _question(look: Look) -> str:
    if isinstance(look.ask, Cmdlet):
        return invoked(look.ask)
    headers = f" -Headers {literal(look.ask.headers)}" if look.ask.headers else ""
    return f"Get-GraphRows -Uri {_path(look.ask.path)}{headers}"


def _action(operation: Operation) -> str:
    if isinstance(operation, Cmdlet):
        return operation.name
    pieces = (part if isinstance(part, str) else f"{{{part.name}}}" for part in operation.path)
    return f"{operation.method} {''.join(pieces)}"


def _body(operation: Operation) -> list[str]:
    if isinstance(operation, Cmdlet) or operation.body is None:
        return []
    return f"$Body = {literal(operation.body, indent=0)}".split("\n")


def _sent(step: Step, place: str) -> str:
    if step.keeps:
        send = _block(_request(step.do, quiet=True))
        return f"Save-Secret -Path ${place} -Field {quoted(step.keeps.field)} -Send {send}"
    return f"$null = Invoke-Patiently {_block(_request(step.do))}"


def _request(operation: Operation, *, quiet: bool = False) -> str:
    if isinstance(operation, Cmdlet):
        # The script has asked already, and a module does not see what a script prefers in case of an error.
        return f"{invoked(operation)} -Confirm:$false"
    body = "" if operation.body is None else " -ContentType 'application/json' -Body (ConvertTo-Body $Body)"
    headers = f" -Headers {literal(operation.headers)}" if operation.headers else ""
    # Either of them would print the reply, and a reply that is kept holds a secret.
    hush = " -Verbose:$false -Debug:$false" if quiet else ""
    start = f"Invoke-MgGraphRequest -Method {quoted(operation.method)} -Uri {_path(operation.path)}"
    return f"{start}{headers}{body} -OutputType 'HashTable' -ErrorAction Stop{hush}"


def invoked(cmdlet: Cmdlet) -> str:
    """Return the call of a cmdlet, which stops where it fails.

    Raises:
        ValueError: Its name, or a parameter's, is none.
    """
    for name in (cmdlet.name, *cmdlet.parameters):
        if not (_CMDLET if name == cmdlet.name else BARE).fullmatch(name):
            raise ValueError(f"{name!r} is no name of a cmdlet or a parameter")
    return " ".join([cmdlet.name, *map(_argument, cmdlet.parameters.items()), "-ErrorAction Stop"])


def _argument(pair: tuple[str, Value]) -> str:
    name, value = pair
    # A switch takes its value after a colon only, and every other parameter takes it there too.
    if isinstance(value, Column) and value.flag:
        return f"-{name}:({literal(value)})"
    return f"-{name}:{literal(value)}" if isinstance(value, bool) else f"-{name} {literal(value)}"


def _path(pieces: Sequence[str | Ref]) -> str:
    each = [f"(ConvertTo-PathPart {literal(part)})" if isinstance(part, Ref) else quoted(part) for part in pieces]
    return each[0] if len(each) == 1 else f"({' + '.join(each)})"


def _proof() -> list[str]:
    return [
        "# Proof: the same looks again.",
        "foreach ($Step in $Steps) {",
        "    $Standing = 'after'",
        "    if ($Step['Outcome'] -eq 'sent') { Wait-Done $Step } else { $Standing = Get-Standing $Step }",
        "    [pscustomobject] @{ Step = $Step['Title']; Outcome = $Step['Outcome']; AsWanted = $Standing -eq 'after' }",
        "}",
    ]
