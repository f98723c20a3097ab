"""Text from outside, made harmless for the place where it will stand.

Anybody on the internet can choose a user agent that lands in a sign-in log. Pages, spreadsheets and notes take such
text through here and nowhere else. What cannot be seen (control characters, marks that turn the reading direction,
blanks of no width) is shown by name, because an invisible letter makes two accounts look like one. Marks that are
piled on one letter are counted and not shown: a hundred of them run over the lines above and below.
"""

import re
import unicodedata
from html import escape as _html
from itertools import groupby

__all__ = ["csv_cell", "html", "line", "markdown"]

_LONGEST = 200
# A spreadsheet refuses or cuts a cell of more than 32,767 characters.
_LONGEST_CELL = 32_000

# Listed and not asked of unicodedata: that would be a call for each letter of each cell.
_CONTROL = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_BLANKS = r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
_MORE_BLANKS = (
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SURROGATES = r"\ud800-\udfff"
_UNSEEN = re.compile(f"[{_CONTROL}{_BLANKS}{_MORE_BLANKS}{_SURROGATES}]")
# No writing piles more marks than these on a letter. The pattern is cheap and takes in signs and pictures as well, so
# what it finds is looked at letter by letter.
_PILE = 4
_PILED = re.compile(rf"[^\w\s\x00-\u02ff]{{{_PILE + 1},}}")
_BREAKS = re.compile(r"[\t\n]")

# What a spreadsheet takes for the beginning of a formula, with the full-width and small forms that it folds to them.
_FORMULA = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
# A comma file opened where the list separator is a semicolon is cut at semicolons as well, quotes or not.
_BEGINS_FORMULA = re.compile(rf"(?:^|(?<=;))(?=[\s\"'\u2400-\u2421]*[{_FORMULA}])")

_PUNCTUATION = re.compile(r"[!-+\--/:-@\[-`{-~]")


def html(text: str) -> str:
    """Return *text* for an HTML element or a quoted attribute; line ends and tabs stay as they are."""
    return _html(_seen(text.replace("\r\n", "\n")), quote=True)


def line(text: str, *, limit: int = _LONGEST) -> str:
    """Return *text* on one line, cut with an ellipsis.

    Args:
        text: Text from outside, of whatever length.
        limit: The most characters that come back.
    """
    # Cut first: a user agent of five megabytes should not be searched for what nobody will see.
    shown = _BREAKS.sub(_name, _seen(text[: limit + 1]))
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def csv_cell(text: str, *, limit: int = _LONGEST_CELL) -> str:
    """Return *text* for a cell of a spreadsheet: one line that no program takes for a formula.

    What begins like a formula, after leading blanks as well, gets an apostrophe in front. Tabs and line ends, which
    begin one too, are shown by name. Quotes and separators are the CSV writer's business.

    Args:
        text: Text from outside, of whatever length.
        limit: The most characters of it that are kept; apostrophes come on top.
    """
    return _BEGINS_FORMULA.sub("'", line(text, limit=limit))


def markdown(text: str) -> str:
    """Return *text* on one line for Markdown, where it shows as it is: no markup, no link, no formula; cut like `line`.

    Not for use between backticks: references to characters mean nothing there.
    """
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", line(text).strip())


def _seen(text: str) -> str:
    return _UNSEEN.sub(_name, _PILED.sub(_flattened, text))


def _flattened(found: re.Match[str]) -> str:
    """Return a run of signs in which no pile of marks is higher than a writing's, and what is left out is counted."""
    shown = ""
    for marks, run in groupby(found[0], key=lambda letter: unicodedata.category(letter) in ("Mn", "Me")):
        letters = "".join(run)
        over = len(letters) - _PILE if marks else 0
        shown += f"{letters[:_PILE]}[{over} more marks]" if over > 0 else letters
    return shown


def _name(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"[U+{code:04X}]"
