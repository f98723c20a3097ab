"""Trying a mailbox that nobody wrote into the tenants file: widgets where somebody can press a button, else a hint."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MailauthError
from ..proving import Proof
from ..tenants import Tenant
from . import proving, sealing
from .markup import Place, View, show
from .tables import Callout

__all__ = ["Trial"]

_HINT = (
    "In JupyterLab, type an address and press the button; the answer stands here.",
    "Set mailboxes in the first cell where there is no button, or where the evidence is to hold it.",
)


@dataclass(frozen=True)
class Trial:
    """A form that tries one mailbox; showing it shows the widgets, and below them what came of it.

    Args:
        tenant: Whose apps are offered.
        prove: Tries what was asked for, by the names of the fields, and returns it explained.
    """

    tenant: Tenant
    prove: Callable[..., Proof]

    def results(self, **asked: str) -> Sequence[View]:
        """Return what is shown for one choice; without an address a hint, and what is wrong as a callout."""
        if not asked.get("mailboxes", "").strip():
            return (Callout("info", "Another mailbox", _HINT),)
        try:
            return proving.result(self.prove(**asked)).views
        except MailauthError as error:
            return (
                Callout("attention", "It could not be tried", [error.message], [error.remedy] if error.remedy else []),
            )

    def _ipython_display_(self) -> None:
        panel = _Panel(self)
        show(panel.box._repr_mimebundle_(), {"mailauth": "control"})
        panel.show(self.results())


class _Panel:
    """The widgets; what came of a try is drawn in the place of what came of the last.

    The address goes sealed: the field is where a token or a password is pasted by mistake, and widgets are saved.
    """

    def __init__(self, owner: Trial) -> None:
        import ipywidgets

        apps = [app.name for app in owner.tenant.mail_apps]
        flows = dict.fromkeys(flow.kind for app in owner.tenant.mail_apps for flow in app.flows)
        self.owner = owner
        self._place = Place()
        self.fields: dict[str, Any] = {
            "protocols": ipywidgets.Dropdown(
                description="Protocol", options=[("all", ""), ("IMAP", "imap"), ("POP", "pop"), ("SMTP", "smtp")]
            ),
            "app": ipywidgets.Dropdown(description="App", options=[("all", ""), *((name, name) for name in apps)]),
            "flow": ipywidgets.Dropdown(
                description="Flow", options=[("those without a person", ""), *((kind, kind) for kind in flows)]
            ),
        }
        self.field = sealing.Field(label="Mailbox", button="Try it", hint="somebody@example.com", take=self.attempt)
        choices = ipywidgets.Box(list(self.fields.values()), layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.box = ipywidgets.VBox([choices, self.field.box])

    def attempt(self, mailbox: str) -> None:
        """Try a mailbox as the other widgets say."""
        self.show(self.owner.results(mailboxes=mailbox, **{name: each.value for name, each in self.fields.items()}))

    def show(self, views: Sequence[View]) -> None:
        """Draw the views in the place where the last ones stand."""
        self._place.draw(*views)
