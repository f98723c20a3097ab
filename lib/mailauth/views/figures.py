"""Charts whose title is the finding, each with its table and its words for those who do not see it.

The one module that touches plotly. In JupyterLab a chart is a plotly figure, which its reader zooms into and whose
series come and go by a click. On a page it is a picture of our own (`drawn`), in which each series has a row and a
scale of its own: the library that draws the figure would be the heaviest thing of a whole night. A chart draws no
conclusion that its table does not hold.
"""

import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mailauth import escape, reference, summaries
from mailauth.findings import ACTIVE_SENDER, Adoption, Group, ProtocolSummary, ReasonSummary, TrendRow
from mailauth.wording import capital, counted

from .drawn import Bars, Days, Drawn, Mark, Series
from .markup import shortened, show, text
from .tables import Table

__all__ = ["Chart", "adoption", "protocols", "reasons", "senders", "trend"]

PLOTLY = "application/vnd.plotly.v1+json"

# Each is legible on white and on near black (3:1), and the palette's first five stay apart for the colour-blind. On
# every page of a tenant a password is orange, a certificate purple, and OAuth blue.
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"
PURPLE = "#a8589b"
GREY = "#808080"
OCHRE = "#a87400"
TEAL = "#2b8a94"
_PALETTE = (ORANGE, GREEN, OCHRE, BLUE, PURPLE, TEAL, GREY)

_OTHERS = "other protocols"
_TITLE = 88  # characters of a title's line
_BAR_PX = 34  # height of one horizontal bar with its gap
_LABEL = 60  # characters of a bar's label
_FEW = 5  # counts up to here get a mark each


@dataclass(frozen=True)
class Chart:
    """A figure with its finding, its words and its table.

    Args:
        title: The finding, as a sentence.
        figure: A plotly figure, or None where there is nothing to draw; the table then stands alone.
        table: The same numbers.
        alt: What the figure shows, for those who do not see it.
        picture: The same for a page, or None.
    """

    title: str
    figure: Any
    table: Table
    alt: str
    picture: Days | Bars | None

    def bundle(self) -> tuple[dict[str, object], dict[str, object]]:
        """Return what a notebook holds of the chart without its table, by type, and the output's metadata."""
        if self.figure is None or self.picture is None:
            return {}, {}
        data, about = Drawn(self.title, self.alt, self.picture)._repr_mimebundle_()
        return {PLOTLY: self.figure.to_plotly_json(), **data}, about

    def _ipython_display_(self) -> None:
        bundle, about = self.bundle()
        if bundle:
            # Sent raw: plotly's own way imports nbformat, which costs a second in every kernel.
            show(bundle, about)
        data, about = self.table._repr_mimebundle_()
        show(data, {**about, "mailauth_twin": self.figure is not None})


def protocols(rows: Sequence[ProtocolSummary], *, window: str = "") -> Chart:
    """Return the sign-ins of each protocol by what came of them; attacks stand in the table only.

    The title counts passwords. Certificates are rows and colours of their own.

    Args:
        rows: As in `Findings.protocols`.
        window: The window and source in words, for the table's caption.
    """
    shown = [row for row in rows if row.successes + row.right_password_blocks + row.failures]
    certified = [summaries.is_certificate(row.protocol) for row in shown]
    title = _protocol_title([row for row, strong in zip(shown, certified, strict=True) if not strong], any(certified))
    series = {
        ("Went through", ORANGE): _where(certified, False, (row.successes for row in shown)),
        ("Went through with a certificate", PURPLE): _where(certified, True, (row.successes for row in shown)),
        ("Right password, then stopped", OCHRE): _where(certified, False, (r.right_password_blocks for r in shown)),
        ("Certificate, then stopped", GREEN): _where(certified, True, (r.right_password_blocks for r in shown)),
        ("Refused", GREY): [row.failures for row in shown],
    }
    axis = _checks(any(certified))
    labels = [row.protocol for row in shown]
    alt = f"Bar chart of {axis} by protocol. {_listed((r.protocol, r.successes) for r in shown)} went through."
    figure = _bars(labels, series, title=title, axis=axis)
    return Chart(title, figure, _protocol_table(rows, window), alt, _rows(labels, series))


