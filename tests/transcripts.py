"""What people paste, as the programs of the field write it; every line is invented for these tests.

Each has the row that is behind it, and how well the text alone tells it: `sure` where the words or a token in it do,
so that the row is to be first; else it is to be among the first three, as others fit what is shown just as well.
"""

import base64
import json
from dataclasses import dataclass
from typing import Final

from tests.diagnosing import ADA, ADMIN, SHARED

__all__ = ["ALL", "PASSWORD", "Transcript", "sasl", "token"]

PASSWORD: Final = "Planted-Passw0rd!7"


@dataclass(frozen=True)
class Transcript:
    """A text with what is behind it.

    Args:
        id: Which program wrote it, and what happened.
        row: The row of the catalogue; empty where it is none.
        text: What somebody pastes.
        sure: Whether the row is to stand first.
    """

    id: str
    row: str
    text: str
    sure: bool = True


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(**claims: object) -> str:
    """Return a token with these claims, signed by nobody."""
    known = {"iss": "https://sts.windows.net/t/", "exp": 4102444800, "tid": "t", "appid": "a"}
    return f"{_part({'typ': 'JWT', 'alg': 'RS256'})}.{_part({**known, **claims})}.{'cGxhbnRlZC1zaWdu' * 3}"


def sasl(user: str, of: str) -> str:
    """Return the SASL string of a token."""
    return base64.b64encode(f"user={user}\x01auth=Bearer {of}\x01\x01".encode()).decode()


def _front(name: str = "AS4P250CA0011.EURP250.PROD.OUTLOOK.COM") -> str:
    return base64.b64encode(name.encode("utf-16-le")).decode()


_OUTLOOK = "https://outlook.office365.com"
_GRAPH = token(aud="https://graph.microsoft.com", upn=ADA, scp="IMAP.AccessAsUser.All Mail.Read")
_APP = token(aud=_OUTLOOK, idtyp="app", oid="o", roles=["IMAP.AccessAsApp", "SMTP.SendAsApp", "POP.AccessAsApp"])
_ROLELESS = token(aud=_OUTLOOK, idtyp="app", oid="o", roles=["full_access_as_app"])
_IMAP_ONLY = token(aud=_OUTLOOK, idtyp="app", oid="o", roles=["IMAP.AccessAsApp"])
_ADMINS = token(aud="https://outlook.office.com", upn=ADMIN, scp="IMAP.AccessAsUser.All SMTP.Send")
_SENDS_NOT = token(aud="https://outlook.office.com", upn=ADA, scp="IMAP.AccessAsUser.All")
_ENDED = token(aud="https://outlook.office.com", upn=ADA, scp="IMAP.AccessAsUser.All", exp=1700000000)

_READY = f"* OK The Microsoft Exchange IMAP4 service is ready. [{_front()}]"
_OFFER = "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE"
_ESMTP = "AS4P250CA0011.outlook.office365.com"
_BRACKET = "[AS4P250CA0011.EURP250.PROD.OUTLOOK.COM 2026-11-27T09:14:02.114Z 08DE2D1F00112233]"
_PROXY = "2026-11-27 09:14:02,101: IMAP (127.0.0.1:50112-{127.0.0.1:1993}-outlook.office365.com:993)"
_PROXY_OUT = "2026-11-27 09:14:02,101: SMTP (127.0.0.1:50112-{127.0.0.1:1587}-smtp.office365.com:587)"

