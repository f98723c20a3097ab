"""The ten questions with their answers, and the texts to send."""

from dataclasses import replace

from mailauth.phrases import phrase
from mailauth.views import answering
from mailauth.views.tables import Callout
from tests import report_invented as world
from tests.report_invented import FABRIKAM


def test_each_question_is_a_heading_and_says_where_its_answer_is_known_in_part_only() -> None:
    shown = answering.questions(FABRIKAM).html()
    assert shown.count("<h3>") == 10
    known = '<span class="badge warn">known in part</span>'
    assert f"<summary><h3>1. Question 1? {known}</h3></summary><p>Answer 1.</p></details>" in shown
    assert "<summary><h3>3. Question 3?</h3></summary>" in shown
    assert answering.questions(FABRIKAM).text().startswith("1. Question 1? (known in part)\n   Answer 1.\n2. ")


def test_an_answer_that_nobody_can_know_says_so() -> None:
    unknown = replace(FABRIKAM, answers=(replace(world.ANSWERS[0], known="cannot know"),))
    assert '<span class="badge know">cannot know</span>' in answering.questions(unknown).html()


def test_a_mail_keeps_its_lines_and_names_whom_it_goes_to() -> None:
    [mail] = answering.letters(FABRIKAM).views
    assert "Whoever makes <bdi>erp@<wbr>fabrikam.example</bdi>: OAuth for <bdi>" in mail.html()
    assert "Subject: OAuth\n\nDear maker of <bdi>" in mail.html()
    assert mail.text().splitlines()[1:4] == ["Subject: OAuth", "", "Dear maker of erp@fabrikam.example,"]


def test_where_nobody_has_to_be_written_to_the_page_says_by_what_it_knows_that() -> None:
    [callout] = answering.letters(replace(FABRIKAM, letters=())).views
    assert isinstance(callout, Callout)
    assert str(callout.title).endswith("by what the records behind this page know")


def test_where_nobody_looked_it_is_unknown_who_has_to_be_written_to() -> None:
    [callout] = answering.letters(world.unseen(letters=())).views
    assert isinstance(callout, Callout)
    assert callout.kind == "cannot know"


def test_letters_beyond_what_a_page_bears_are_counted() -> None:
    shown = answering.letters(replace(FABRIKAM, letters=(world.LETTER,) * 43)).views
    assert str(shown[-1].text()).startswith("Good to know: 3 more texts")
    assert len(shown) == 41


def test_no_name_in_a_question_or_a_mail_becomes_markup() -> None:
    odd = phrase("{x}", x=world.address(world.HOSTILE))
    report = replace(
        FABRIKAM,
        answers=(replace(world.ANSWERS[0], question=world.HOSTILE, said=(odd,)),),
        letters=(replace(world.LETTER, to=odd, about=odd, text=odd),),
    )
    for view in (answering.questions(report), *answering.letters(report).views):
        assert "<script" not in view.html()
        assert "\u202e" not in view.html() + view.text()


def test_an_answer_of_many_sentences_is_a_list() -> None:
    many = replace(FABRIKAM, answers=(replace(world.ANSWERS[0], said=world.ANSWERS[0].said * 4),))
    assert answering.questions(many).html().count("<li>Answer 1.</li>") == 4