def _where(flags: Sequence[bool], wanted: bool, counts: Iterable[int]) -> list[int]:
    """Return *counts* with zero wherever the flag is not as *wanted*."""
    return [count if flag is wanted else 0 for flag, count in zip(flags, counts, strict=True)]


def _checks(certificates: bool) -> str:
    return "password and certificate checks" if certificates else "password checks"


def _sign_ins(certificates: bool) -> str:
    return "Sign-ins with a password or a certificate" if certificates else "Password sign-ins"


def _protocol_title(rows: Sequence[ProtocolSummary], certificates: bool) -> str:
    total = sum(row.successes for row in rows)
    if not rows:
        return "No password sign-in was seen, only certificates" if certificates else "No password sign-in was seen"
    if not total:
        return "No password sign-in went through"
    top = max(rows, key=lambda row: row.successes)
    if top.successes == total:
        return f"Every password sign-in that went through used {top.protocol}"
    return f"{top.protocol} carries most password sign-ins that went through: {top.successes:,} of {total:,}"


def _protocol_table(rows: Sequence[ProtocolSummary], window: str) -> Table:
    certificates = any(summaries.is_certificate(row.protocol) for row in rows)
    columns = (
        "Protocol",
        "Senders",
        "Accounts",
        "Went through",
        f"Right password{' or certificate' if certificates else ''}, stopped",
        "Refused",
        "Attacks",
        "Last",
    )
    cells = [
        (r.protocol, r.groups, r.users, r.successes, r.right_password_blocks, r.failures, r.attacks, r.last_seen.date())
        for r in rows
    ]
    note = f"These are {_checks(certificates)}, not messages: Exchange remembers a good password for up to a day."
    return Table(columns, cells, _caption(f"{_sign_ins(certificates)} by protocol", window), note=note)


def trend(
    rows: Sequence[TrendRow],
    *,
    missing: Collection[date] = (),
    marks: Mapping[date, str] | None = None,
    window: str = "",
) -> Chart:
    """Return the successes of each day by protocol; the title counts passwords, certificates are their own series.

    Args:
        rows: As in `Findings.trend`.
        missing: Days that no source holds; drawn as gaps, never as zero.
        marks: What changed on which day ("default off", a policy).
        window: As in `protocols`.
    """
    days = _span([row.day for row in rows], missing)
    names = _by_weight((row.protocol, row.successes) for row in rows)
    # More colours than these nobody tells apart; the table of protocols names the rest.
    known, rest = names[: len(_PALETTE) - 1], names[len(_PALETTE) - 1 :]
    counts: Counter[tuple[date, str]] = Counter()
    for row in rows:
        counts[row.day, row.protocol if row.protocol in known else _OTHERS] += row.successes
    names = [*known, _OTHERS] if rest else known
    title = _trend_title(rows, days, missing)
    colours = _colours(names)
    traces = [
        _bar([_iso(day) for day in days], [counts[day, name] for day in days], name, colours[name]) for name in names
    ]
    axis = _checks(any(summaries.is_certificate(row.protocol) for row in rows))
    figure = _figure(traces, title=title, height=306, y=axis) if names else None
    if figure is not None:
        _mark_days(figure, missing, marks or {}, days)
    alt = f"Bars for each day from {text(days[0])} to {text(days[-1])}. {title}." if days else title
    series = [Series(name, colours[name], [counts[day, name] for day in days]) for name in names]
    picture = _by_day(days, series, missing, marks or {})
    return Chart(title, figure, _trend_table(rows, days, missing, marks or {}, window), alt, picture)


