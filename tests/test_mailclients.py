"""Well-known mail programs as the facts have them."""

from mailauth import mailclients


def test_an_id_that_microsoft_disabled_names_the_one_that_replaced_it() -> None:
    known = {client.app_id: client for client in mailclients.known()}
    [old] = [client for client in known.values() if client.disabled]
    assert old.app_id == "08162f7c-0fd2-4200-a84a-f25a4db0b584"
    assert known[old.replaced_by].name == "Thunderbird"
    assert not known[old.replaced_by].disabled


def test_a_program_that_thieves_like_carries_a_warning() -> None:
    assert [client.name for client in mailclients.known() if client.warning] == ["eM Client"]


def test_microsofts_own_are_not_among_them() -> None:
    names = {client.name for client in mailclients.known()}
    assert names.isdisjoint({"Microsoft Office", "Exchange Online PowerShell", "Office 365 Exchange Online"})
