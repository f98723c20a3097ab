"""The filter of notebook 10: a plain function first, widgets around it where somebody can turn them.

The table under the widgets is an output like any other, so a run without a browser shows the same rows and the
same numbers; the widgets themselves never reach a page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from mailauth.findings import ATTENTION, Group
from mailauth.wording import counted

from .listings import groups as table_of_groups
from .markup import Place, show
from .tables import Table

__all__ = ["Choice", "Filter", "Result", "filtered", "sums"]

Result = Literal["any", "went through", "right password, stopped", "refused"]
Interactive = Literal["any", "interactive", "not interactive"]


@dataclass(frozen=True)
class Choice:
    """What somebody wants to see; an empty field lets everything pass.

    Args:
        protocol: A protocol's name.
        user: A part of the user principal name, in any case.
        app: A part of the application's name, or its whole id.
        result: Whether the group has at least one such sign-in.
        interactive: Which of the two tables holds it; a group in both passes either way.
        attacks: Whether attack noise is shown.
    """

    protocol: str = ""
    user: str = ""
    app: str = ""
    result: Result = "any"
    interactive: Interactive = "any"
    attacks: bool = True

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("result", self.result, get_args(Result)),
            ("interactive", self.interactive, get_args(Interactive)),
        ):
            if value not in allowed:
                raise ValueError(f"{name}: found {value!r}; expected one of {', '.join(allowed)}")


def filtered(groups: Sequence[Group], choice: Choice) -> tuple[Group, ...]:
    """Return the groups that *choice* lets pass, in their order."""
    return tuple(group for group in groups if _passes(group, choice))


def _passes(group: Group, choice: Choice) -> bool:
    return (
        choice.protocol in ("", group.protocol)
        and choice.user.strip().lower() in group.user.lower()
        and _names(group, choice.app.strip().lower())
        and (choice.result == "any" or _count(group, choice.result) > 0)
        and (choice.interactive == "any" or group.interactive in ("both", _TABLES[choice.interactive]))
        and (choice.attacks or group.verdict != "attack_noise")
    )


def _names(group: Group, app: str) -> bool:
    return app in group.app.lower() or app == group.app_id


def _count(group: Group, result: Result) -> int:
    return {
        "any": group.sign_ins,
        "went through": group.successes,
        "right password, stopped": group.right_password_blocks,
        "refused": group.failures,
    }[result]


_TABLES = {"interactive": "yes", "not interactive": "no"}


def sums(groups: Sequence[Group]) -> str:
    """Return what *groups* add up to, as the line above the table."""
    accounts = len({group.user for group in groups if group.user})
    urgent = sum(1 for group in groups if group.verdict in ATTENTION)
    through, stopped, refused = (
        sum(_count(group, result) for group in groups)
        for result in ("went through", "right password, stopped", "refused")
    )
    return (
        f"{counted(len(groups), 'group')} of {counted(accounts, 'account')}, {urgent:,} of them urgent. Sign-ins: "
        f"{through:,} went through, {stopped:,} stopped with the right password, {refused:,} refused."
    )


@dataclass(frozen=True)
class Filter:
    """The filter over *groups*; showing it shows the table, and widgets above it where there is a browser.

    Args:
        groups: As in `Findings.groups`.
        choice: Where it starts; what a run without a browser shows.
        rest: The file that holds all of them.
    """

    groups: Sequence[Group]
    choice: Choice = Choice()
    rest: str = ""

    def table(self, choice: Choice | None = None) -> Table:
        """Return the table of one choice; without one, of the filter's own."""
        chosen = filtered(self.groups, choice or self.choice)
        return replace(table_of_groups(chosen, rest=self.rest), note=sums(chosen))

    def _ipython_display_(self) -> None:
        panel = _Panel(self)
        show(panel.box._repr_mimebundle_(), {"mailauth": "control"})
        panel.show()


class _Panel:
    """Widgets that start from a choice and draw the table again when one of them changes."""

    def __init__(self, owner: Filter) -> None:
        import ipywidgets

        start = owner.choice
        names = sorted({group.protocol for group in owner.groups} | ({start.protocol} - {""}))
        self.owner = owner
        self._place = Place()
        self.fields: dict[str, Any] = {
            "protocol": ipywidgets.Dropdown(
                description="Protocol", options=[("any", ""), *((name, name) for name in names)], value=start.protocol
            ),
            "user": ipywidgets.Text(description="Account", placeholder="part of the name", value=start.user),
            "app": ipywidgets.Text(description="App", placeholder="part of the name", value=start.app),
            "result": ipywidgets.Dropdown(description="Result", options=get_args(Result), value=start.result),
            "interactive": ipywidgets.Dropdown(
                description="Kind", options=get_args(Interactive), value=start.interactive
            ),
            "attacks": ipywidgets.Checkbox(description="attack noise too", value=start.attacks, indent=False),
        }
        for field in self.fields.values():
            field.observe(self.show, names="value")
        self.box = ipywidgets.Box(list(self.fields.values()), layout=ipywidgets.Layout(flex_flow="row wrap"))

    def choice(self) -> Choice:
        """Return what the widgets say now."""
        return Choice(**{name: field.value for name, field in self.fields.items()})

    def show(self, _change: object = None) -> None:
        """Draw the table, in the place where it stands already if there is one."""
        self._place.draw(self.owner.table(self.choice()))