def _colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each protocol, no two alike; certificates have theirs on every page."""
    certified = next(filter(summaries.is_certificate, names), None)
    free = iter(colour for colour in _PALETTE if certified is None or colour != PURPLE)
    return {name: PURPLE if name == certified else next(free) for name in names}


def _trend_title(rows: Sequence[TrendRow], days: Sequence[date], missing: Collection[date]) -> str:
    held = [day for day in days if day not in missing]
    per_day: Counter[date] = Counter()
    for row in rows:
        if not summaries.is_certificate(row.protocol):
            per_day[row.day] += row.successes
    if not per_day.total():
        return "No password sign-in went through on any day of the records"
    last = max(day for day, count in per_day.items() if count)
    span = min(7, len(held) // 2)
    if not span:
        return f"{per_day.total():,} password sign-ins went through on {text(last)}"
    before, after = (sum(per_day[day] for day in week) / span for week in (held[:span], held[-span:]))
    if not after:
        return f"The last password sign-in that went through was on {text(last)}"
    change = "fell" if after < 0.8 * before else "rose" if after > 1.25 * before else "held steady"
    return f"Password sign-ins {change}: about {_rate(before)} a day at first, {_rate(after)} a day at the end"


def _rate(per_day: float) -> str:
    return f"{per_day:,.0f}" if per_day >= 10 or per_day == int(per_day) else f"{per_day:.1f}"


def _trend_table(
    rows: Sequence[TrendRow],
    days: Sequence[date],
    missing: Collection[date],
    marks: Mapping[date, str],
    window: str,
) -> Table:
    certified = [row for row in rows if summaries.is_certificate(row.protocol)]
    passwords = _sums([row for row in rows if not summaries.is_certificate(row.protocol)])
    strong = {day: (went, stopped + refused) for day, (went, stopped, refused, _) in _sums(certified).items()}
    cells = []
    for day in days:
        counts: tuple[int, ...] = passwords.get(day, (0,) * 4) + (strong.get(day, (0, 0)) if certified else ())
        shown = [None] * len(counts) if day in missing else counts
        cells.append((day, *shown, "no records" if day in missing else marks.get(day, "")))
    more = ("Certificate, went through", "Certificate, stopped or refused") if certified else ()
    columns = ("Day", "Went through", "Right password, stopped", "Refused", "Attacks", *more, "Remark")
    note = f"Days without any record: {len(missing):,}. They are gaps, not zeros." if missing else ""
    caption = _caption(f"{_sign_ins(bool(certified))} by day (UTC)", window)
    return Table(columns, cells, caption, note=note, limit=400)


def _sums(rows: Iterable[TrendRow]) -> dict[date, tuple[int, int, int, int]]:
    """Return by day what went through, was stopped after the right password, was refused, and attacks."""
    sums: dict[date, tuple[int, int, int, int]] = {}
    for row in rows:
        went, stopped, refused, attacks = sums.get(row.day, (0, 0, 0, 0))
        sums[row.day] = (
            went + row.successes,
            stopped + row.right_password_blocks,
            refused + row.failures,
            attacks + row.attacks,
        )
    return sums


def reasons(rows: Sequence[ReasonSummary], *, window: str = "") -> Chart:
    """Return why sign-ins did not go through, attacks apart, coloured by whether the password was right."""
    refused = sorted((r for r in rows if r.password != _ACCEPTED), key=lambda r: r.attacks - r.sign_ins)
    shown = [row for row in refused if row.sign_ins > row.attacks]
    title = _reason_title(shown, sum(row.attacks for row in refused))
    kinds = {kind: colour for _, kind, colour in _PASSWORD.values()}
    series = {
        (kind, colour): [r.sign_ins - r.attacks if _PASSWORD[r.password][1] == kind else 0 for r in shown]
        for kind, colour in kinds.items()
        if any(_PASSWORD[r.password][1] == kind for r in shown)
    }
    labels = [capital(row.reason) for row in shown]
    figure = _bars(labels, series, title=title, axis="sign-ins, attacks left out")
    alt = f"Bar chart of refusals by reason. {_listed((r.reason, r.sign_ins - r.attacks) for r in shown)}."
    cells = [
        (
            capital(r.reason),
            _PASSWORD[r.password][0],
            r.users,
            r.sign_ins - r.attacks,
            r.attacks,
            ", ".join(r.codes),
        )
        for r in refused
    ]
    columns = ("Reason", "Was the password right?", "Accounts", "Sign-ins", "Of attacks", "Result codes")
    table = Table(columns, cells, _caption("Why sign-ins did not go through", window))
    return Chart(title, figure, table, alt, _rows(labels, series))


# What a result says of the password: in the table, as a colour's name, as a colour.
_ACCEPTED = "accepted"
_PASSWORD: dict[str, tuple[str, str, str]] = {
    _ACCEPTED: ("yes, accepted", "Password right", ORANGE),
    "right_then_stopped": ("yes, then stopped", "Password right", ORANGE),
    "probably": ("probably, expired", "Password right", ORANGE),
    "no": ("no", "Password wrong", TEAL),
    "not_evaluated": ("not looked at", "Password not looked at", GREY),
    "not_password": ("not about a password", "Not about a password", OCHRE),
}


def _reason_title(rows: Sequence[ReasonSummary], attacks: int) -> str:
    if not rows:
        return "Nothing but attacks was refused" if attacks else "Nothing was refused"
    total = sum(row.sign_ins - row.attacks for row in rows)
    right = sum(row.sign_ins - row.attacks for row in rows if _PASSWORD[row.password][1] == "Password right")
    top = rows[0]
    apart = f"{capital(top.reason)} leads the refusals outside attacks: {top.sign_ins - top.attacks:,} of {total:,}"
    return f"{apart}; {right:,} came with the right password" if right else apart


def adoption(
    held: Adoption,
    groups: Sequence[Group],
    *,
    missing: Collection[date] = (),
    last_look: date | None = None,
    window: str = "",
) -> Chart:
    """Return senders with OAuth beside SMTP AUTH senders with a password, by day: people and programs, never sign-ins.

    The title counts the senders that the first screen counts; by day, what has moved since counts as well.

    Args:
        held: As in `Findings.adoption`.
        groups: As in `Findings.groups`.
        missing: As in `trend`.
        last_look: As in `Findings.last_look`.
        window: As in `protocols`.
    """
    basic: Counter[date] = Counter()
    for group in groups:
        if group.verdict in ACTIVE_SENDER and group.member and group.protocol == "SMTP AUTH":
            basic.update({day.day for day in group.by_day if day.successes})
    oauth = {day.day: day for day in held.days}
    days = _span([*basic, *oauth], missing)
    title = _adoption_title(held, groups, last_look)
    traces = [
        _line(days, [None if d in missing else basic[d] for d in days], _BASIC_SENDERS, ORANGE, "solid"),
        _line(days, [None if d in missing else _senders(oauth, d) for d in days], _OAUTH_SENDERS, BLUE, "dot"),
    ]
    series = [
        Series(_BASIC_SENDERS, ORANGE, [0 if d in missing else basic[d] for d in days]),
        Series(_OAUTH_SENDERS, BLUE, [0 if d in missing else _senders(oauth, d) for d in days]),
    ]
    figure = _figure(traces, title=title, height=266, y="senders") if days else None
    cells = [
        (d, *((None,) * 5 if d in missing else (basic[d], _senders(oauth, d), *_by_protocol(oauth, d)))) for d in days
    ]
    columns = ("Day", "SMTP AUTH senders with a password", "Senders with OAuth", "of these IMAP", "POP", "SMTP AUTH")
    note = "A sender counts once a day, however often it signs in. The two are no shares of one whole."
    table = Table(columns, cells, _caption("Senders by day (UTC)", window), note=note, limit=400)
    alt = f"Counts by day: SMTP AUTH senders with a password and senders with OAuth. {title}."
    return Chart(title, figure, table, alt, _by_day(days, series, missing, {}))


_BASIC_SENDERS = "SMTP AUTH with a password"
_OAUTH_SENDERS = "with OAuth"


def _senders(days: Mapping[date, Any], day: date) -> int:
    return days[day].senders if day in days else 0


def _by_protocol(days: Mapping[date, Any], day: date) -> tuple[int, int, int]:
    return (days[day].imap, days[day].pop, days[day].smtp) if day in days else (0, 0, 0)


def _adoption_title(held: Adoption, groups: Sequence[Group], last_look: date | None) -> str:
    basic = sum(group.sends_with_a_password for group in groups)
    oauth = len({user.user or user.app_id for user in held.users})
    tokens = f"{counted(oauth, 'user or app', 'users or apps')} held OAuth tokens for mail"
    first = tokens if oauth else "No OAuth token for mail was seen"
    return f"{first}; {_left(basic, last_look)}"


def _left(basic: int, last_look: date | None) -> str:
    """Return how many SMTP AUTH senders are left with a password, in the words of the first screen."""
    who = counted(basic, "SMTP AUTH sender") if basic else "no SMTP AUTH sender"
    if last_look:
        return f"{who} with a password at the last good look ({text(last_look)})"
    if not basic:
        return f"{who} with a password is known now"
    return f"{who} still {'sends' if basic == 1 else 'send'} with a password"


def senders(groups: Sequence[Group], *, limit: int = 15, window: str = "") -> Chart:
    """Return the senders that work with a password by the days on which they did, the most active first."""
    active = sorted(
        (g for g in groups if g.verdict in ACTIVE_SENDER), key=lambda g: (-g.days_active, -g.successes, g.user)
    )
    shown = active[:limit]
    title = _sender_title(active)
    titles = {fact["name"]: fact["title"] for fact in reference.table("verdicts")["verdict"]}
    series = {
        (titles[verdict], colour): [g.days_active if g.verdict == verdict else 0 for g in shown]
        for verdict, colour in (("basic_sender", ORANGE), ("basic_unconfirmed", OCHRE))
        if any(g.verdict == verdict for g in shown)
    }
    labels = _sender_labels(shown)
    figure = _bars(labels, series, title=title, axis="days active")
    alt = f"Bar chart of days active by sender. {_listed((g.user, g.days_active) for g in shown[:5])} days."
    cells = [(g.user, g.protocol, _place(g), g.days_active, g.successes, g.last_seen) for g in active]
    columns = ("Account", "Protocol", "From", "Days active", "Password checks", "Last seen")
    table = Table(columns, cells, _caption("Senders by days active", window), limit=limit)
    return Chart(title, figure, table, alt, _rows(labels, series))


def _sender_title(active: Sequence[Group]) -> str:
    if not active:
        return "No sender works with a password"
    top = active[0]
    who, days = shortened(top.user, _LABEL), counted(top.days_active, "day")
    if len(active) == 1:
        return f"One sender works with a password: {who}, on {days}"
    return f"{len(active):,} senders work with a password; {who} did on {days}"


def _sender_labels(groups: Sequence[Group]) -> list[str]:
    """Return account and place, with the protocol where there is more than one."""
    several = len({group.protocol for group in groups}) > 1
    return [
        " · ".join([shortened(g.user, 30), *([g.protocol] if several else []), shortened(_place(g), 18)])
        for g in groups
    ]


def _place(group: Group) -> str:
    return group.network.label or group.network.address or "an unknown network"


# ---- the pictures of a page


def _rows(labels: Sequence[str], series: Mapping[tuple[str, str], Sequence[int]]) -> Bars | None:
    """Return the rows of each series with a count, or None where there is nothing to draw."""
    seen = [Series(name, colour, values) for (name, colour), values in series.items() if any(values)]
    return Bars(labels, seen) if seen else None


def _by_day(
    days: Sequence[date], series: Sequence[Series], missing: Collection[date], marks: Mapping[date, str]
) -> Days | None:
    """Return a row of bars for each series with a count, or None where there is nothing to draw."""
    seen = [each for each in series if any(each.counts)]
    shown = {day: [Mark("", words)] for day, words in sorted(marks.items()) if days and days[0] <= day <= days[-1]}
    return Days(days, seen, frozenset(missing), shown) if seen else None


# ---- the shape that all figures share


def _bars(labels: Sequence[str], series: Mapping[tuple[str, str], Sequence[int]], *, title: str, axis: str) -> Any:
    """Return horizontal stacked bars, the first label on top, or None where there is nothing to draw."""
    if not labels:
        return None
    positions = list(range(len(labels)))
    traces = [
        _bar(positions, list(values), name, colour, horizontal=True)
        for (name, colour), values in series.items()
        if any(values)
    ]
    figure = _figure(traces, title=title, height=76 + _BAR_PX * len(labels), x=axis)
    # Labels come from a log: two that shorten to the same text must stay two bars, so positions are numbers.
    shown = [_label(label) for label in labels]
    figure.update_yaxes(tickmode="array", tickvals=positions, ticktext=shown, autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=True, rangemode="tozero", tickformat=",d")
    return figure


def _bar(
    at: Sequence[object], values: Sequence[int], name: str, colour: str, *, horizontal: bool = False
) -> dict[str, object]:
    x, y = (values, at) if horizontal else (at, values)
    hover = "%{x:,}" if horizontal else "%{x|%a %-d %b}: %{y:,}"
    return {
        "type": "bar",
        "orientation": "h" if horizontal else "v",
        "x": list(x),
        "y": list(y),
        "name": _label(name),
        "marker": {"color": colour},
        "hovertemplate": f"{hover} {_label(name)}<extra></extra>",
    }


def _line(days: Sequence[date], values: Sequence[int | None], name: str, colour: str, dash: str) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [_iso(day) for day in days],
        "y": list(values),
        "name": name,
        "line": {"color": colour, "width": 2.5, "dash": dash},
        "marker": {"size": 5},
        "connectgaps": False,
        "hovertemplate": f"%{{x|%a %-d %b}}: %{{y:,}} {name}<extra></extra>",
    }


def _figure(traces: Sequence[Mapping[str, object]], *, title: str, height: int, x: str = "", y: str = "") -> Any:
    """Return a plotly figure in this library's template, so many pixels high without its title."""
    from plotly import graph_objects

    lines = textwrap.wrap(title, _TITLE)
    top = 46 + 22 * len(lines)  # the title's lines and the legend
    layout: dict[str, Any] = {
        "template": _template(),
        "title": {"text": "<br>".join(map(escape.html, lines)), "y": 1 - 18 / (height + top)},
        "height": height + top,
        "margin": {"l": 8, "r": 16, "t": top, "b": 8},
        "barmode": "stack",
        "showlegend": len(traces) > 1,
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}, "rangemode": "tozero"},
    }
    # Left to itself plotly marks halves here, and shows them rounded: 0 1 1 2 2.
    if traces and _largest(traces) <= _FEW:
        layout["xaxis" if _lies(traces) else "yaxis"]["dtick"] = 1
    return graph_objects.Figure(data=list(traces), layout=layout)