ALL: Final[tuple[Transcript, ...]] = (
    # --- the seed script
    Transcript(
        "the seed script, an app on a mailbox without a grant",
        "I10",
        f"""PS C:\\ops> .\\Get-IMAPAccessToken.ps1 -tenantID woodgrove.example -clientId a -clientsecret 'x' -targetMailbox {ADA} -Verbose
VERBOSE: Build authentication string for IMAP with SASL XOAUTH2
Accessing Sharedmailbox {ADA} with Accesstoken of User .
{_READY}
A01 OK AUTHENTICATE completed.
A01 BAD User is authenticated but not connected.
""",
    ),
    Transcript(
        "the seed script, a person on a shared mailbox",
        "I11",
        f"""PS C:\\ops> .\\Get-IMAPAccessToken.ps1 -tenantID t -clientId a -redirectUri http://localhost -LoginHint {ADA} -SharedMailbox {SHARED}
Accessing Sharedmailbox {SHARED} with Accesstoken of User {ADA}.
{_READY}
A01 OK AUTHENTICATE completed.
A01 BAD User is authenticated but not connected.
""",
    ),
    Transcript(
        "the seed script, refused as an app",
        "I3",
        f"""Accessing Sharedmailbox {ADA} with Accesstoken of User .
{_READY}
ERROR during authentication A01 NO AUTHENTICATE failed.
""",
        sure=False,
    ),
    # --- openssl s_client
    Transcript(
        "openssl, a token for Graph typed in",
        "I1",
        f"""CONNECTED(00000005)
depth=0 CN = outlook.com
verify return:1
---
{_READY}
a AUTHENTICATE XOAUTH2 {sasl(ADA, _GRAPH)}
a NO AUTHENTICATE failed.
b LOGOUT
* BYE Microsoft Exchange Server IMAP4 server signing off.
""",
    ),
    Transcript(
        "openssl, a Dovecot that has no XOAUTH2",
        "I22",
        """CONNECTED(00000003)
---
* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN AUTH=LOGIN] Dovecot ready.
a AUTHENTICATE XOAUTH2
a NO [CANNOT] Unsupported authentication mechanism.
""",
    ),
    Transcript(
        "openssl, TLS 1.0 to the mail host",
        "I23",
        """$ openssl s_client -connect outlook.office365.com:993 -tls1
CONNECTED(00000003)
4037A1B2:error:0A000102:SSL routines:ssl_choose_client_version:unsupported protocol:ssl/statem/statem_lib.c:1987:
---
no peer certificate available
""",
    ),
    Transcript(
        "openssl, TLS from the first byte to 587",
        "T9",
        """$ openssl s_client -connect smtp.office365.com:587
CONNECTED(00000003)
40D7F6:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:ssl/record/ssl3_record.c:354:
---
no peer certificate available
SSL handshake has read 5 bytes and written 300 bytes
""",
    ),
    # --- curl
    Transcript(
        "curl, an app without the role",
        "I5",
        f"""* Connected to outlook.office365.com (52.98.1.2) port 993
< {_READY}
> A001 CAPABILITY
< {_OFFER}
< A001 OK CAPABILITY completed.
> A002 AUTHENTICATE XOAUTH2 {sasl(ADA, _ROLELESS)}
< A002 NO AUTHENTICATE failed.
* Closing connection
curl: (67) Login denied
""",
    ),
    Transcript(
        "curl, a password for IMAP",
        "I9",
        f"""* Connected to outlook.office365.com (52.98.1.2) port 993
< {_READY}
> A001 CAPABILITY
< {_OFFER}
> A002 LOGIN "{ADA}" "{PASSWORD}"
< A002 NO LOGIN failed.
curl: (67) Login denied
""",
    ),
    Transcript(
        "curl, smtps to 587",
        "T9",
        """* Trying 52.98.151.66:587...
* Connected to smtp.office365.com (52.98.151.66) port 587 (#0)
* TLSv1.3 (OUT), TLS handshake, Client hello (1):
* OpenSSL/3.0.2: error:0A00010B:SSL routines::wrong version number
* Closing connection 0
curl: (35) OpenSSL/3.0.2: error:0A00010B:SSL routines::wrong version number
""",
    ),
    # --- swaks
    Transcript(
        "swaks, no sender's right",
        "S14",
        f"""=== Trying smtp.office365.com:587...
=== Connected to smtp.office365.com.
<-  220 {_ESMTP} Microsoft ESMTP MAIL Service ready at Fri, 27 Nov 2026 09:14:01 +0000
 -> EHLO relay
<-  250-{_ESMTP} Hello [203.0.113.5]
<-  250 STARTTLS
 -> STARTTLS
<-  220 2.0.0 SMTP server ready
=== TLS started with cipher TLSv1.3:TLS_AES_256_GCM_SHA384:256
 ~> EHLO relay
<~  250-AUTH LOGIN XOAUTH2
 ~> AUTH XOAUTH2 {sasl(ADA, _APP)}
<~  235 2.7.0 Authentication successful
 ~> MAIL FROM:<billing@woodgrove.example>
<~  250 2.1.0 Sender OK
 ~> DATA
<~  354 Start mail input; end with <CRLF>.<CRLF>
<~* 554 5.2.252 SendAsDenied; {ADA} not allowed to send as billing@woodgrove.example; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message
 ~> QUIT
""",
    ),
    Transcript(
        "swaks, the switch of the organization",
        "S1",
        f"""=== Connected to smtp.office365.com.
 ~> AUTH XOAUTH2 {sasl(ADA, _APP)}
<~* 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. {_BRACKET}
*** No authentication type succeeded
""",
    ),
    # --- mutt, msmtp, isync
    Transcript(
        "mutt by 143, before and after STARTTLS, an admin's token",
        "I11",
        f"""[2026-11-27 09:14:01] 4< {_READY}
[2026-11-27 09:14:01] 4> a0000 CAPABILITY
[2026-11-27 09:14:01] 4< * CAPABILITY IMAP4 IMAP4rev1 LOGINDISABLED STARTTLS SASL-IR UIDPLUS ID UNSELECT CHILDREN
[2026-11-27 09:14:01] 4> a0001 STARTTLS
[2026-11-27 09:14:01] 4< a0001 OK Begin TLS negotiation now.
[2026-11-27 09:14:01] 4> a0002 CAPABILITY
[2026-11-27 09:14:01] 4< {_OFFER}
[2026-11-27 09:14:02] 4> a0003 AUTHENTICATE XOAUTH2 {sasl(ADA, _ADMINS)}
[2026-11-27 09:14:02] 4< a0003 OK AUTHENTICATE completed.
[2026-11-27 09:14:02] 4> a0004 LIST "" ""
[2026-11-27 09:14:02] 4< a0004 BAD User is authenticated but not connected.
""",
    ),
    Transcript(
        "msmtp --debug, an administrator's token",
        "S10",
        f"""loaded user configuration file /home/ada/.msmtprc
using account work from /home/ada/.msmtprc
host = smtp.office365.com
port = 587
<-- 220 {_ESMTP} Microsoft ESMTP MAIL Service ready at Fri, 27 Nov 2026 09:14:01 +0000
--> EHLO localhost
<-- 250-{_ESMTP} Hello [203.0.113.5]
<-- 250-STARTTLS
--> STARTTLS
<-- 220 2.0.0 SMTP server ready
--> EHLO localhost
<-- 250-AUTH LOGIN XOAUTH2
--> AUTH XOAUTH2 {sasl(ADA, _ADMINS)}
<-- 535 5.7.3 Authentication unsuccessful {_BRACKET}
msmtp: authentication failed (method XOAUTH2)
msmtp: server message: 535 5.7.3 Authentication unsuccessful {_BRACKET}
""",
    ),
    Transcript(
        "mbsync, the library has no such mechanism",
        "T10",
        f"""Opening far side store work-remote...
Connecting to outlook.office365.com (52.98.1.2:993)...
Connection is now encrypted
* OK The Microsoft Exchange IMAP4 service is ready. [{_front()}]
>>> 1 CAPABILITY
{_OFFER}
1 OK CAPABILITY completed.
Logging in...
Authenticating with SASL mechanism XOAUTH2...
Error performing SASL authentication step: SASL(-4): no mechanism available: No worthy mechs found
""",
    ),
    Transcript(
        "mbsync, a token for Graph",
        "I1",
        f"""C: 0/1  B: 0/0  F: +0/0 *0/0 #0/0  N: +0/0 *0/0 #0/0
IMAP command 'AUTHENTICATE XOAUTH2 {sasl(ADA, _GRAPH)}' returned an error: NO AUTHENTICATE failed.
""",
    ),
    Transcript(
        "fetchmail, the token had ended",
        "T1",
        f"""fetchmail: 6.5.2 querying outlook.office365.com (protocol IMAP) at Fri Nov 27 09:14:01 2026: poll started
fetchmail: IMAP< {_READY}
fetchmail: IMAP> A0001 CAPABILITY
fetchmail: IMAP< {_OFFER}
fetchmail: IMAP> A0002 AUTHENTICATE XOAUTH2 {sasl(ADA, _ENDED)}
fetchmail: IMAP< A0002 NO AUTHENTICATE failed.
fetchmail: Authorization failure on {ADA}@outlook.office365.com
""",
    ),
    # --- Thunderbird
    Transcript(
        "Thunderbird, somebody else signed in",
        "I11",
        f"""2026-11-27 09:14:01.101000 UTC - [Parent 4242: IMAP]: I/IMAP 7f01:outlook.office365.com:NA:CreateNewLineFromSocket: {_READY}
2026-11-27 09:14:01.201000 UTC - [Parent 4242: IMAP]: I/IMAP 7f01:outlook.office365.com:NA:SendData: 2 authenticate XOAUTH2 {sasl(ADA, _ADMINS)}
2026-11-27 09:14:02.001000 UTC - [Parent 4242: IMAP]: I/IMAP 7f01:outlook.office365.com:NA:CreateNewLineFromSocket: 2 OK AUTHENTICATE completed.
2026-11-27 09:14:02.101000 UTC - [Parent 4242: IMAP]: I/IMAP 7f01:outlook.office365.com:A:SendData: 3 list "" "*"
2026-11-27 09:14:02.201000 UTC - [Parent 4242: IMAP]: I/IMAP 7f01:outlook.office365.com:A:CreateNewLineFromSocket: 3 BAD User is authenticated but not connected.
""",
    ),
    Transcript(
        "Thunderbird's own page, an administrator is wanted",
        "G8",
        """Need admin approval
Mozilla Thunderbird
Mozilla Thunderbird needs permission to access resources in your organization that only an admin can grant.
""",
        sure=False,
    ),
    # --- email-oauth2-proxy
    Transcript(
        "email-oauth2-proxy, the client's password is the proxy's own",
        "I3",
        f"""{_PROXY} --> [ Client connected ]
{_PROXY}     <-- b'{_READY}\\r\\n'
{_PROXY} --> b'a1 LOGIN "{ADA}" "{PASSWORD}"\\r\\n'
{_PROXY}     --> b'a1 AUTHENTICATE XOAUTH2 '
{_PROXY}     --> b'{sasl(ADA, _APP)}\\r\\n'
{_PROXY}     <-- b'a1 NO AUTHENTICATE failed.\\r\\n'
{_PROXY} <-- b'a1 NO AUTHENTICATE failed.\\r\\n'
""",
        sure=False,
    ),
    Transcript(
        "email-oauth2-proxy, no sign-in by the client",
        "S13",
        f"""{_PROXY_OUT} --> b'EHLO scanner\\r\\n'
{_PROXY_OUT}     <-- b'250-{_ESMTP} Hello [203.0.113.5]\\r\\n'
{_PROXY_OUT} --> b'MAIL FROM:<{ADA}>\\r\\n'
{_PROXY_OUT}     --> b'MAIL FROM:<{ADA}>\\r\\n'
{_PROXY_OUT}     <-- b'530 5.7.57 Client not authenticated to send mail. {_BRACKET}\\r\\n'
""",
    ),
    Transcript(
        "email-oauth2-proxy, a wrong secret",
        "AADSTS7000215",
        f"""2026-11-27 09:14:02: Error requesting access token with scope `https://outlook.office365.com/IMAP.AccessAsUser.All offline_access` for {ADA}: HTTP 401
{{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.", "error_codes": [7000215]}}
""",
    ),
    # --- imapsync
    Transcript(
        "imapsync, refused as an app without the role",
        "I5",
        f"""Here is imapsync 2.290 on host mover
Host1: connecting and login on host1 [outlook.office365.com] port [993] with user [{ADA}]
Host1 capability before authentication: IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID AUTH
Sending: 2 AUTHENTICATE XOAUTH2 {sasl(ADA, _ROLELESS)}
Err 1/1: Host1 failure: Error login on [outlook.office365.com] with user [{ADA}] auth [XOAUTH2 accesstoken]: 2 NO AUTHENTICATE failed.
""",
    ),
    Transcript(
        "imapsync, a password",
        "I9",
        f"""Host2: connecting and login on host2 [outlook.office365.com] port [993] with user [{ADA}]
Host2 capability before authentication: IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID AUTH
Err 1/1: Host2 failure: Error login on [outlook.office365.com] with user [{ADA}] auth [LOGIN]: 2 NO LOGIN failed.
""",
    ),
    Transcript(
        "imapsync, slowed down and then cut off",
        "I18",
        """msg INBOX/81234 {35155} could not append to folder INBOX: Error sending '2958 APPEND INBOX {35155}': 2958 BAD Request is throttled. Suggested Backoff Time: 214377 milliseconds
Read: * BYE Connection closed. 14
""",
    ),
    Transcript(
        "imapsync, the token ended on the way",
        "I17",
        """Error sending '2958 APPEND INBOX {35155}': * BYE Session invalidated - AccessTokenExpired; 2959 NO AUTHENTICATE failed.; Error sending '2960 APPEND INBOX {35155}': 2960 BAD Command received in Invalid state.
""",
    ),
    # --- libraries
    Transcript(
        "MailKit, with the logger's own prefix, as an app",
        "I10",
        f"""2026-11-27 09:14:01:283 Imap.Connected: 'imaps://outlook.office365.com:993/'
2026-11-27 09:14:01:353 Imap.S: {_READY}
2026-11-27 09:14:01:363 Imap.C: A00000000 CAPABILITY
2026-11-27 09:14:01:403 Imap.S: {_OFFER}
2026-11-27 09:14:01:700 Imap.C: A00000001 AUTHENTICATE XOAUTH2 {sasl(ADA, _APP)}
2026-11-27 09:14:02:763 Imap.S: A00000001 OK AUTHENTICATE completed.
2026-11-27 09:14:02:764 Imap.C: A00000002 NAMESPACE
2026-11-27 09:14:02:811 Imap.S: A00000002 BAD User is authenticated but not connected.
""",
    ),
    Transcript(
        "MailKit, sending, the permission is not in the token",
        "T3",
        f"""Connected to smtp://smtp.office365.com:587/?starttls=when-available
S: 220 {_ESMTP} Microsoft ESMTP MAIL Service ready at Fri, 27 Nov 2026 09:14:01 +0000
C: EHLO scanner
S: 250-AUTH LOGIN XOAUTH2
C: AUTH XOAUTH2 {sasl(ADA, _SENDS_NOT)}
S: 535 5.7.3 Authentication unsuccessful {_BRACKET}
MailKit.Security.AuthenticationException: 535: 5.7.3 Authentication unsuccessful {_BRACKET}
   at MailKit.Net.Smtp.SmtpClient.AuthenticateAsync(SaslMechanism mechanism, CancellationToken cancellationToken)
""",
    ),
    Transcript(
        "Jakarta Mail, an app that may not send",
        "I5",
        f"""DEBUG SMTP: connected to host "smtp.office365.com", port: 587
EHLO scanner
250-{_ESMTP} Hello [203.0.113.5]
250-AUTH LOGIN XOAUTH2
DEBUG SMTP: Attempt to authenticate using mechanisms: XOAUTH2
AUTH XOAUTH2 {sasl(ADA, _IMAP_ONLY)}
535 5.7.3 Authentication unsuccessful {_BRACKET}
jakarta.mail.AuthenticationFailedException: 535 5.7.3 Authentication unsuccessful {_BRACKET}
""",
    ),
    Transcript(
        "Jakarta Mail, IMAP by a password",
        "I9",
        f"""DEBUG IMAPS: trying to connect to host "outlook.office365.com", port 993, isSSL true
{_READY}
A0 CAPABILITY
{_OFFER}
A0 OK CAPABILITY completed.
DEBUG IMAPS: mechanism LOGIN not supported by server
A1 AUTHENTICATE PLAIN
A1 NO AUTHENTICATE failed.
A2 LOGIN {ADA} {PASSWORD}
A2 NO LOGIN failed.
jakarta.mail.AuthenticationFailedException: LOGIN failed.
""",
    ),
    Transcript(
        "imaplib, the base64 is wrapped",
        "I24",
        f"""  14:02.11 > b'PKOH1 AUTHENTICATE XOAUTH2'
  14:02.20 < b'+ '
  14:02.21 > b'{sasl(ADA, _APP)[:76]}'
  14:02.31 < b'PKOH1 BAD Command Argument Error. 12'
imaplib.IMAP4.error: AUTHENTICATE command error: BAD [b'Command Argument Error. 12']
""",
    ),
    Transcript(
        "imaplib, authenticated and not connected, as its exception has it",
        "I10",
        """Traceback (most recent call last):
  File "poll.py", line 40, in <module>
    app = msal.ConfidentialClientApplication(CLIENT_ID, authority=AUTHORITY, client_credential=SECRET)
    box.select("INBOX")
  File "/usr/lib/python3.12/imaplib.py", line 756, in select
imaplib.IMAP4.error: SELECT command error: BAD [b'User is authenticated but not connected.']
""",
    ),
    Transcript(
        "smtplib, TLS from the first byte to 587",
        "T9",
        """Traceback (most recent call last):
  File "send.py", line 12, in <module>
    server = smtplib.SMTP_SSL("smtp.office365.com", 587)
  File "/usr/lib/python3.12/ssl.py", line 1382, in do_handshake
ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1000)
""",
    ),
    Transcript(
        "poplib, in one line",
        "P2",
        f"""+OK The Microsoft Exchange POP3 service is ready. [{_front()}]
> AUTH XOAUTH2 {sasl(ADA, _APP)}
< -ERR Authentication failure: unknown user name or bad password.
""",
    ),
    Transcript(
        "MailKit, POP in one line, cut off",
        "P2",
        f"""S: +OK The Microsoft Exchange POP3 service is ready. [{_front()}]
C: AUTH XOAUTH2 {sasl(ADA, _APP)}
S: -ERR Protocol error. Connection is closed. 10
""",
    ),
    Transcript(
        "smtplib, without STARTTLS",
        "S13",
        """  File "/usr/lib/python3.12/smtplib.py", line 708, in login
smtplib.SMTPNotSupportedError: SMTP AUTH extension not supported by server.
""",
    ),
    Transcript(
        "PHPMailer, a token with the words for passwords",
        "I3",
        f"""2026-11-27 09:14:01 SERVER -> CLIENT: 220 {_ESMTP} Microsoft ESMTP MAIL Service ready
2026-11-27 09:14:01 CLIENT -> SERVER: EHLO web
2026-11-27 09:14:01 SERVER -> CLIENT: 250-{_ESMTP} Hello [203.0.113.5]
2026-11-27 09:14:01 CLIENT -> SERVER: AUTH XOAUTH2 {sasl(ADA, _APP)}
2026-11-27 09:14:02 SERVER -> CLIENT: 535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. {_BRACKET}
2026-11-27 09:14:02 SMTP ERROR: AUTH command failed: 535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.
SMTP Error: Could not authenticate.
""",
        sure=False,
    ),
    Transcript(
        "PHPMailer, a password",
        "S4",
        f"""2026-11-27 09:14:01 CLIENT -> SERVER: AUTH LOGIN
2026-11-27 09:14:01 SERVER -> CLIENT: 334 VXNlcm5hbWU6
2026-11-27 09:14:01 CLIENT -> SERVER: [credentials hidden]
2026-11-27 09:14:02 SERVER -> CLIENT: 535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. {_BRACKET}
2026-11-27 09:14:02 SMTP ERROR: Password command failed: 535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.
""",
    ),
    Transcript(
        "node-imap, an old client's password that still gets in",
        "I12",
        f"""<= '{_READY}'
=> 'A0 CAPABILITY'
<= '{_OFFER}'
=> 'A1 AUTHENTICATE XOAUTH2 {sasl(ADA, token(aud="https://outlook.office.com", upn=ADA, scp="IMAP.AccessAsUser.All"))}'
<= 'A1 OK AUTHENTICATE completed.'
=> 'A2 NAMESPACE'
<= 'A2 BAD User is authenticated but not connected.'
""",
        sure=False,
    ),
    Transcript(
        "imapflow, one JSON object a line",
        "I1",
        "\n".join(
            json.dumps({"level": 20, "component": "imap-connection", "src": way, "msg": said})
            for way, said in (
                ("s", _READY),
                ("c", "1 CAPABILITY"),
                ("s", _OFFER),
                ("c", f"2 AUTHENTICATE XOAUTH2 {sasl(ADA, _GRAPH)}"),
                ("s", "2 NO AUTHENTICATE failed."),
            )
        ),
    ),
    Transcript(
        "nodemailer, secure on 587",
        "T9",
        """Error: 4047A1B2C37F0000:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/openssl/record.c:354:
  library: 'SSL routines',
  reason: 'wrong version number',
  code: 'ESOCKET',
  command: 'CONN'
""",
    ),
    # --- relays and mail that comes back
    Transcript(
        "Postfix with sasl-xoauth2, what the token was refused with",
        "S10",
        f"""Nov 27 09:14:02 relay postfix/smtp[17059]: 9BDCBA19EA: SASL authentication failed; server smtp.office365.com[52.98.1.2] said: 535 5.7.3 Authentication unsuccessful {_BRACKET}
Nov 27 09:14:02 relay postfix/smtp[17059]: 9BDCBA19EA: to=<bob@fabrikam.example>, relay=smtp.office365.com[52.98.1.2]:587, delay=1.2, status=deferred (SASL authentication failed; server said: 535 5.7.3)
""",
        sure=False,
    ),
    Transcript(
        "Postfix, told to say everything, with a guest's token for Graph",
        "S12",
        f"""Nov 27 09:14:01 relay postfix/smtp[17059]: < smtp.office365.com[52.98.1.2]:587: 250-AUTH LOGIN XOAUTH2
Nov 27 09:14:01 relay postfix/smtp[17059]: smtp_sasl_authenticate: smtp.office365.com[52.98.1.2]:587: SASL mechanisms XOAUTH2
Nov 27 09:14:01 relay postfix/smtp[17059]: xsasl_cyrus_client_first: uncoded initial reply: user={ADA}\\001auth=Bearer {_GRAPH}\\001\\001
Nov 27 09:14:01 relay postfix/smtp[17059]: > smtp.office365.com[52.98.1.2]:587: AUTH XOAUTH2 {sasl(ADA, _GRAPH)}
Nov 27 09:14:02 relay postfix/smtp[17059]: < smtp.office365.com[52.98.1.2]:587: 535 5.7.3 Authentication unsuccessful {_BRACKET}
""",
    ),
    Transcript(
        "Postfix, High Volume Email",
        "S15",
        """Nov 27 09:14:01 relay postfix/smtp[17059]: > smtp-hve.office365.com[52.98.1.2]:587: AUTH XOAUTH2
Nov 27 09:14:01 relay postfix/smtp[17059]: < smtp-hve.office365.com[52.98.1.2]:587: 334
Nov 27 09:14:02 relay postfix/smtp[17059]: < smtp-hve.office365.com[52.98.1.2]:587: 501 5.5.124 Invalid XOAUTH2 auth data - User address provided is not valid. Please ensure the
""",
    ),
    Transcript(
        "Exchange's report of a mail that was not delivered",
        "S14",
        f"""Delivery has failed to these recipients or groups:
bob@fabrikam.example
The message can't be sent because you don't have permission to send on behalf of the address.
Diagnostic information for administrators:
Generating server: AS4P250MB0011.EURP250.PROD.OUTLOOK.COM
Remote server returned '550 5.7.60 SMTP; Client does not have permissions to send as this sender {_BRACKET}'
""",
    ),
    Transcript(
        "Outlook's report of a blocked sender",
        "S20",
        """Your message couldn't be delivered because you weren't recognized as a valid sender.
Remote server returned '550 5.1.8 Access denied, bad outbound sender AS(42004)'
""",
    ),
    Transcript(
        "Exchange's report, too many at once",
        "S18",
        """Reporting-MTA: dns; relay.woodgrove.example
Diagnostic-Code: smtp; 432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.
""",
    ),
    Transcript(
        "a .NET program, STARTTLS is left out",
        "S13",
        """System.Net.Mail.SmtpException: The SMTP server requires a secure connection or the client was not authenticated. The server response was: 5.7.57 Client not authenticated to send mail. [AS4P250CA0011.EURP250.PROD.OUTLOOK.COM]
   at System.Net.Mail.MailCommand.CheckResponse(SmtpStatusCode statusCode, String response)
""",
    ),
    Transcript(
        "a .NET program, the switch hides behind 5.7.57",
        "S1",
        """System.Net.Mail.SmtpException: The SMTP server requires a secure connection or the client was not authenticated. The server response was: 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [AS4P250CA0011.EURP250.PROD.OUTLOOK.COM]
""",
    ),
    # --- what people tell around it
    Transcript(
        "a question about an app that was registered in Exchange",
        "I2",
        """New-ServicePrincipal -AppId $appId -ObjectId $objectId -DisplayName "Poller"
Add-MailboxPermission -Identity ada@woodgrove.example -User $objectId -AccessRights FullAccess
grant_type=client_credentials, scope=https://outlook.office365.com/.default
and IMAP still says: A1 NO AUTHENTICATE failed.
""",
    ),
    Transcript(
        "a question with code that asks for Graph's scope",
        "I1",
        """string[] scopes = new[] { "IMAP.AccessAsUser.All", "offline_access" };
var result = await app.AcquireTokenInteractive(scopes).ExecuteAsync();
MailKit.Security.AuthenticationException: AUTHENTICATE failed.
""",
    ),
    Transcript(
        "a question about sending from a shared mailbox",
        "S11",
        """IMAP works for our shared mailbox with the delegate's token (scope https://outlook.office.com/SMTP.Send is there too),
and smtp.office365.com:587 answers 535 5.7.3 Authentication unsuccessful.
""",
    ),
    Transcript(
        "a question about something that comes and goes",
        "I14",
        """Since this morning, sporadically and for many accounts at once, with a configuration that worked last week:
A2 BAD User is authenticated but not connected.
""",
    ),
    Transcript(
        "a question about an address that became an alias",
        "I6",
        """We changed the mailbox's address in our help desk to support@woodgrove.example, which is an alias (a distribution list).
Since then fetching by OAuth says: AUTHENTICATE failed.
""",
    ),
    Transcript(
        "a question about two names of one account",
        "I13",
        """The UPN is ada.byron@woodgrove.example, the primary address ada@woodgrove.example, and that is what we send in user=.
A1 OK AUTHENTICATE completed.
A2 BAD User is authenticated but not connected.
""",
    ),
    Transcript(
        "MailKit, a device that reads along",
        "I22",
        """MailKit.Security.SslHandshakeException: An error occurred while attempting to establish an SSL or TLS connection.
The SSL certificate presented by the server is not trusted by the system for one or more of the following reasons:
The server's certificate for outlook.office365.com was issued by Woodgrove Web Gateway.
""",
    ),
    Transcript(
        "nodemailer, the port is blocked",
        "S19",
        """Error: Connection timeout
    at SMTPConnection._formatError (lib/smtp-connection/index.js:790:19)
  code: 'ETIMEDOUT',
  command: 'CONN'
""",
    ),
    Transcript(
        "Jakarta Mail, TLS 1.0",
        "I23",
        """DEBUG IMAPS: trying to connect to host "outlook.office365.com", port 993, isSSL true
javax.net.ssl.SSLHandshakeException: Received fatal alert: protocol_version
""",
    ),
    Transcript(
        "an Exchange Server of one's own, which knows no XOAUTH2",
        "I22",
        """220 mail.woodgrove.example Microsoft ESMTP MAIL Service ready at Fri, 27 Nov 2026 09:14:01 +0000
EHLO relay
250-mail.woodgrove.example Hello [10.0.0.5]
250-AUTH NTLM LOGIN
250 CHUNKING
AUTH XOAUTH2
504 5.7.4 Unrecognized authentication type
""",
    ),
    # --- what works
    Transcript(
        "openssl, it works",
        "",
        f"""CONNECTED(00000003)
{_READY}
a CAPABILITY
{_OFFER}
a OK CAPABILITY completed.
b AUTHENTICATE XOAUTH2 {sasl(ADA, _APP)}
b OK AUTHENTICATE completed.
c LIST "" "*"
* LIST (\\Marked \\HasNoChildren) "/" INBOX
c OK LIST completed.
""",
    ),
    Transcript(
        "swaks, it works",
        "",
        f"""=== Connected to smtp.office365.com.
<-  250-{_ESMTP} Hello [203.0.113.5]
<-  250-STARTTLS
<~  250-AUTH LOGIN XOAUTH2
 ~> AUTH XOAUTH2 {sasl(ADA, _APP)}
<~  235 2.7.0 Authentication successful
<~  250 2.1.0 Sender OK
<~  250 2.0.0 OK <id@x> [Hostname=AS4P250MB0011.EURP250.PROD.OUTLOOK.COM]
""",
    ),
    # --- what is no mail at all
    Transcript(
        "curl, a web server's old TLS",
        "",
        """* Trying 203.0.113.80:443...
* Connected to shop.example.com (203.0.113.80) port 443
* TLSv1.0 (OUT), TLS alert, protocol version (582):
curl: (35) error:0A000102:SSL routines::unsupported protocol
""",
    ),
    Transcript(
        "a program that calls a web service",
        "",
        """requests.exceptions.SSLError: HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded with url: /v1 (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate')))
""",
    ),
)
