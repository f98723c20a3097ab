"""views/registering: what a reader sees of a registration, whatever somebody called it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailauth import registration
from mailauth.registration import Principal
from mailauth.registrationplan import Place
from mailauth.secretrefs import SecretRef
from mailauth.views import registering
from tests.test_registration import ALONE, CERTIFICATE, NOW, PEOPLE, PUBLIC, app, found

HOSTILE = "<script>alert(1)</script>\u202e"


def test_both_ids_stand_with_what_each_is_for() -> None:
    said = registering.found(found()).text()
    assert "11111111-1111-1111-1111-111111111111" in said
    assert said.index("what programs are told") < said.index("what Exchange is told")


def test_what_somebody_called_an_app_or_a_secret_is_shown_and_never_run() -> None:
    one = app(name=HOSTILE, credentials=(replace(CERTIFICATE, name=HOSTILE),))
    views = [
        registering.found(found(one)),
        registering.credentials(one, now=NOW),
        registering.lint(registration.lint(found(one), ALONE, PUBLIC, now=NOW)),
    ]
    for view in views:
        assert "<script>" not in view.html()
        assert "\u202e" not in view.html() + view.text()
        assert "alert(1)" in view.text()


@pytest.mark.parametrize(
    ("left", "badge"),
    [
        pytest.param(timedelta(days=90), "ok", id="months to go"),
        pytest.param(timedelta(days=9), "ends soon", id="days to go"),
        pytest.param(timedelta(days=-1), "ended", id="over"),
    ],
)
def test_each_credential_says_when_it_ends(left: timedelta, badge: str) -> None:
    ends = NOW + left
    said = registering.credentials(app(credentials=(replace(CERTIFICATE, ends=ends),)), now=NOW).text()
    assert f"{ends.day} {ends:%b %Y}" in said
    assert badge in said


@pytest.mark.parametrize(
    ("known", "said"), [(True, "There is none yet."), (False, "It could not be read")], ids=["none", "not read"]
)
def test_no_registration_and_one_that_was_not_read_are_told_apart(known: bool, said: str) -> None:
    assert said in registering.found(found(app=None, principal=None, known=known)).text()


def test_a_missing_enterprise_application_is_not_an_empty_cell() -> None:
    assert "none" in registering.found(found(principal=None)).text()
    assert "enterprise" in registering.found(found(principal=Principal("enterprise"))).text()


def test_the_choices_say_how_an_app_may_send() -> None:
    assert "SMTP.SendAsApp" in registering.chosen(ALONE).text()
    assert "a role in Exchange" in registering.chosen(replace(ALONE, smtp="rbac")).text()
    assert "It may send by" not in registering.chosen(PEOPLE).text()


def test_one_way_is_marked_and_the_others_stand_beside_it() -> None:
    said = registering.ways(registration.advice(ALONE.protocols, attended=False)).text()
    assert said.count("advised") == 1
    assert "Microsoft Graph instead" in said


def test_a_place_is_named_and_what_is_in_it_is_not() -> None:
    place = Place(SecretRef("keyring", "adatum/mail"), held=True)
    assert "keyring:adatum/mail" in registering.kept(place).text()
    assert "Nothing has to be kept" in registering.kept(None).text()