def _lies(traces: Sequence[Mapping[str, object]]) -> bool:
    return any(trace.get("orientation") == "h" for trace in traces)


def _largest(traces: Sequence[Mapping[str, Any]]) -> int:
    """Return how far the axis of counts reaches: stacked bars add up, lines do not."""
    places, counts = ("y", "x") if _lies(traces) else ("x", "y")
    highest: Counter[object] = Counter()
    for trace in traces:
        for place, count in zip(trace[places], trace[counts], strict=True):
            below = highest[place] if trace["type"] == "bar" else 0
            highest[place] = max(highest[place], below + (count or 0))
    return max(highest.values(), default=0)


def _template() -> dict[str, object]:
    """Return the look of every chart; a page lays its own ink over it, JupyterLab shows it on white in any theme."""
    axis = {
        "title": {"font": {"size": 12}, "standoff": 10},
        "gridcolor": "#d9dce1",
        "linecolor": "#9aa1ab",
        "zeroline": False,
        "automargin": True,
        "separatethousands": True,
    }
    return {
        "layout": {
            "font": {
                "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
                "size": 13,
                "color": "#1c1e21",
            },
            "title": {
                "font": {"size": 16},
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "yref": "container",
                "yanchor": "top",
                "pad": {"l": 8},
            },
            "paper_bgcolor": "#ffffff",
            "plot_bgcolor": "#ffffff",
            "colorway": list(_PALETTE),
            "autosize": True,
            "bargap": 0.28,
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1,
                "yanchor": "bottom",
                "traceorder": "normal",
            },
            "hoverlabel": {"align": "left"},
            "xaxis": axis | {"showgrid": False, "tickformat": "%-d %b"},
            "yaxis": axis,
        }
    }


