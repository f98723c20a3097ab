"""What a person says beside a look, the record of it, and what is shown of hostile names."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from mailauth import admission, evidence, mailboxes, mailgrants
from mailauth.conditions import AccessPolicy, Conditions
from mailauth.errors import ConfigurationError, EvidenceError
from mailauth.mailboxes import Found
from mailauth.organization import MailboxRight, Principal
from mailauth.views import mailboxes as shown
from tests.mailboxes_invented import APP, APP_ID, NOW, REGISTRATION, SID, TENANT, address, box, organization, wanted

HOSTILE = "<script>alert(1)</script>\u202e"


def look(**changes: Any) -> Found:
    found = Found(APP, (wanted("ada"),), organization(box("ada"), box("boss")), Conditions())
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", {}, id="nobody"),
        pytest.param("Ada@x.example", {"": "ada@x.example"}, id="one for all"),
        pytest.param(
            "orders@x.example=ada@x.example, bob@x.example",
            {"orders@x.example": "ada@x.example", "": "bob@x.example"},
            id="one of its own",
        ),
    ],
)
def test_who_signs_in_is_told_by_mailbox_or_for_all(text: str, told: dict[str, str]) -> None:
    assert mailboxes.signers(text) == told


@pytest.mark.parametrize("text", ["orders", "orders@x.example=", "=ada@x.example"])
def test_what_is_no_address_is_refused_with_the_parameters_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^signs_in: "):
        mailboxes.signers(text)


def test_a_list_takes_the_word_for_a_right_without_a_scope() -> None:
    assert mailboxes.listed("remove_extra", "every mailbox, Ada@x.example,") == ("every mailbox", "ada@x.example")


def test_networks_are_those_from_which_an_account_signed_in_to_send() -> None:
    def group(user: str, protocol: str, network: str) -> dict[str, object]:
        return {"user": user, "protocol": protocol, "network": {"address": network}}

    groups = [
        group("Scan@x.example", "SMTP AUTH", "192.0.2.1"),
        group("scan@x.example", "SMTP AUTH", "192.0.2.1"),
        group("scan@x.example", "IMAP", "192.0.2.2"),
        group("", "SMTP AUTH", "192.0.2.3"),
    ]
    assert mailboxes.networks({"data": {"groups": groups}}) == {"scan@x.example": ("192.0.2.1",)}
    assert mailboxes.networks({}) == {}


def test_the_record_is_checked_against_its_schema() -> None:
    record = mailboxes.record(TENANT, look(), None, None, made_at=NOW)
    assert record["schema"] == "mailauth/mailboxes/1"
    assert evidence.schema("mailboxes")["title"] == "Mailboxes"
    assert json.dumps(record)
    odd = replace(APP, object_id=cast("str", 7))
    with pytest.raises(EvidenceError, match=r"^evidence mailboxes: data\.app\.object_id"):
        mailboxes.record(TENANT, look(app=odd), None, None, made_at=NOW)


def test_the_record_says_what_holds_for_the_whole_tenant_and_null_for_what_was_not_read() -> None:
    policy = AccessPolicy("p", "Block legacy", "enabled", clients=frozenset({"other"}), controls=("block",))
    modern = replace(policy, id="m", clients=frozenset({"mobileappsanddesktopclients"}))
    seen = Conditions(defaults=False, policies=(policy, modern), domains={"plant.woodgrove.example": "Federated"})
    read = mailboxes.record(TENANT, look(conditions=seen), None, None, made_at=NOW)["data"]
    unread = mailboxes.record(TENANT, look(), None, None, made_at=NOW)["data"]

    told = cast("dict[str, Any]", read)["settings"]
    assert [(each["id"], each["stops"]) for each in told["access"]] == [("p", True)]
    assert told["domains"] == [{"name": "plant.woodgrove.example", "kind": "Federated"}]
    assert (told["security_defaults"], told["changes"]) == (False, None)
    assert cast("dict[str, Any]", unread)["settings"]["access"] is None


def test_names_from_outside_are_shown_as_text() -> None:
    rights = {address("ada"): (MailboxRight(address("ada"), HOSTILE, ("FullAccess",)),)}
    held = replace(organization(box("ada")), principals=(Principal("o", APP_ID, HOSTILE, SID, "g"),), rights=rights)
    found = look(organization=held, app=replace(APP, name=HOSTILE))
    for view in (shown.known(found), shown.open_today(found), shown.people(found), shown.froms(found)):
        assert "<script>" not in view.html()
        assert "\u202e" not in view.html()
        assert "\u202e" not in str(view)


@pytest.mark.parametrize(
    ("object_id", "said"),
    [
        pytest.param(APP.object_id, "right", id="right"),
        pytest.param(REGISTRATION, "the registration's id", id="the registration's"),
        pytest.param("1" * 8, "wrong", id="another"),
    ],
)
def test_each_entry_of_the_app_is_judged(object_id: str, said: str) -> None:
    held = replace(organization(box("ada")), principals=(Principal(object_id, APP_ID, "mail", SID, "g"),))
    assert said in str(shown.known(look(organization=held)))


def test_what_was_not_read_is_not_called_missing() -> None:
    held = replace(organization(box("ada")), principals=None)
    assert "Cannot know" in str(shown.known(look(organization=held)))


def test_what_the_app_opens_stands_beside_what_it_is_meant_to() -> None:
    rights = {address("ada"): (), address("boss"): (MailboxRight(address("boss"), SID, ("FullAccess",)),)}
    text = str(shown.open_today(look(organization=replace(organization(box("ada"), box("boss")), rights=rights))))
    assert "nobody asked" in text
    assert "not open yet" in text


def test_an_app_is_called_by_its_name_beside_the_sid_that_exchange_shows() -> None:
    rights = {address("ada"): (MailboxRight(address("ada"), SID, ("FullAccess",)),)}
    held = replace(organization(box("ada")), principals=(Principal(APP.object_id, APP_ID, "Contoso mail", SID, "g"),))
    text = str(shown.open_today(look(organization=replace(held, rights=rights))))
    assert f"Contoso mail, {SID}" in text


@pytest.mark.parametrize(
    ("app", "signs_in", "shut"),
    [
        pytest.param(APP, {}, ["orders"], id="the app names the mailbox"),
        pytest.param(replace(APP, alone=False, people=True), {"": address("boss")}, ["boss"], id="somebody signs in"),
        pytest.param(mailgrants.App("mail", "", alone=False), {}, ["orders"], id="no app yet"),
    ],
)
def test_smtp_auth_is_missed_only_where_somebody_signs_in_to_send(
    app: mailgrants.App, signs_in: dict[str, str], shut: list[str]
) -> None:
    held = organization(box("reader"), box("orders", kind="SharedMailbox", licensed=False), box("boss"))
    found = look(
        app=app,
        wanted=(wanted("reader", "imap", "pop"), wanted("orders", "smtp", kind="shared")),
        organization=held,
        signs_in=signs_in,
        effective=admission.every(held, Conditions(), now=NOW),
    )
    assert [each.mailbox.address for each in found.conflict.shut] == [address(name) for name in shut]


def test_where_no_app_is_registered_each_part_says_so() -> None:
    found = look(app=mailgrants.App("an app", "", alone=False))
    assert "Not configured" in str(shown.known(found))
    assert "Not configured" in str(shown.open_today(found))
    [check] = mailgrants.plan(
        found.app, found.organization, mailboxes.wish(found), tenant=TENANT, id="x", now=NOW
    ).checks
    assert (check.outcome, "Run 20" in check.remedy) == ("not configured", True)
