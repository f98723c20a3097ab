"""A field for what nobody else is to read: its text leaves the browser sealed, and no widget ever holds it.

The field itself is a part of the page, of which a notebook keeps nothing. Only what is sealed goes into a widget, which
hands it to the kernel; JupyterLab may save that widget whenever it likes.
"""

import secrets
from collections.abc import Callable
from typing import Any, Final

from .. import escape
from ..sealed import Lock

__all__ = ["Field"]

# Browsers seal only on pages that came from this machine or by https.
_SCRIPT: Final = """(async (button) => {
  const place = button.parentElement, area = place.querySelector('textarea, input');
  const inbox = document.querySelector('.' + button.dataset.inbox + ' textarea');
  const note = place.querySelector('[role=status]');
  if (!area.value.trim()) { note.textContent = 'Nothing was pasted.'; return; }
  if (!window.isSecureContext || !inbox) {
    note.textContent = 'This page cannot seal what is pasted, so nothing was sent: it has to come from this machine ' +
      'or by https, and the cell has to be run again after a restart. In a terminal: mailauth diagnose -';
    return;
  }
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const coded = (buffer) => btoa(Array.from(new Uint8Array(buffer), (each) => String.fromCharCode(each)).join(''));
  const subtle = crypto.subtle, nonce = crypto.getRandomValues(new Uint8Array(12));
  const key = await subtle.importKey('spki', bytes(button.dataset.key), {name: 'RSA-OAEP', hash: 'SHA-256'}, false,
    ['encrypt']);
  const once = await subtle.generateKey({name: 'AES-GCM', length: 256}, true, ['encrypt']);
  const box = await subtle.encrypt({name: 'AES-GCM', iv: nonce}, once, new TextEncoder().encode(area.value));
  const wrapped = await subtle.encrypt({name: 'RSA-OAEP'}, key, await subtle.exportKey('raw', once));
  note.textContent = area.value.length.toLocaleString('en') + ' characters taken, not shown.';
  area.value = '';
  inbox.value = [wrapped, nonce, box].map(coded).join('.');
  inbox.dispatchEvent(new Event('change', {bubbles: true}));
})(this)"""
_ENTER: Final = "if (event.key === 'Enter') this.parentElement.parentElement.querySelector('button').click()"


class Field:
    """The field with its button, as a widget.

    Args:
        label: What the field is for.
        button: What the button says.
        hint: What stands in the empty field.
        take: Receives what was typed when the button is pressed.
        lines: How many lines are shown; 1 makes a field that Enter sends off.
    """

    def __init__(self, *, label: str, button: str, hint: str, take: Callable[[str], None], lines: int = 1) -> None:
        import ipywidgets

        self._lock, self._receive = Lock(), take
        name = f"mailauth-{secrets.token_hex(8)}"
        self.form = ipywidgets.HTML(_form(label, button, hint, lines, name, self._lock.public))
        self.inbox = ipywidgets.Textarea(continuous_update=False)
        self.inbox.add_class(name)
        self.inbox.layout = ipywidgets.Layout(display="none")
        self.inbox.observe(self._take, names="value")
        self.box = ipywidgets.VBox([self.form, self.inbox])

    @property
    def key(self) -> str:
        """The public key that the browser seals with."""
        return self._lock.public

    def _take(self, change: Any) -> None:
        if change["new"]:
            text = self._lock.opened(change["new"])
            self.inbox.value = ""
            self._receive(text)


def _form(label: str, button: str, hint: str, lines: int, inbox: str, key: str) -> str:
    shown = f'placeholder="{escape.html(hint)}" autocomplete="off" spellcheck="false"'
    style = 'style="width: 100%; box-sizing: border-box; font-family: monospace"'
    field = f'<textarea rows="{lines}" {shown} {style}></textarea>'
    if lines == 1:
        field = f'<input type="text" {shown} {style} onkeydown="{escape.html(_ENTER)}">'
    return (
        f'<label style="display: block">{escape.html(label)}{field}</label>'
        f'<button type="button" class="jupyter-button" data-inbox="{inbox}" data-key="{key}" '
        f'onclick="{escape.html(_SCRIPT)}">{escape.html(button)}</button> <span role="status"></span>'
    )
