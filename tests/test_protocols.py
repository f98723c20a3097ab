"""Client names in every spelling, and what a sign-in is by its application."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth import protocols

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
SHELL = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
OTHER = "11111111-2222-3333-4444-555555555555"
MAIL = "Office 365 Exchange Online"
BROWSER = "Browser"
NATIVE = "Mobile Apps and Desktop clients"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Authenticated SMTP", "SMTP AUTH"),
        ("SMTP", "SMTP AUTH"),
        ("Other clients; SMTP", "SMTP AUTH"),
        ("IMAP4", "IMAP"),
        ("IMAP", "IMAP"),
        ("Other clients; IMAP", "IMAP"),
        ("POP3", "POP"),
        ("Other clients; POP", "POP"),
        ("Exchange ActiveSync", "ActiveSync"),
        ("Exchange Active Sync", "ActiveSync"),
        ("Exchange ActiveSync (unSupported)", "ActiveSync"),
        ("Exchange ActiveSync (supported)", "ActiveSync"),
        ("Exchange Web Services", "EWS"),
        ("MAPI over HTTP", "MAPI"),
        ("MAPI Over HTTP", "MAPI"),
        ("Other clients; MAPI", "MAPI"),
        ("Autodiscover", "Autodiscover"),
        ("AutoDiscover", "Autodiscover"),
        ("Outlook Anywhere (RPC over HTTP)", "Outlook Anywhere"),
        ("Offline Address Book", "Offline Address Book"),
        ("Outlook Service", "Outlook Service"),
        ("Universal Outlook", "Outlook Service"),
        ("Exchange Online PowerShell", "Exchange PowerShell"),
        ("Reporting Web Services", "Reporting Web Services"),
        ("Other clients", "Other clients"),
        ("Other clients; Older Office clients", "Other clients"),
        ("Something of 2027", "Other clients"),
        ("Unknown", "Unknown"),
        ("", "Unknown"),
    ],
)
def test_every_spelling_means_one_protocol(spelling: str, name: str) -> None:
    for sent in (spelling, spelling.upper(), f"  {spelling.lower()} "):
        assert protocols.name(sent) == name


def test_powershell_is_told_by_its_application_where_the_client_has_no_name() -> None:
    assert protocols.name("Other clients", SHELL) == "Exchange PowerShell"
    assert protocols.name("IMAP4", SHELL) == "IMAP"


@pytest.mark.parametrize(
    ("client_app", "protocol", "app_id", "resource", "kind"),
    [
        pytest.param("Authenticated SMTP", "ropc", EXCHANGE, MAIL, "basic", id="ropc with Exchange's own application"),
        pytest.param("Exchange ActiveSync", "", EXCHANGE, MAIL, "basic", id="a record of 2021 without a protocol"),
        pytest.param("Exchange ActiveSync", "none", EXCHANGE.upper(), MAIL, "basic", id="an id in capitals"),
        pytest.param("", "", EXCHANGE, MAIL, "basic", id="a blank client of Exchange"),
        pytest.param("IMAP4", "", "", "", "basic", id="an export without application ids"),
        pytest.param("IMAP4", "ropc", "", MAIL, "basic", id="an export without application ids, with the protocol"),
        pytest.param("Other clients", "ropc", OTHER, MAIL, "ropc_mail_app", id="an app with a grant for mail"),
        pytest.param(NATIVE, "ROPC", OTHER, MAIL, "ropc_mail_app", id="the same under a modern name"),
        pytest.param("IMAP4", "ropc", OTHER, MAIL, "ropc_mail_app", id="the same under a protocol's name"),
        pytest.param("Other clients", "ropc", SHELL, MAIL, "powershell_password", id="PowerShell with a grant"),
        pytest.param("Exchange Online PowerShell", "", SHELL, MAIL, "powershell_password", id="PowerShell by name"),
        pytest.param(NATIVE, "none", SHELL, MAIL, "modern", id="PowerShell with a token"),
        pytest.param("Other clients", "ropc", OTHER, "Microsoft Graph", "not_mail", id="a grant for something else"),
        pytest.param("", "", OTHER, "Microsoft Teams Services", "not_mail", id="a blank client of a modern resource"),
        pytest.param("Unknown", "", OTHER, "Azure Portal", "not_mail", id="an unknown client of a modern resource"),
        pytest.param(BROWSER, "", OTHER, MAIL, "modern", id="a browser"),
        pytest.param(NATIVE, "none", EXCHANGE, MAIL, "modern", id="Exchange's application with a token"),
        pytest.param(NATIVE, "ropc", EXCHANGE, MAIL, "basic", id="Exchange's application with a grant"),
    ],
)
def test_the_application_says_whose_password_it_is(
    client_app: str, protocol: str, app_id: str, resource: str, kind: str
) -> None:
    assert protocols.kind(client_app=client_app, protocol=protocol, app_id=app_id, resource=resource) == kind


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_breaks_the_names(client_app: str, protocol: str, app_id: str, resource: str) -> None:
    assert protocols.name(client_app, app_id) in protocols.names()
    assert protocols.kind(client_app=client_app, protocol=protocol, app_id=app_id, resource=resource)
