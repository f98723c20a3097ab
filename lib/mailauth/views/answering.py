"""Notebook 90 for whoever asks back: the ten questions with their answers, and the texts to send."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailauth import escape

from ..phrases import Phrase, joined
from ..report import Answer, Letter, Report
from .markup import Badge, Stack, View, html, said
from .tables import Callout

__all__ = ["Mail", "Questions", "letters", "questions"]

_KNOWN: Final[dict[str, Badge | None]] = {
    "yes": None,
    "in part": Badge("known in part", "warn"),
    "cannot know": Badge("cannot know", "know"),
}
_LETTERS: Final = 40
_FEW: Final = 3


@dataclass(frozen=True)
class Questions(View):
    """Questions with their answers, a heading each; what is known in part says so beside the question.

    On a telephone an answer is folded behind its question.

    Args:
        answers: In order.
    """

    answers: tuple[Answer, ...]

    def html(self) -> str:
        """Return the questions as headings of the third level."""
        return f'<div class="mailauth questions">{"".join(map(_answered, self.answers))}</div>'

    def spoken(self) -> Iterable[str]:
        """Return each question, and under it each sentence of its answer."""
        for each in self.answers:
            badge = _KNOWN[each.known]
            yield f"{each.number}. {each.question}{f' ({badge.text})' if badge else ''}"
            yield from (f"   {sentence}" for sentence in each.said)


def _answered(answer: Answer) -> str:
    badge = _KNOWN[answer.known]
    beside = f" {html(badge)}" if badge else ""
    heading = f"<h3>{answer.number}. {escape.html(answer.question)}{beside}</h3>"
    return f'<details class="fold"><summary>{heading}</summary>{_sentences(answer.said)}</details>'


def _sentences(answers: Sequence[Phrase]) -> str:
    """Return an answer as paragraphs; where it is a list of many, as one."""
    if len(answers) <= _FEW:
        return "".join(f"<p>{said(each.capital())}</p>" for each in answers)
    return f"<ul>{''.join(f'<li>{said(each.capital())}</li>' for each in answers)}</ul>"


def questions(report: Report) -> Questions:
    """Return the ten questions that a customer asks about such a page, each with its answer."""
    return Questions(report.answers)


@dataclass(frozen=True)
class Mail(View):
    """A mail to send, ready to be copied; folded on a page.

    Args:
        title: To whom, and about what.
        text: With its subject and its line ends.
    """

    title: Phrase
    text_to_send: Phrase

    def html(self) -> str:
        """Return the mail in a fold that opens without scripts."""
        return (
            f'<details class="mailauth code brief letter"><summary>{said(self.title)}</summary>'
            f'<pre tabindex="0">{said(self.text_to_send)}</pre></details>'
        )

    def spoken(self) -> Iterable[str]:
        """Return title and text."""
        return self.title.plain(), *self.text_to_send.plain().splitlines()


def letters(report: Report) -> Stack:
    """Return the texts to send; this library sends nothing."""
    shown: list[View] = [Mail(_title(letter), letter.text) for letter in report.letters[:_LETTERS]]
    more = len(report.letters) - len(shown)
    if more > 0:
        shown.append(Callout("info", f"{more:,} more texts are in the evidence, under letters"))
    return Stack(shown or [_nobody(report)])


def _nobody(report: Report) -> Callout:
    if report.looked.start is None:
        return Callout("cannot know", "No sign-in record was read: it is unknown who has to be written to.")
    return Callout("info", "Nobody has to be written to, by what the records behind this page know")


def _title(letter: Letter) -> Phrase:
    return joined((letter.to.capital(), letter.about), ": ")
