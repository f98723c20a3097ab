"""From an engine to `Answers`: the queries asked, cut smaller where the engine gave only a part, and read.

Nothing is opened here: the engine is handed in, and what it could not answer comes back as coverage.
"""

import ipaddress
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from . import kql, reportonly, results
from .coverage import Coverage, Window, code_of
from .engines import Engine, Row, Schema
from .errors import ConfigurationError, QueryError, SourceError
from .guids import is_guid
from .summary import AdoptionRow, Answers, MailRow, NetworkRow, NoiseTotal, PolicyRow, TableDay
from .wording import counted

__all__ = ["Parameters", "ask", "network_pattern", "texts", "together"]

_Made = TypeVar("_Made")

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

# An engine that never gives a whole answer is given up on after so many texts per query.
_MOST_RUNS = 200

_TABLE_WORDS = {
    "SigninLogs": ("interactive sign-ins", "SignInLogs"),
    "AADNonInteractiveUserSignInLogs": ("non-interactive sign-ins", "NonInteractiveUserSignInLogs"),
    "AADServicePrincipalSignInLogs": ("sign-ins of applications", "ServicePrincipalSignInLogs"),
}

# Columns whose absence costs an answer, and which one.
_COLUMN_COST = {
    "AuthenticationRequirement": "no network can be recognised as a place where people completed MFA",
    "AuthenticationDetails": "certificates and app passwords cannot be told from passwords",
    "AuthenticationProtocol": "apps that trade a password for a token are seen only where a mail protocol is named",
    "AuthenticationProcessingDetails": "OAuth tokens for mail are seen only for the registered apps",
    "ResultDescription": "a locked account and a malicious address look the same",
    "UserType": "guests are told from members by their home tenant only",
    "CrossTenantAccessType": "the partner's own people are counted as members",
    "ConditionalAccessPolicies": "nobody can say what a policy that only reports would have stopped",
}

_QUERY_WORDS = {
    "mail_signins": "password sign-ins",
    "adoption": "OAuth tokens for mail",
    "coverage": "what the tables hold, by day",
    "report_only": reportonly.WHAT,
}


class _Limits(Protocol):
    """The thresholds that the queries need; `verdicts.Thresholds` has them."""

    @property
    def regular_days(self) -> int: ...

    @property
    def spray_victims(self) -> int: ...

    def site(self, *, small_tenant: bool) -> int: ...


@dataclass(frozen=True)
class Parameters:
    """What the queries are told beside the window.

    Args:
        right: Result codes after a right password, beside 0.
        interrupted: Result codes that fold into the success of the same correlation id.
        nobody: Result codes for names that do not exist.
        regular_days: Failures on so many days are a habit.
        spray_victims: So many people failing in one network are an attack.
        site_people: So many people with MFA make a known site.
        named_networks: Networks that a person named: addresses and CIDR ranges.
        registered_apps: Application ids of the tenant's own mail apps.
        listed_accounts: Up to so many accounts under attack are listed each by itself.
        not_password: Result codes about a token or a screen, which make nobody a victim.
        tenant_id: The tenant whose records count, where an engine holds several; all do where it is a domain or empty.
        listed_policies: Ids of policies that are told apart in any case where they only report.
    """

    right: tuple[str, ...]
    interrupted: tuple[str, ...]
    nobody: tuple[str, ...]
    regular_days: int
    spray_victims: int
    site_people: int
    named_networks: tuple[str, ...] = ()
    registered_apps: tuple[str, ...] = ()
    listed_accounts: int = 200
    not_password: tuple[str, ...] = ()
    tenant_id: str = ""
    listed_policies: tuple[str, ...] = ()

    @classmethod
    def standard(
        cls,
        limits: _Limits,
        *,
        small_tenant: bool = False,
        named_networks: Iterable[str] = (),
        registered_apps: Iterable[str] = (),
        tenant_id: str = "",
        listed_policies: Iterable[str] = (),
    ) -> "Parameters":
        """Return what the library's facts say of result codes, with *limits* and the tenant's own names."""
        return cls(
            right=results.codes("right_then_stopped", "probably"),
            interrupted=results.interrupted(),
            nobody=results.nobody_codes(),
            regular_days=limits.regular_days,
            spray_victims=limits.spray_victims,
            site_people=limits.site(small_tenant=small_tenant),
            named_networks=tuple(named_networks),
            registered_apps=tuple(registered_apps),
            not_password=results.codes("not_password"),
            tenant_id=tenant_id,
            listed_policies=tuple(listed_policies),
        )

    def of(self, name: str, window: Window) -> dict[str, kql.Value]:
        """Return the values that the query *name* takes over *window*."""
        # Records hold ids: a domain is in none of them.
        tenant = self.tenant_id.strip().lower() if is_guid(self.tenant_id.strip()) else ""
        if name == "adoption":
            return {"tenant": tenant, "registered_apps": self.registered_apps}
        if name == "report_only":
            return {"tenant": tenant, "listed_policies": tuple(each.lower() for each in self.listed_policies)}
        if name != "mail_signins":
            return {}
        return {
            "tenant": tenant,
            "right": self.right,
            "interrupted": self.interrupted,
            "nobody": self.nobody,
            "not_password": self.not_password,
            "named_networks": network_pattern(self.named_networks),
            # A habit of three days cannot show in a slice of one.
            "regular_days": min(self.regular_days, math.ceil(window.days)),
            "spray_victims": self.spray_victims,
            "site_people": self.site_people,
            "listed_accounts": self.listed_accounts,
        }


