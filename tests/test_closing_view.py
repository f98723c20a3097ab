"""What notebook 60 shows, for looks that are made by hand."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from mailauth import closingsteps, mailsettings, proving
from mailauth.closable import Known, Proof, Refusal
from mailauth.closingrecord import Look
from mailauth.conditions import Conditions
from mailauth.moving import Moving, Witness
from mailauth.organization import AuthenticationPolicy, Settings
from mailauth.phrases import Named, phrase, words
from mailauth.plan import Plan
from mailauth.proof import Talk
from mailauth.views import closing
from mailauth.views.tables import Callout
from mailauth.waves import Excepted, Wave
from tests import closings
from tests.mailboxes_invented import NOW, TENANT, address, box, organization

HOSTILE = "<img src=x onerror=alert(1)>"
MARKUP = "<img"


def look(**more: Any) -> Look:
    """Return a look at a pilot and the tenant; nobody has read the sign-ins."""
    held = organization(
        box("ada", authentication_policy=""),
        box("printer", authentication_policy=""),
        settings=Settings(smtp_off=True, default_policy="", dehydrated=False),
        policies=(AuthenticationPolicy("No Basic", {"Smtp": False}),),
    )
    spared = (Excepted(address("printer"), HOSTILE, date(2027, 3, 31)),)
    ended = (Excepted(address("old"), "x", date(2026, 1, 1)),)
    waves = (
        Wave("pilot", "pilot", (address("ada"),), senders=frozenset({address("ada")})),
        Wave("tenant", "tenant", (address("ada"),), excepted=spared, ended=ended),
    )
    return Look(Known(held, Conditions(), None, NOW), waves, **more)


def sender(word: Any = "quiet") -> Moving:
    return Moving(
        sender_id="0123456789ab",
        account=address("printer"),
        protocol="SMTP AUTH",
        what=phrase("{kind}", kind=Named("device", HOSTILE)),
        road="oauth",
        title=words("OAuth in the same client"),
        owner="J. Ward",
        due=date(2026, 12, 4),
        where=words("Under outgoing mail"),
        enter=(mailsettings.Setting("Server", words("smtp.office365.com")),),
        steps=(words("Open its page of settings."),),
        letter=words("Dear owner, it stops."),
        last_password=NOW,
        word=word,
        witnesses=(Witness("mail", "no", words("Nobody knows that its mail arrives.")),),
    )


def test_who_is_left_out_is_named_with_the_day_and_what_has_ended_comes_first() -> None:
    shown = str(closing.exceptions(look()))
    assert shown.index("has ended") < shown.index("goes on")
    assert "31 Mar 2027" in shown
    assert MARKUP not in closing.exceptions(look()).html()


def test_of_an_exception_whose_password_a_policy_refuses_nobody_is_told_that_it_goes_on() -> None:
    seen = look()
    shut = replace(seen.known.organization.settings, default_policy="No Basic")
    held = replace(seen.known.organization, settings=shut)
    shown = str(closing.exceptions(replace(seen, known=replace(seen.known, organization=held))))
    assert "a policy refuses it" in shown
    assert "goes on" not in shown


def test_a_refusal_that_several_waves_share_stands_once_with_what_to_do() -> None:
    shared = Refusal("coverage", "receipts", HOSTILE, "Take it away.")
    found = closing.against(look(against=(shared,)))
    assert str(found).count("Take it away.") == 1
    assert "pilot, tenant" in str(found)
    assert MARKUP not in found.html()


def test_what_stands_against_a_wave_that_is_closed_is_shown_all_the_same() -> None:
    told = closings.known()
    pilot = closings.made(told)[0]
    assert closing.waves(Look(told, (pilot,))).rows[0][-1] == "nothing is left to do"
    early = Look(told, (Wave("early", "group", ("bob@w.example",)), pilot))
    assert early.standing(pilot).word == "closed"
    assert "it comes first, and it is not closed" in str(closing.against(early))
    assert closing.waves(early).rows[1][-1] != "nothing is left to do"


def test_a_wave_of_which_something_is_unreadable_is_not_known_and_says_what() -> None:
    found = look(against=(Refusal("coverage", "receipts", "it is broken"),))
    assert "Wave pilot: cannot know" in str(closing.standing(found, found.waves[0]))
    assert "receipts: it is broken." in str(closing.standing(found, found.waves[0]))


def test_a_plan_says_in_groups_how_many_from_when_they_count_and_what_an_undo_cannot_restore() -> None:
    step = closingsteps.assigned(box("ada", authentication_policy=""), "No Basic", settles=closings.DAY)
    found = look()
    change = Plan.of(TENANT, id="20261123T090000-aaaaaa", title="Wave pilot: x", now=NOW, steps=(step,))
    shown = "\n".join(map(str, closing.planned(found, found.waves[0], change).views))
    assert "If it is applied now, it counts at the latest at 2026-11-24 09:00 UTC." in shown
    assert "24 hours" in shown
    assert "until then passwords may be refused or taken" in shown


def test_where_nothing_may_be_done_it_says_not_yet_and_not_that_nothing_is_to_change() -> None:
    found = look()
    change = Plan.of(TENANT, id="20261123T090000-aaaaaa", title="Wave pilot: x", now=NOW)
    shown = "\n".join(map(str, closing.planned(found, found.waves[0], change).views))
    assert "Wave pilot: x: not yet" in shown
    assert "nothing to change" not in shown
    assert "1 reason against it; nothing is planned until it is gone." in shown


def test_today_stands_only_where_somebody_has_to_do_something_today() -> None:
    told = closings.known(closings.organization(), since={}, proofs=())
    fresh = Look(told, closings.made(told))
    assert closing.standing(fresh, fresh.waves[0]).kind == "info"
    taken = closings.group("ada", last_success="2026-11-27T10:30:00Z", moved=True)
    opened = closings.known(findings=closings.record(taken))
    found = Look(opened, closings.made(opened))
    assert closing.standing(found, found.waves[0]).kind == "attention"
    frozen = replace(told, freezes=((closings.NOW.date(), closings.NOW.date()),))
    change = Plan.of(TENANT, id="20261123T090000-aaaaaa", title="Wave pilot: x", now=NOW)
    kinds = {}
    for name, known in (("freeze", frozen), ("unread", replace(told, findings=None))):
        waits = Look(known, fresh.waves)
        views = closing.planned(waits, waits.waves[0], change).views
        kinds[name] = [view.kind for view in views if isinstance(view, Callout)]
    assert kinds == {"freeze": ["info", "info"], "unread": ["info", "attention"]}


def test_what_will_be_asked_later_stands_below_what_forbids_the_next_step() -> None:
    told = closings.known(closings.organization(), since={}, proofs=(), findings=None)
    found = Look(told, closings.made(told, closings.tenant("pilot: ada@w.example")))
    shown = closing.against(found)
    assert [(row[1], row[3]) for row in shown.rows] == [
        ("now", "sign-ins"),
        ("now", "pilot"),
        ("later", "closing.canary"),
    ]
    read = Look(replace(told, findings=closings.record()), found.waves)
    shown = closing.against(read)
    assert [(row[1], row[3]) for row in shown.rows] == [("now", "pilot"), ("later", "closing.canary")]
    assert "it forbids nothing yet" in str(shown)


def test_the_table_says_that_the_canary_is_in_the_first_wave_and_how_long_a_wave_takes() -> None:
    told = closings.known()
    shown = closing.waves(Look(told, closings.made(told)))
    assert shown.rows[0][1] == ["2", "with the canary"]
    assert "A policy counts within 24 hours in this cloud" in str(shown)
    quick = replace(told, settles=timedelta(minutes=1))
    assert "A change counts within 1 minute in this cloud" in str(closing.waves(Look(quick, closings.made(quick))))


def test_a_sender_shows_what_is_missing_and_what_to_enter_by_hand_until_it_is_closed() -> None:
    found = look(moving=(sender(),))
    tenant = found.waves[1]
    assert "Nobody knows that its mail arrives." in str(closing.moving(found, tenant))
    assert MARKUP not in closing.moving(found, tenant).html()
    by_hand = "\n".join(map(str, closing.manual(found, tenant).views))
    assert "1. Open its page of settings." in by_hand
    assert "  Server: smtp.office365.com" in by_hand
    assert "To J. Ward:\nDear owner, it stops." in by_hand
    done = look(moving=(sender("closed"),))
    assert "Nothing is to be done by hand" in str(closing.manual(done, done.waves[1]).views[0])
    assert closing.moving(found, found.waves[0]).rows == []


def test_a_token_that_was_not_taken_comes_first() -> None:
    at = datetime.fromisoformat("2026-11-23T09:00:00Z")
    made = [Proof("ada@x.example", "oauth", True, at, "fine"), Proof("zoe@x.example", "oauth", False, at, HOSTILE)]
    found = closing.tokens(made)
    assert [row[0] for row in found.rows] == ["zoe@x.example", "ada@x.example"]
    assert MARKUP not in found.html()


def test_nobody_has_looked_is_not_nobody() -> None:
    assert "Cannot know" in str(closing.moving(look(), look().waves[1]))
    assert "Nobody asked for it." in str(closing.tried(None, "Nobody asked for it."))


def test_a_wave_that_was_never_begun_is_not_one_that_was_taken_back() -> None:
    step = closingsteps.assigned(box("ada", authentication_policy=""), "No Basic", settles=closings.DAY)
    seen = look()
    assert "Wave pilot was never begun from here" in str(closing.undo((), seen, seen.waves[0]).views[0])
    begun = replace(seen, known=replace(seen.known, receipts=(closings.receipt([step], NOW),)))
    assert "No receipt of this wave is left." in str(closing.undo((), begun, begun.waves[0]).views[0])
    assert "Wave tenant was never begun from here" in str(closing.undo((), begun, begun.waves[1]).views[0])


def test_a_password_that_another_door_stopped_is_not_called_refused_by_the_policy() -> None:
    reply = "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated "
    reply += "successfully."
    talk = Talk("smtp", "smtp.example:587", "refused", "authenticate", reply=reply)
    shown = str(closing.tried(proving.closed(address("canary"), talk, now=NOW), ""))
    assert "Another door refused the password" in shown
    assert "it proves nothing of accounts that it leaves out" in shown
    assert "as it should be" not in shown