def _mark_days(figure: Any, missing: Collection[date], marks: Mapping[date, str], days: Sequence[date]) -> None:
    """Draw gaps as bands and changes as lines, each with its words."""
    for first, last in _runs(sorted(set(missing) & set(days))):
        edges = (_iso(first - timedelta(days=1)) + "T12:00", _iso(last) + "T12:00")
        figure.add_shape(
            type="rect", xref="x", yref="paper", x0=edges[0], x1=edges[1], y0=0, y1=1,
            fillcolor=GREY, opacity=0.18, line={"width": 0}, layer="below",
        )  # fmt: skip
        _words(figure, first + (last - first) / 2, 0.5, "no records", angle=-90)
    lines = 0
    previous = None
    for day, words in sorted(marks.items()):
        if days[0] <= day <= days[-1]:
            # The words of a neighbour are as long as a good part of the chart, so they go a line lower each.
            near = previous is not None and (day - previous).days < len(days) * _MARK_WIDTH
            lines = (lines + 1) % _MARK_LINES if near else 0
            previous = day
            _mark(figure, day, words, late=(day - days[0]).days > len(days) * (1 - _MARK_WIDTH), line=lines)


def _mark(figure: Any, day: date, words: str, *, late: bool, line: int) -> None:
    """Draw a change as a line before its day, its words on the side where there is room."""
    at = _iso(day - timedelta(days=1)) + "T12:00"  # bars stand in the middle of their day
    figure.add_shape(
        type="line", xref="x", yref="paper", x0=at, x1=at, y0=0, y1=1,
        line={"color": GREY, "dash": "dash", "width": 1.5},
    )  # fmt: skip
    beside = (day - timedelta(days=1), "right") if late else (day, "left")
    _words(figure, beside[0], 0.98 - 0.08 * line, words, angle=0, side=beside[1])


