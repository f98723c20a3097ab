"""What notebook 30 shows: links of our own making, and other people's words as words."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailauth import clouds, consent, directgrants, grants, mailclients
from mailauth.consent import Answer, AppLinks
from mailauth.grants import Enterprise, Scopes
from mailauth.views import consenting
from mailauth.views.qr import QrCode
from mailauth.views.tables import Code
from tests.test_grants import APP, CLIENTS, EXCHANGE, GRAPH, MAIL, RECOMMENDED, excluding, found, state, tenant
from tests.views_invented import HOSTILE

PUBLIC = clouds.built_in()["public"]
LINKS = consent.for_app(
    PUBLIC, tenant=APP, app="relay", client_id=APP, redirect_uri="http://localhost", key=b"key", families=("send",)
)


def test_a_link_can_be_opened_and_its_address_copied() -> None:
    table, *copies = consenting.links([LINKS]).views
    assert [copy.source for copy in copies if isinstance(copy, Code)] == [each.url for each in LINKS.links]
    shown = table.html()
    assert all(f'href="{each.url.replace("&", "&amp;")}"' in shown for each in LINKS.links)


def test_without_an_app_it_says_not_configured() -> None:
    for shown in (consenting.links([]), consenting.messages([], tenant="woodgrove")):
        assert "Not configured" in str(shown.views[0])
    empty = grants.assess(replace(tenant(), mail_apps=()), found())
    assert "Not configured" in str(consenting.held(empty))


def test_an_app_that_needs_no_permission_is_said_to_need_none_and_why() -> None:
    sends = (grants.ProtocolConsent("smtp"),)
    app = grants.AppConsent("scanner", APP, ("role",), protocols=sends, smtp="rbac")
    for shown in (consenting.links([], [app]), consenting.messages([], [app], tenant="woodgrove")):
        assert ["scanner needs no consent" in str(shown.views[0]), "role in Exchange" in str(shown.views[0])] == [
            True,
            True,
        ]
    assert len(consenting.links([LINKS], [app]).views) == len(consenting.links([LINKS]).views) + 1
    reads = replace(app, protocols=(*sends, grants.ProtocolConsent("imap")))
    people = replace(app, needs=("scope", "role"))
    by_consent = replace(app, smtp="consent")
    assert [each.needs_nothing for each in (app, reads, people, by_consent)] == [True, False, False, False]


def test_each_app_gets_a_mail() -> None:
    other = replace(LINKS, app="alerts")
    shown = [str(view) for view in consenting.messages([LINKS, other], tenant="woodgrove").views]
    assert ["relay" in shown[0], "alerts" in shown[1], len(shown)] == [True, True, 2]


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        pytest.param(None, "info", "No address was pasted", id="none"),
        pytest.param(Answer(True, app="relay"), "info", "Entra says that consent was given for relay", id="yes"),
        pytest.param(Answer(True, doubts=("Odd.",)), "cannot know", "is not to be trusted", id="doubt"),
        pytest.param(Answer(False, "access_denied", "AADSTS65004"), "attention", "Entra says no", id="no"),
        pytest.param(Answer(False), "attention", "does not say that consent was given", id="neither"),
    ],
)
def test_an_answer_is_a_claim_and_shown_as_one(answer: Answer | None, kind: str, said: str) -> None:
    shown = consenting.answer(answer)
    assert shown.kind == kind
    assert said in str(shown.title)


def test_what_the_address_and_the_directory_say_is_text() -> None:
    seen = found(Scopes(GRAPH.object_id, MAIL, HOSTILE), enterprise=Enterprise(HOSTILE, HOSTILE))
    assessed = state(seen)
    answered = consenting.answer(Answer(False, HOSTILE, "", HOSTILE, "", HOSTILE, (HOSTILE,)))
    views = [consenting.held(assessed), consenting.missing(assessed), answered]
    for shown in [*views, consenting.messages([AppLinks(HOSTILE, APP, LINKS.links)], tenant=HOSTILE).views[0]]:
        assert "<script>" not in shown.html()
        assert "<a href='https://evil" not in shown.html()
        assert "\x1b" not in str(shown)


def test_people_are_counted_and_a_few_of_them_named() -> None:
    some = found(*(Scopes(GRAPH.object_id, MAIL, f"u{number}") for number in range(5)))
    shown = str(consenting.held(state(some)))
    assert "5 people, u0, u1, u2, and 2 more" in shown


@pytest.mark.parametrize(
    ("seen", "for_people", "for_app"),
    [
        (found(Scopes(EXCHANGE.object_id, MAIL)), "everybody, on Office 365 Exchange Online", "not held"),
        (found(), "nobody", "not held"),
        (replace(found(), held={}), "cannot know", "cannot know"),
    ],
    ids=["everybody", "nobody", "not read"],
)
def test_a_row_says_who_and_on_which_resource(seen: grants.Found, for_people: str, for_app: str) -> None:
    shown = str(consenting.held(state(seen)))
    assert for_people in shown
    assert for_app in shown


@pytest.mark.parametrize(
    ("requests", "said"),
    [(True, "can ask an administrator"), (False, "no button to ask for it"), (None, "could not be read")],
)
def test_what_stopped_users_can_do_is_said(requests: bool | None, said: str) -> None:
    seen = replace(found(), assigned=(RECOMMENDED, CLIENTS), rules=excluding("imap"), requests=requests)
    assert said in str(consenting.users(state(seen)))


def test_programs_show_what_is_held_and_the_disabled_id_has_no_link() -> None:
    thunderbird, old = "9e5f94bc-e8a4-4e73-b8be-63364c29d753", "08162f7c-0fd2-4200-a84a-f25a4db0b584"
    held = {
        thunderbird: grants.Held(Enterprise("o", "x"), (Scopes("g", MAIL), Scopes("g", MAIL, "u"))),
        old: grants.Held(Enterprise("o", "x", enabled=False)),
    }
    links = [
        consent.for_app(PUBLIC, tenant=APP, app=client.name, client_id=client.app_id)
        for client in mailclients.known()
        if not client.disabled
    ]
    rows = {
        line.partition(",")[0]: line
        for line in str(consenting.clients(state(replace(found(), held=held)), links)).splitlines()
    }
    assert (
        "everybody, IMAP.AccessAsUser.All, POP.AccessAsUser.All, SMTP.Send, a consent of 1 person"
        in rows["Thunderbird"]
    )
    assert "switched off here" in rows["Thunderbird (old id"]
    assert "consent for everybody" not in rows["Thunderbird (old id"]
    assert f"its id is {thunderbird} now" in rows["Thunderbird (old id"]
    assert "ask whether the user installed it" in rows["eM Client"]


def test_the_simplest_link_of_each_app_is_a_qr_code_too() -> None:
    views = consenting.links([LINKS]).views
    assert [view.url for view in views if isinstance(view, QrCode)] == [LINKS.links[0].url]


def test_what_a_link_would_take_back_stands_by_app_and_link() -> None:
    seen = state(found(Scopes(GRAPH.object_id, frozenset({"IMAP.AccessAsUser.All", "SMTP.Send"})), asks=frozenset()))
    shown = str(consenting.taken_back(seen))
    assert "all that the app asks for" in shown
    assert "IMAP.AccessAsUser.All, SMTP.Send" in shown
    assert "Nothing that is known." in str(consenting.taken_back(state(found())))


def test_the_plan_is_shown_as_a_script_with_outsiders_words_quoted() -> None:
    where = tenant("certificate")
    where = replace(where, mail_apps=(replace(where.mail_apps[0], name="O'Neill\u2019; Remove-Item x"),))
    seen = grants.assess(where, found())
    shown = consenting.script(directgrants.plan(where, seen, id="20261127T000000-abcdef", now=datetime.now(UTC)))
    assert "/appRoleAssignedTo" in shown.source
    assert "Let \"O''Neill" in shown.source
    assert all("\u2019" not in line for line in shown.source.splitlines() if not line.lstrip().startswith("#"))
