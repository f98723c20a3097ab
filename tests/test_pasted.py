"""What people paste: lines, messages, addresses, tokens and the logs of other tools, read without keeping a secret."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth import causes, pasted
from mailauth.masking import mask
from mailauth.pasted import Pasted
from tests import transcripts
from tests.diagnosing import ADA, ADMIN, NOW, SHARED
from tests.transcripts import Transcript


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _token(**claims: object) -> str:
    return f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}.c2lnbmF0dXJlLWNhbmFyeS1zaWduYXR1cmUtY2FuYXJ5"


TOKEN = _token(aud="https://graph.microsoft.com", upn=ADA, scp="IMAP.AccessAsUser.All", tid="t")
SASL = base64.b64encode(f"user={ADA}\x01auth=Bearer {TOKEN}\x01\x01".encode()).decode()
SECRET = "abc8Q~canaryCANARYcanaryCANARYcanary0123"
PASSWORD = "Canary-Passw0rd!"
GREETING = base64.b64encode("FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM".encode("utf-16-le")).decode()

SEED = f"""PS C:\\> .\\Get-IMAPAccessToken.ps1 -tenantID t -clientId c -clientsecret '{SECRET}' -targetMailbox {ADA}
Build authentication string for IMAP with SASL XOAUTH2
Accessing Sharedmailbox {ADA} with Accesstoken of User .
Connect to Outlook.office365.com:993
* OK The Microsoft Exchange IMAP4 service is ready. [{GREETING}]
A01 OK AUTHENTICATE completed.
A01 BAD User is authenticated but not connected.
"""
CURL = f"""*   Trying 52.97.1.1:993...
* Connected to outlook.office365.com (52.97.1.1) port 993 (#0)
* TLSv1.3 (OUT), TLS handshake, Client hello (1):
< * OK The Microsoft Exchange IMAP4 service is ready. [{GREETING}]
> A001 CAPABILITY
< * CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS
< A001 OK CAPABILITY completed.
> A002 AUTHENTICATE XOAUTH2 {SASL}
< A002 NO AUTHENTICATE failed.
* TLSv1.3 (OUT), TLS alert, close notify (256):
curl: (67) Login denied
"""
OPENSSL = f"""CONNECTED(00000003)
depth=2 C = US, O = DigiCert Inc, OU = www.digicert.com, CN = DigiCert Global Root CA
---
Certificate chain
---
-----BEGIN CERTIFICATE-----
MIIFcanarycanarycanarycanarycanarycanarycanarycanarycanarycanary
-----END CERTIFICATE-----
* OK The Microsoft Exchange IMAP4 service is ready. [{GREETING}]
a1 AUTHENTICATE XOAUTH2 {SASL}
a1 NO AUTHENTICATE failed.
"""
SWAKS = f"""=== Trying smtp.office365.com:587...
=== Connected to smtp.office365.com.
<-  220 FR0P281CA0041.outlook.office365.com Microsoft ESMTP MAIL Service ready at Fri, 27 Nov 2026
 -> EHLO scanner
 ~> AUTH LOGIN
<~  334 VXNlcm5hbWU6
 ~> {base64.b64encode(ADA.encode()).decode()}
<~  334 UGFzc3dvcmQ6
 ~> {base64.b64encode(PASSWORD.encode()).decode()}
<~* 535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM]
*** No authentication type succeeded
"""
IMAPLIB = f"""  58:23.45 > b'IDAG1 AUTHENTICATE XOAUTH2'
  58:23.50 < b'+ '
  58:23.51 > b'{SASL}'
  58:23.60 < b'IDAG1 NO AUTHENTICATE failed.'