@dataclass
class _Asked:
    """What one query gave: rows by slice, the gaps, and how often the engine was asked."""

    slices: list[list[Row]] = field(default_factory=list)
    gaps: list[tuple[Window, str]] = field(default_factory=list)
    runs: int = 0


def ask(engine: Engine, *, window: Window, parameters: Parameters, now: datetime) -> Answers:
    """Return what *engine* holds about *window*, and what it could not say.

    Args:
        engine: Where the sign-ins are.
        window: The event times asked for.
        parameters: Codes, thresholds and names for the queries.
        now: The moment; a window that has not begun is refused before anything is asked.

    Raises:
        ConfigurationError: The window lies in the future.
        SourceError: The engine cannot be used at all.
    """
    if window.start >= now:
        raise ConfigurationError(
            f"window: found {_minutes(window.start)} to {_minutes(window.end)}, which lies in the future; "
            f"expected one that begins before now ({_minutes(now)})."
        )
    schema = engine.schema()
    notes = list(_schema_notes(engine.name, schema))
    answers = Answers()
    for name in kql.names():
        asked = _Asked()
        try:
            _ask(engine, name, window, schema, parameters, asked)
        except (SourceError, QueryError) as error:
            notes.append(_refused(engine.name, name, window, error))
        notes.extend(_gaps(engine.name, name, asked.gaps))
        answers = _READERS[name](answers, asked.slices, engine.name)
    queries = {f"{engine.name}/{name}": text for name, text in texts(window, parameters, schema).items()}
    return replace(answers, coverage=(*engine.coverage, *notes, *answers.coverage), queries=queries)


def texts(window: Window, parameters: Parameters, schema: Schema) -> dict[str, str]:
    """Return the text of each query by its name, in the order of asking.

    Args:
        window: The event times asked for.
        parameters: Codes, thresholds and names for the queries.
        schema: What the engine has.
    """
    return {name: _text(name, window, schema, parameters) for name in kql.names()}


def together(parts: Iterable[Answers]) -> Answers:
    """Return the answers of several engines about one tenant as one.

    Rows keep their source, and nothing is added up: two witnesses of one sign-in are still one. What has no source, the
    totals, is taken from the witness that saw most.
    """
    held = tuple(parts)
    totals = max((part.noise for part in held), key=lambda noise: sum(total.sign_ins for total in noise), default=())
    reasons = {reason for part in held for reason in part.not_mail}
    return Answers(
        mail=tuple(row for part in held for row in part.mail),
        networks=tuple(row for part in held for row in part.networks),
        noise=totals,
        not_mail={reason: max(part.not_mail.get(reason, 0) for part in held) for reason in sorted(reasons)},
        adoption=tuple(row for part in held for row in part.adoption),
        tables=tuple(row for part in held for row in part.tables),
        policies=tuple(row for part in held for row in part.policies),
        coverage=tuple(record for part in held for record in part.coverage),
        queries={name: text for part in held for name, text in part.queries.items()},
    )