_MARK_WIDTH = 0.45  # of a chart's width: the words of a mark
_MARK_LINES = 5


def _words(figure: Any, day: date, y: float, words: str, *, angle: int, side: str = "center") -> None:
    figure.add_annotation(
        x=_iso(day), y=y, xref="x", yref="paper", text=_label(words), showarrow=False, textangle=angle,
        xanchor=side, yanchor="middle" if angle else "top", font={"size": 11},
    )  # fmt: skip


def _runs(days: Sequence[date]) -> Iterable[tuple[date, date]]:
    """Yield the first and last day of each unbroken run."""
    start = previous = None
    for day in days:
        if previous is None or day - previous > timedelta(days=1):
            if start is not None and previous is not None:
                yield start, previous
            start = day
        previous = day
    if start is not None and previous is not None:
        yield start, previous


def _span(days: Iterable[date], missing: Collection[date]) -> list[date]:
    """Return every day from the first to the last, those without records included."""
    known = sorted({*days, *missing})
    return [known[0] + timedelta(days=n) for n in range((known[-1] - known[0]).days + 1)] if known else []


def _by_weight(counts: Iterable[tuple[str, int]]) -> list[str]:
    """Return the names with a count, the heaviest first, so that it lies at the bottom of the stack."""
    weights: Counter[str] = Counter()
    for name, count in counts:
        weights[name] += count
    return [name for name, count in sorted(weights.items(), key=lambda item: (-item[1], item[0])) if count]


def _label(words: str) -> str:
    """Return text from a log as plotly may show it: plotly reads tags in its labels, links among them."""
    # plotly shows the names of quotation marks as they are; outside of a tag the marks themselves end nothing.
    return escape.html(text(shortened(words, _LABEL))).replace("&quot;", '"').replace("&#x27;", "'")


def _listed(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{text(shortened(name, _LABEL))} {count:,}" for name, count in counts)


def _caption(words: str, window: str) -> str:
    return f"{words}, {window}" if window else words


def _iso(day: date) -> str:
    return day.isoformat()