imaplib.IMAP4.error: AUTHENTICATE failed.
"""
SMTPLIB = f"""send: 'ehlo [127.0.1.1]\\r\\n'
reply: b'250-FR0P281CA0041.outlook.office365.com Hello\\r\\n'
send: 'AUTH XOAUTH2 {SASL}\\r\\n'
reply: b'535 5.7.3 Authentication unsuccessful [FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM]\\r\\n'
reply: retcode (535); Msg: b'5.7.3 Authentication unsuccessful [FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM]'
smtplib.SMTPAuthenticationError: (535, b'5.7.3 Authentication unsuccessful')
"""
MAILKIT = f"""Connected to imaps://outlook.office365.com:993/
S: * OK The Microsoft Exchange IMAP4 service is ready. [{GREETING}]
C: A00000000 CAPABILITY
S: * CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+
S: A00000000 OK CAPABILITY completed.
C: A00000001 AUTHENTICATE XOAUTH2 {SASL}
S: A00000001 OK AUTHENTICATE completed.
C: A00000002 NAMESPACE
S: A00000002 BAD User is authenticated but not connected.
"""
THUNDERBIRD = f"""[Parent 4242: Main Thread]: D/IMAP ImapThreadMainLoop entering [this=0x1]
[Parent 4242: IMAP]: I/IMAP 0x1:outlook.office365.com:NA:SendData: 2 authenticate XOAUTH2 {SASL}
[Parent 4242: IMAP]: I/IMAP 0x1:outlook.office365.com:NA:CreateNewLineFromSocket: 2 NO AUTHENTICATE failed.
"""
PROXY = f"""2026-11-27 10:00:00 Email OAuth 2.0 Proxy: IMAP (127.0.0.1:1993; outlook.office365.com:993; {ADA}) -->
IMAP (127.0.0.1:1993; {ADA}) --> b'1 LOGIN "{ADA}" "{PASSWORD}"\\r\\n'
IMAP (127.0.0.1:1993; {ADA})     --> b'AUTHENTICATE XOAUTH2\\r\\n'
IMAP (127.0.0.1:1993; {ADA})     <-- b'+ \\r\\n'
IMAP (127.0.0.1:1993; {ADA})     --> b'{SASL}\\r\\n'
IMAP (127.0.0.1:1993; {ADA})     <-- b'1 OK AUTHENTICATE completed.\\r\\n'
IMAP (127.0.0.1:1993; {ADA})     <-- b'2 BAD User is authenticated but not connected.\\r\\n'
"""
OFFLINEIMAP = """OfflineIMAP 8.0.0
Establishing connection to outlook.office365.com:993 (Remote)
ERROR: While attempting to sync account 'work'
  command LIST illegal in state NONAUTH, only allowed in states AUTH, SELECTED
"""
NODEMAILER = f"""[2026-11-27 10:00:00] DEBUG [x] C: AUTH XOAUTH2 {SASL}
Error: Invalid login: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.
    at SMTPConnection._formatError (smtp-connection/index.js:790:19) {{
  code: 'EAUTH',
  response: '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit',
  command: 'AUTH XOAUTH2',
  pass: '{PASSWORD}' }}