def network_pattern(networks: Iterable[str]) -> str:
    """Return a regular expression for the networks of rows that lie in *networks*.

    Args:
        networks: Addresses and CIDR ranges; an IPv6 address stands for its /64.
    """
    found = sorted({_pattern(ipaddress.ip_network(network.strip(), strict=False)) for network in networks})
    return f"^({'|'.join(found)})$" if found else "^$a"


def _minutes(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _text(name: str, window: Window, schema: Schema, parameters: Parameters) -> str:
    return kql.query(name, window=window, schema=schema, **parameters.of(name, window))


def _ask(engine: Engine, name: str, window: Window, schema: Schema, parameters: Parameters, asked: _Asked) -> None:
    """Ask for *window*, in halves where the answer is only a part."""
    asked.runs += 1
    reply = engine.run(_text(name, window, schema, parameters), window)
    halves = _halves(window) if reply.partial and asked.runs < _MOST_RUNS else ()
    for half in halves:
        _ask(engine, name, half, schema, parameters, asked)
    if halves:
        return
    asked.slices.append(reply.rows)
    if reply.partial:
        asked.gaps.append((window, reply.partial))


def _halves(window: Window) -> tuple[Window, ...]:
    """Return *window* in two, cut at midnight where it is longer than a day, else at the hour; no less than an hour."""
    length = window.end - window.start
    if length <= _HOUR:
        return ()
    middle = (window.start + length / 2).astimezone(UTC)
    cut = middle.replace(minute=0, second=0, microsecond=0)
    if length > _DAY:
        cut = cut.replace(hour=0)
        cut = cut if cut > window.start else cut + _DAY
    if not window.start < cut < window.end:
        cut = middle
    return Window(window.start, cut), Window(cut, window.end)


def _schema_notes(source: str, schema: Schema) -> Iterable[Coverage]:
    for table in kql.TABLES:
        what, category = _TABLE_WORDS[table]
        if table not in schema:
            yield Coverage(
                what,
                "absent",
                source,
                reason=f"There is no table {table}.",
                remedy=f"Add the category {category} to the tenant's diagnostic setting.",
            )
            continue
        if table == "AADServicePrincipalSignInLogs":
            continue
        for column, cost in _COLUMN_COST.items():
            if column not in schema[table]:
                yield Coverage(
                    what, "partial", source, reason=f"The table has no column {column}, so {cost}.", remedy=_OLDER
                )


_OLDER = "Columns come with the service's updates; an export made today may hold it."


def _refused(source: str, name: str, window: Window, error: SourceError | QueryError) -> Coverage:
    return Coverage(
        _QUERY_WORDS[name],
        "unknown",
        source,
        start=window.start,
        end=window.end,
        reason=f"The query {name} was not answered: {error.message}",
        remedy=error.remedy,
        code=code_of(error),
    )


def _gaps(source: str, name: str, gaps: Iterable[tuple[Window, str]]) -> Iterable[Coverage]:
    """Return one record per stretch of time whose answer stayed a part."""
    joined: list[tuple[Window, str]] = []
    for window, reason in gaps:
        if joined and joined[-1][0].end == window.start and joined[-1][1] == reason:
            joined[-1] = (Window(joined[-1][0].start, window.end), reason)
        else:
            joined.append((window, reason))
    for window, reason in joined:
        yield Coverage(
            _QUERY_WORDS[name],
            "partial",
            source,
            start=window.start,
            end=window.end,
            reason=f"{reason} Smaller pieces, down to an hour, did not help.",
            remedy="Export these hours to files and add them as a source.",
        )


def _read_mail(answers: Answers, slices: list[list[Row]], source: str) -> Answers:
    rows = [row for part in slices for row in part]
    by_record: dict[str, list[Row]] = {}
    for row in rows:
        by_record.setdefault(_as_text(row["record"]), []).append(row)
    not_mail: Counter[str] = Counter()
    for row in by_record.get("not_mail", ()):
        not_mail[_as_text(row["note"])] += _as_int(row["sign_ins"])
    facts = (*by_record.get("site", ()), *by_record.get("spray", ()))
    return replace(
        answers,
        mail=tuple(_mail_row(row, source) for row in by_record.get("mail", ())),
        networks=tuple(dict.fromkeys(_network_row(row) for row in facts)),
        noise=tuple(_noise(row) for row in by_record.get("noise", ()) if row["sign_ins"]),
        not_mail=dict(not_mail),
    )


def _read_adoption(answers: Answers, slices: list[list[Row]], source: str) -> Answers:
    return replace(answers, adoption=tuple(_made(AdoptionRow, row, source) for part in slices for row in part))


def _read_coverage(answers: Answers, slices: list[list[Row]], source: str) -> Answers:
    return replace(answers, tables=tuple(_table_day(row, source) for part in slices for row in part))


def _read_policies(answers: Answers, slices: list[list[Row]], source: str) -> Answers:
    rows = [_timed(PolicyRow, row, source) for part in slices for row in part]
    cut = {row.policy_id for row in rows if row.policy_id and not row.carried}
    limits = (*answers.coverage, _cut(len(cut), source)) if cut else answers.coverage
    told = tuple(row for row in rows if row.carried or not row.policy_id)
    return replace(answers, policies=told, coverage=limits)


def _cut(policies: int, source: str) -> Coverage:
    return Coverage(
        reportonly.WHAT,
        "partial",
        source,
        reason=f"{counted(policies, 'further policy', 'further policies')} that only report spoke of old clients, and "
        "what they said is not counted.",
        remedy="Run notebook 60, which finds what stops old clients, and then 10, which lists each of these.",
    )


_READERS = {
    "mail_signins": _read_mail,
    "adoption": _read_adoption,
    "coverage": _read_coverage,
    "report_only": _read_policies,
}


def _mail_row(row: Row, source: str) -> MailRow:
    return _timed(MailRow, {name: value for name, value in row.items() if name not in ("record", "people")}, source)


def _network_row(row: Row) -> NetworkRow:
    return NetworkRow(
        network=_as_text(row["network"]),
        fact=_as_text(row["record"]),
        user_id=_as_text(row["user_id"]),
        people=_as_int(row["people"]),
    )


def _noise(row: Row) -> NoiseTotal:
    return NoiseTotal(_as_int(row["sign_ins"]), _as_int(row["networks"]), _as_int(row["names"]))


def _table_day(row: Row, source: str) -> TableDay:
    values = {name: value for name, value in row.items() if name != "table_name"}
    return _timed(TableDay, {**values, "table": row["table_name"]}, source)


def _timed(kind: Callable[..., _Made], row: Mapping[str, Any], source: str) -> _Made:
    """Return a row's value, whose first and last moment a query cannot call by names that KQL has."""
    values = {name: value for name, value in row.items() if name not in ("first_seen", "last_seen")}
    return _made(kind, {**values, "first": row["first_seen"], "last": row["last_seen"]}, source)


def _made(kind: Callable[..., _Made], values: Mapping[str, Any], source: str) -> _Made:
    return kind(**values, source=source)


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _as_int(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _pattern(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    if isinstance(network, ipaddress.IPv4Network):
        return _octets(network)
    if (inside := network.network_address.ipv4_mapped) and network.prefixlen >= 96:
        return _octets(ipaddress.IPv4Network((inside, network.prefixlen - 96)))
    nibbles = network.supernet(new_prefix=min(network.prefixlen, 64)).network_address.exploded.replace(":", "")[:16]
    whole, rest = divmod(min(network.prefixlen, 64), 4)
    parts = [*nibbles[:whole], *([_nibble(int(nibbles[whole], 16), rest)] if rest else [])]
    parts += ["[0-9a-f]"] * (16 - len(parts))
    return ":".join("".join(parts[at : at + 4]) for at in range(0, 16, 4)) + "::/64"


def _octets(network: ipaddress.IPv4Network) -> str:
    octets = str(network.network_address).split(".")
    whole, rest = divmod(network.prefixlen, 8)
    parts = octets[:whole]
    if rest:
        first = int(octets[whole])
        parts.append(f"({'|'.join(str(first + at) for at in range(1 << 8 - rest))})")
    return r"\.".join(parts + [r"\d+"] * (4 - len(parts)))


def _nibble(first: int, bits: int) -> str:
    return f"[{''.join(f'{first + at:x}' for at in range(1 << 4 - bits))}]"
