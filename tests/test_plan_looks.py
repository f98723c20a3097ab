"""plan.read: what a look shows of lists inside an object, such as the credentials of an app."""

from collections.abc import Sequence

import pytest

from mailauth import plan
from mailauth.plan import GraphCall, Look

APP = {
    "id": "a",
    "keyCredentials": [{"keyId": "k1", "displayName": "ours"}, {"keyId": "k2", "displayName": "another's"}],
    "passwordCredentials": [],
    "web": {"redirectUris": ["https://one.example"]},
}
ASK = GraphCall("GET", ("/v1.0/applications/a",))


def test_a_name_that_leads_through_a_list_gives_what_its_items_hold() -> None:
    seen, _ = plan.read(Look(ASK, fields=("keyCredentials.keyId", "passwordCredentials.keyId")), [APP], {})
    assert seen == {"keyCredentials.keyId": ["k1", "k2"], "passwordCredentials.keyId": []}


@pytest.mark.parametrize(
    ("name", "seen", "told"),
    [
        pytest.param("OURS", {"keyId": "k1"}, {"key": "k1"}, id="there, whatever the case"),
        pytest.param("nobody's", None, {}, id="not there"),
    ],
)
def test_the_items_of_a_list_can_be_the_rows(name: str, seen: object, told: object) -> None:
    look = Look(ASK, where={"displayName": name}, fields=("keyId",), binds={"key": "keyId"}, inside="keyCredentials")
    assert plan.read(look, [APP], {}) == (seen, told)


def test_what_is_not_there_has_no_items() -> None:
    assert plan.read(Look(ASK, inside="spa.redirectUris"), [APP], {}) == (None, {})
    assert plan.read(Look(ASK, inside="keyCredentials"), [], {}) == (None, {})


@pytest.mark.parametrize("shown", [False, None], ids=["off", "left out"])
def test_a_switch_that_is_left_out_is_off_and_no_other_field_is(shown: bool | None) -> None:
    look = Look(ASK, fields=("isFallbackPublicClient", "other"), flags=("isFallbackPublicClient",))
    seen, _ = plan.read(look, [{"isFallbackPublicClient": shown, "other": None}], {})
    assert plan.same(seen, {"isFallbackPublicClient": False, "other": None})
    assert not plan.same(seen, {"isFallbackPublicClient": False, "other": False})
    assert not plan.same(seen, {"isFallbackPublicClient": True, "other": None})


@pytest.mark.parametrize(
    ("scope", "words"),
    [(" SMTP.Send  offline_access", ["offline_access", "SMTP.Send"]), ("", ()), (None, ())],
    ids=["in any order", "empty", "absent"],
)
def test_text_that_holds_words_is_compared_as_the_words(scope: str | None, words: Sequence[str]) -> None:
    look = Look(GraphCall("GET", ("/v1.0/oauth2PermissionGrants/g",)), fields=("scope",), words=("scope",))
    seen, _ = plan.read(look, [{"scope": scope}], {})
    assert plan.same(seen, {"scope": words})