"""
ENTRA = json.dumps(
    {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided. Ensure it is the value. "
        "Trace ID: 4a7b1c2d-0000-4000-8000-000000000001 Timestamp: 2026-11-27 10:00:00Z",
        "error_codes": [7000215],
        "trace_id": "4a7b1c2d-0000-4000-8000-000000000001",
        "correlation_id": "4a7b1c2d-0000-4000-8000-000000000002",
        "client_secret": SECRET,
    }
)
CALLBACK = (
    "http://localhost:8400/?error=access_denied&error_subcode=cancel&state=canarycanary"
    "&error_description=AADSTS65004%3a+User+declined+to+consent+to+access+the+app."
)
CONSENTED = (
    f"https://localhost/?admin_consent=True&tenant=0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e11&code=1.{'canaryCANARY' * 9}"
)

THUNDERBIRD_PLAIN = f"""\
2026-11-26 10:00:01.3 UTC - [Parent 1: IMAP]: I/IMAP 7f:outlook.office365.com:NA:SendData: 2 authenticate PLAIN
2026-11-26 10:00:01.4 UTC - [Parent 1: IMAP]: I/IMAP 7f:outlook.office365.com:NA:CreateNewLineFromSocket: +
2026-11-26 10:00:01.5 UTC - [Parent 1: IMAP]: I/IMAP 7f:outlook.office365.com:NA:SendData: {SECRET}
[Parent 1: IMAP]: I/IMAP 7f:outlook.office365.com:NA:CreateNewLineFromSocket: 2 NO AUTHENTICATE failed.
"""

LOGS = [
    pytest.param(SEED, "Get-IMAPAccessToken.ps1", "I10", id="the seed script"),
    pytest.param(CURL, "curl", "I1", id="curl -v"),
    pytest.param(OPENSSL, "openssl s_client", "I1", id="openssl s_client"),
    pytest.param(SWAKS, "swaks", "S3", id="swaks"),
    pytest.param(IMAPLIB, "imaplib", "I1", id="imaplib with debug = 4"),
    pytest.param(SMTPLIB, "smtplib", "S12", id="smtplib"),
    pytest.param(MAILKIT, "MailKit", "I12", id="MailKit"),
    pytest.param(THUNDERBIRD, "Thunderbird", "I1", id="Thunderbird"),
    pytest.param(THUNDERBIRD_PLAIN, "Thunderbird", "T7", id="Thunderbird with a password"),
    pytest.param(PROXY, "email-oauth2-proxy", "I12", id="email-oauth2-proxy"),
    pytest.param(OFFLINEIMAP, "offlineimap", "I21", id="offlineimap"),
    pytest.param(NODEMAILER, "nodemailer", "S1", id="nodemailer"),
    pytest.param(ENTRA, "", "AADSTS7000215", id="an error of the token endpoint"),
    pytest.param(CALLBACK, "", "AADSTS65004", id="an address that the browser was sent to"),
    pytest.param("Basic authentication: 535 5.7.139 the user credentials were incorrect", "", "S4", id="a line"),
]


def _all(found: Pasted) -> str:
    said = [each.said for each in found.observations]
    return "\n".join([found.text, *found.heard, *(found.sent or ()), *said, repr(found)])


def _pieces(secret: str) -> set[str]:
    coded = {base64.b64encode(bytes(shift) + secret.encode()).decode()[4:-4] for shift in range(3)}
    return {form[at : at + 16] for form in (secret, *coded) for at in range(0, max(1, len(form) - 16), 8)}


@pytest.mark.parametrize(("log", "tool", "row"), LOGS)
def test_a_log_leads_to_its_cause(log: str, tool: str, row: str) -> None:
    found = pasted.read(log)
    ranked = causes.diagnose(found.evidence(), now=NOW).causes
    assert found.tool == tool
    assert row in [each.cause.id for each in ranked[:3]]


@pytest.mark.parametrize(("log", "tool", "row"), LOGS)
def test_no_secret_is_kept(log: str, tool: str, row: str) -> None:
    kept = _all(pasted.read(log))
    # The claims of a token are kept, so its middle part may be told again; its signature is nowhere.
    for secret in (
        TOKEN.split(".")[0] + "." + TOKEN.split(".")[1][:20],
        TOKEN.rpartition(".")[2],
        SASL,
        SECRET,
        PASSWORD,
    ):
        assert not [piece for piece in _pieces(secret) if piece in kept]


def _ranked(text: str) -> tuple[causes.Ranked, ...]:
    return causes.diagnose(pasted.read(text).evidence(), now=NOW).causes


@pytest.mark.parametrize("one", transcripts.ALL, ids=lambda one: one.id)
def test_what_is_behind_a_transcript_is_among_the_first_three_and_first_where_the_text_tells(one: Transcript) -> None:
    found = _ranked(one.text)
    if not one.row:
        assert found == ()
        return
    shown = [(each.rows, each.standing) for each in found]
    assert one.row in [row for each in found[:3] for row in each.rows], shown
    if one.sure:
        assert one.row in found[0].rows, shown


@pytest.mark.parametrize("one", transcripts.ALL, ids=lambda one: one.id)
def test_of_a_transcript_no_cause_is_certain_beside_another_and_no_secret_is_kept(one: Transcript) -> None:
    found = _ranked(one.text)
    assert len(found) == 1 or "certain" not in {each.standing for each in found}
    assert transcripts.PASSWORD not in _all(pasted.read(one.text))


def test_there_are_transcripts_of_many_programs_and_of_many_causes() -> None:
    known = [pasted.read(each.text).tool for each in transcripts.ALL]
    assert len(set(known)) >= 18
    assert len({each.row for each in transcripts.ALL}) >= 20
    assert sum(each.sure for each in transcripts.ALL) / len(transcripts.ALL) >= 0.8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            f"C: AUTH XOAUTH2 {SASL}\nS: 535 5.7.139 Authentication unsuccessful, {words}", "password", id=words[:30]
        )
        for words in (
            "the user credentials were incorrect.",
            "the request did not meet the criteria to be authenticated successfully.",
            "user is locked by your organization's security defaults policy.",
        )
    ],
)
def test_where_a_token_was_shown_nothing_is_said_of_a_password(text: str, said: str) -> None:
    found = _ranked(text)
    assert found
    assert not [each.cause.id for each in found if said in f"{each.cause.title} {each.cause.cause} {each.because}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("A1 AUTHENTICATE XOAUTH2 x\nA2 LOGIN ada pw", "password", id="fell back"),
        pytest.param("--> b'a1 LOGIN ada pw'\n    --> b'a1 AUTHENTICATE XOAUTH2 '", "token", id="a proxy"),
        pytest.param("250-AUTH LOGIN PLAIN XOAUTH2\n* CAPABILITY AUTH=PLAIN AUTH=LOGIN", "", id="an offer"),
        pytest.param("-ERR User is authenticated but not connected.\nPlease login with a browser", "", id="prose"),
        pytest.param("USER ada@woodgrove.example\nPASS x", "password", id="POP"),
    ],
)
def test_the_last_sign_in_counts(text: str, expected: str) -> None:
    found = pasted.read(text)
    assert ("token" if found.token_shown else "password" if found.kind == "password" else "") == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("grant_type=client_credentials", "app"),
        ("scope=https://outlook.office.com/IMAP.AccessAsUser.All", "delegated"),
        ("client_credentials, and once more with authorization_code", None),
        ("nothing of it", None),
    ],
)
def test_words_around_a_sign_in_tell_whose_it_was(text: str, kind: str | None) -> None:
    assert pasted.read(text).kind == kind


def test_a_number_counts_whoever_signed_in() -> None:
    assert _ranked("scope IMAP.AccessAsUser.All: AADSTS7000215")[0].cause.id == "AADSTS7000215"


def test_the_seed_script_tells_who_signed_in_for_whom() -> None:
    found = pasted.read(f"Accessing Sharedmailbox {SHARED} with Accesstoken of User {ADMIN}.\n")
    assert (found.mailbox, found.user, found.kind) == (SHARED, ADMIN, "delegated")


def test_a_token_that_somebody_decoded_is_read_too() -> None:
    said = '{"aud": "https://outlook.office365.com", "appid": "a", "idtyp": "app", "roles": ["full_access_as_app"]}'
    found = pasted.read(f"A1 NO AUTHENTICATE failed.\n{said}")
    assert found.claims["roles"] == ["full_access_as_app"]
    assert causes.diagnose(found.evidence(), now=NOW).causes[0].cause.id == "I5"


@pytest.mark.parametrize(
    ("scope", "standing"),
    [
        pytest.param("'scope' => 'https://graph.microsoft.com/.default'", "likely", id="Graph"),
        pytest.param("scope=IMAP.AccessAsUser.All offline_access", "likely", id="without a host"),
        pytest.param('"scope": "https://outlook.office.com/IMAP.AccessAsUser.All"', "unlikely", id="Outlook"),
    ],
)
def test_the_scope_that_was_asked_for_hints_at_the_audience(scope: str, standing: str) -> None:
    found = {each.cause.id: each.standing for each in _ranked(f"{scope}\nA1 NO AUTHENTICATE failed.")}
    assert found["I1"] == standing


def test_an_app_s_token_without_the_role_for_sending_is_likely_to_be_why() -> None:
    claims = {"aud": "https://outlook.office365.com", "idtyp": "app", "roles": ["IMAP.AccessAsApp"], "tid": "t"}
    string = base64.b64encode(f"user={ADA}\x01auth=Bearer {_token(**claims)}\x01\x01".encode()).decode()
    first = _ranked(f"C: AUTH XOAUTH2 {string}\nS: 535 5.7.3 Authentication unsuccessful [X]")[0]
    assert (first.cause.id, first.rows, first.standing) == ("I5", ("I5", "S8"), "likely")


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        pytest.param("* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN", False, id="Dovecot"),
        pytest.param("250-mail.example.net\n250 AUTH NTLM LOGIN", False, id="SMTP"),
        pytest.param("* CAPABILITY IMAP4rev1 LOGINDISABLED", False, id="no login at all"),
        pytest.param("* CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS", None, id="before STARTTLS"),
        pytest.param("* CAPABILITY IMAP4 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR", True, id="Exchange"),
    ],
)
def test_what_a_server_offered_is_read_from_a_log(text: str, offered: bool | None) -> None:
    found = _ranked(text)
    assert [each.cause.id for each in found] == ([] if offered is not False else ["I22"])


def test_a_code_in_an_address_is_not_kept_and_the_answer_is() -> None:
    found = pasted.read(CONSENTED)
    assert "canaryCANARY" not in _all(found)
    assert [each.said for each in found.observations if each.what == "answer"] == [
        "admin_consent=True; tenant=0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e11"
    ]


def test_a_log_tells_server_protocol_mailbox_and_claims() -> None:
    found = pasted.read(MAILKIT)
    assert (found.protocol, found.kind, found.mailbox) == ("imap", None, ADA)
    assert found.claims["aud"] == "https://graph.microsoft.com"
    assert "The server calls itself FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM." in [e.said for e in found.observations]
    assert found.sent is not None
    assert found.sent[0] == "A00000000 CAPABILITY"


def test_an_error_of_entra_tells_the_ids_that_support_asks_for() -> None:
    said = [each.said for each in pasted.read(ENTRA).observations]
    assert "trace_id: 4a7b1c2d-0000-4000-8000-000000000001" in said
    assert "correlation_id: 4a7b1c2d-0000-4000-8000-000000000002" in said
    assert "AADSTS7000215" in said


def test_a_token_alone_yields_its_claims_and_no_cause() -> None:
    found = pasted.read(f"  {TOKEN}\n")
    assert (found.claims["upn"], found.text.strip()) == (ADA, f"<{len(TOKEN)} characters>")
    assert causes.diagnose(found.evidence(), now=NOW).causes == ()


@pytest.mark.parametrize(
    ("sasl", "flaw"),
    [
        pytest.param(f"user={ADA}\x01auth=Bearer x.y.z\x01", "does not end in two Control-A", id="cut off"),
        pytest.param(f"user={ADA}\x01auth=Bearer x.y\n\x01\x01", "a line end or a blank in the token", id="a line end"),
        pytest.param(f"user={ADA}\x01x.y.z\x01\x01", "the word Bearer", id="no Bearer"),
    ],
)
def test_the_form_of_a_sasl_string_is_checked(sasl: str, flaw: str) -> None:
    found = pasted.read("AUTH XOAUTH2 " + base64.b64encode(sasl.encode()).decode())
    assert flaw in found.observations[0].said


@pytest.mark.parametrize(
    ("sasl", "malformed"),
    [
        pytest.param(f"user={ADA}\x01auth=Bearer x.y\n\x01\x01", True, id="a line end"),
        pytest.param(f"user={ADA}^Aauth=Bearer x.y.z^A^A", True, id="Control-A spelled out"),
        pytest.param(f"user={ADA}\x01auth=Bearer x.y.z\x01", None, id="cut off, perhaps by the log"),
        pytest.param(f"user={ADA}\x01auth=Bearer x.y.z\x01\x01", False, id="in order"),
    ],
)
def test_a_broken_sasl_string_is_a_cause_and_one_that_a_log_cut_off_is_none(sasl: str, malformed: bool | None) -> None:
    found = pasted.read(
        f"A1 AUTHENTICATE XOAUTH2 {base64.b64encode(sasl.encode()).decode()}\nA1 NO AUTHENTICATE failed."
    )
    first = causes.diagnose(found.evidence(), now=NOW).first
    assert first is not None
    assert (found.malformed, first.cause.id == "T8") == (malformed, malformed is True)
    assert found.mailbox == ADA


def test_java_s_trace_tells_a_password_from_a_token() -> None:
    said = "javax.mail.AuthenticationFailedException: 535 5.7.3 Authentication unsuccessful [X]"
    found = pasted.read(f"DEBUG SMTP: AUTH LOGIN command trace suppressed\nDEBUG SMTP: AUTH LOGIN failed\n{said}")
    assert [each.cause.id for each in causes.diagnose(found.evidence(), now=NOW).causes] == ["T7"]
    found = pasted.read(f"DEBUG SMTP: AUTH XOAUTH2 command trace suppressed\n{said}")
    assert "T7" not in [each.cause.id for each in causes.diagnose(found.evidence(), now=NOW).causes]


def test_base64_over_several_lines_is_one_string() -> None:
    wrapped = "\n".join(SASL[at : at + 76] for at in range(0, len(SASL), 76))
    found = pasted.read(f"a1 AUTHENTICATE XOAUTH2 {wrapped}\na1 BAD Command Argument Error. 12")
    assert SASL[-30:] not in _all(found)
    assert SASL[-8:] not in _all(found)
    assert causes.diagnose(found.evidence(), now=NOW).causes[0].cause.id == "I24"


@pytest.mark.parametrize("text", ["", "hello", "\x00\x01\xff", "OK", "{", "a" * 100, "AADSTS"])
def test_text_that_says_nothing_yields_nothing(text: str) -> None:
    found = pasted.read(text)
    assert found.observations == ()
    assert causes.diagnose(found.evidence(), now=NOW).causes == ()


@given(st.text(max_size=400) | st.text(alphabet="eyJ. \n'\"<>-=+:dXNlcj", max_size=400))
def test_any_text_can_be_pasted(text: str) -> None:
    causes.diagnose(pasted.read(text).evidence(), now=NOW)


@pytest.mark.parametrize(
    "piece",
    ["eyJ", "eyJhbGciOi.", "dXNlcj", "pass='", 'pass="', "-----BEGIN X-----", "AUTH ", "a", "\n", "AADSTS1", "http://?error=",
     "[AAAA", "> ", "334 \n", "Bearer ", "AUTHENTICATE failed ", "535 ", "LOGIN ", "A.", "eyJ-", "error_codes:1234,",
     "]:25 ", "login('a',", "password ", "a SendData:", "a1 LOGIN {3}\n", "user=a@", "scope: ",
     "primary ", "SERVER -> CLIENT: "],
)  # fmt: skip
def test_reading_takes_no_longer_than_its_length_asks_for(piece: str) -> None:
    begun = time.process_time()
    causes.diagnose(pasted.read(piece * (3_000_000 // len(piece))).evidence(), now=NOW)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        "0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e11",
        "535 5.7.3 Authentication unsuccessful [FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM]",
        "code: 'EAUTH'",
        '"code": "Authorization_RequestDenied"',
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "B6A1" * 10,
        "=" * 80,
        "CapabilityNamespaceLiteral",
        "a1 NO LOGIN failed.",
        "a1 OK LOGIN completed.",
        "https://login.microsoftonline.com:443/common/oauth2/v2.0/token",
        "Connect to outlook.office365.com:993 as ada@woodgrove.example",
        "relay=smtp.office365.com[52.98.1.2]:587, delay=1, status=deferred (host said: 535 5.7.3)",
        "250-AUTH LOGIN XOAUTH2",
        "250-AUTH LOGIN PLAIN XOAUTH2",
        "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID LITERAL+",
        "password required",
        "login failed, password expired",
        "enter the mailbox and press the button",
        "a1 SELECT {5}\n+ Ready.\nINBOX",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        f"client_secret={SECRET}&scope=x",
        f'"password": "{PASSWORD}"',
        f"--password {PASSWORD}",
        f"PASS {PASSWORD}",
        f"curl -u {ADA}:{PASSWORD} imaps://outlook.office365.com",
        f"curl --user '{ADA}:{PASSWORD}' imaps://outlook.office365.com",
        f"imaps://ada:{PASSWORD}@outlook.office365.com/",
        f"imaps://{ADA}:{PASSWORD}@outlook.office365.com/",
        f"remotepass = {PASSWORD}",
        f"<password>{PASSWORD}</password>",
        f"the password is {PASSWORD}",
        f"1 LOGIN ada {PASSWORD}",
        f'a1 LOGIN "{ADA}" "{PASSWORD}"',
        f"the secret is {SECRET}",
        f"Authorization: Bearer {TOKEN}",
        f"AUTH PLAIN {base64.b64encode(f'{chr(0)}{ADA}{chr(0)}{PASSWORD}'.encode()).decode()}",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{PASSWORD}",
        f"refresh_token: 1.{SECRET}{SECRET}",
        f"imapsync --user1 {ADA} --password1 {PASSWORD}",
        f"imapsync --user2 {ADA} --oauthaccesstoken2 {SECRET}",
        f"machine outlook.office365.com login {ADA} password {PASSWORD}",
        f"password {SECRET}",
        f"'password' => '{PASSWORD}',",
        f'imap_open("{{outlook.office365.com:993/imap/ssl}}INBOX", "{ADA}", "{PASSWORD}")',
        f"imap.login('{ADA}', '{PASSWORD}')",
        f'client.Authenticate ("{ADA}", "{PASSWORD}");',
        f'new NetworkCredential("{ADA}", "{PASSWORD}")',
        f'$Password = ConvertTo-SecureString "{PASSWORD}" -AsPlainText -Force',
        f"-Password (ConvertTo-SecureString -String '{PASSWORD}' -AsPlainText)",
        f"[smtp.office365.com]:587 {ADA}:{PASSWORD}",
        f"inline:{{[smtp.office365.com]:587={ADA}:{PASSWORD}}}",
        f'<add key="smtpPassword" value="{PASSWORD}" />',
        f"CertificatePassword = {PASSWORD}",
        f"a1 LOGIN {{21}}\n+ Ready.\n{ADA} {{16}}\n+ Ready.\n{PASSWORD}",
        f"C: A1 LOGIN {ADA} {{16}}\nS: + OK\nC: {PASSWORD}\nS: A1 NO LOGIN failed.",
        f"a1 LOGIN {{3+}}\r\nada {{16+}}\r\n{PASSWORD}\r\n",
        f'a1 LOGIN {{21}}\n+ Ready.\n{ADA} "{PASSWORD}"',
        f"  02:11 > b'A1 LOGIN {ADA} {{16}}\\r\\n'\n  02:12 < b'+ \\r\\n'\n  02:12 > b'{PASSWORD}\\r\\n'",
    ],
)
def test_what_may_be_a_secret_goes(text: str) -> None:
    assert not [piece for secret in (SECRET, PASSWORD) for piece in _pieces(secret) if piece in mask(text)]
    assert " characters>" in mask(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"user_code":"F7Q4ZKX9R","expires_in":900}',
        "To sign in, open https://microsoft.com/devicelogin and enter the code F7Q4ZKX9R to authenticate.",
        "Open https://login.example/device and enter F7Q4ZKX9R to sign in to woodgrove.",
    ],
)
def test_the_code_of_a_device_goes(text: str) -> None:
    assert "F7Q4ZKX9R" not in mask(text)
    assert "<9 characters>" in mask(text)
