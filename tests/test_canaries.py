"""Secrets and tokens planted in every flow and failure, and searched for in everything that a run leaves or shows."""

import json
import logging
import re
import ssl
import traceback
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import papermill
import pytest
from click.testing import CliRunner
from joserfc.jwk import RSAKey
from ruamel.yaml import YAML

from mailauth import cli
from mailauth.clouds import Cloud
from mailauth.dialogue import bearer
from mailauth.errors import MailauthError
from mailauth.proof import NoToken
from mailauth.secretrefs import SecretRef
from mailauth.services import mail, secrets
from mailauth.services.mailtokens import MailTokens, Token
from mailauth.tenants import Flow, FlowKind, MailApp, Protocol, Tenant
from mailauth.views import diagnosing
from practice import cloud as practice_cloud
from practice import credentials
from practice import tenants as stories
from practice.tokens import Keys
from practice.wellknown import SIGN_IN_WORD
from tests import leaks
from tests.leaks import Leak
from tests.mailserver import Line, issued, serving
from tests.mailserver import cloud as at
from tests.practice import mailing, windows
from tests.practice.browsing import Browser
from tests.practice.mailing import ADA
from tests.practice.mailrefusals import having, ungranted
from tests.practice.provable import provable
from tests.practice.woodgrove import TENANT, running, woodgrove

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
PROTOCOLS: tuple[Protocol, ...] = ("imap", "pop", "smtp")
SECRET = "cAn~8ry-0f.a-client~secret_Kq7Zx2"
TOKEN = "cAn8ryOfAnOpaqueToken.Wm4tYb7Lq0Pz_5sRd.kJ3hGvX9" + "Qe7Zr1Tn6Ub-0Hc4Wd8Vf2Lg5"


class Remembering(Keys):
    """An issuer's key that keeps what it signed and sealed: tokens, codes, refresh tokens."""

    def __init__(self, key: RSAKey) -> None:
        super().__init__(key)
        self.given: list[str] = []

    def sign(self, claims: Any) -> str:
        """Return a token, and keep it."""
        self.given.append(super().sign(claims))
        return self.given[-1]

    def seal(self, content: Any) -> str:
        """Return sealed content, and keep it."""
        self.given.append(super().seal(content))
        return self.given[-1]

    def canaries(self) -> dict[str, str]:
        """Return what was given; without a token's first part, which all tokens have alike and which is no secret."""
        parts = (text.partition(".")[2] if text.startswith("eyJ") else text for text in self.given)
        return {f"token or code {number}": part for number, part in enumerate(parts)}


@dataclass
class Watched:
    """What is shown while something runs, and what is not to be in it.

    Args:
        keys: What the cloud gave.
        log: What was logged.
        canaries: What else is a secret, by name.
        texts: What was shown, by name.
    """

    keys: Remembering
    log: pytest.LogCaptureFixture
    canaries: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def show(self, text: object) -> None:
        """Note what was shown to a person."""
        self.texts[f"shown {len(self.texts)}"] = str(text)

    def fail(self, error: BaseException) -> None:
        """Note an error as a tool shows it that prints the variables of each of the library's frames."""
        told: list[str] = []
        for each in _chain(error):
            frames = each.__traceback__
            while frames is not None and "/tests/" in frames.tb_frame.f_code.co_filename:
                frames = frames.tb_next
            told += traceback.TracebackException(type(each), each, frames, capture_locals=True).format(chain=False)
        self.texts[f"error {len(self.texts)}"] = "".join([repr(error), *told])

    def leaks(self, *folders: Path, besides: Sequence[Path] = ()) -> list[Leak]:
        """Return what leaked."""
        known = {**self.keys.canaries(), **self.canaries}
        assert known
        assert self.texts
        return leaks.search(known, folders=folders, texts={**self.texts, "log": self.log.text}, besides=besides)


Watch = Callable[..., Watched]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watch a cloud and every log of this process, at its most talkative."""
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    caplog.set_level(logging.DEBUG)

    def begun(practice: practice_cloud.Cloud, **canaries: str) -> Watched:
        keys = Remembering.fresh()
        practice.backend.keys = keys
        return Watched(keys, caplog, canaries)

    return begun


# --- the road by commands and by notebooks --------------------------------------------------------


@dataclass
class Road:
    """The practice tenant that has nothing yet, and the commands and notebooks that are run on it."""

    practice: practice_cloud.Cloud
    folder: Path
    watched: Watched

    @property
    def named(self) -> list[Path]:
        """The files that may hold a secret: those that the tenants file or the engineer names."""
        return [*(self.folder / "keys").iterdir(), self.folder / "own.secret", self.folder / "own.pem"]

    def command(self, *words: str) -> str:
        """Run a command, and note all that it shows."""
        given = ["--config", str(self.folder / "tenants.yaml"), "--tenant", "adatum"]
        out = [] if words[0] == "undo" else ["--out", str(self.folder / "reports")]
        shown = CliRunner().invoke(cli.commands, [*words, *given, *out])
        assert shown.exception is None or isinstance(shown.exception, SystemExit | MailauthError), shown.output
        if isinstance(shown.exception, MailauthError):
            self.watched.fail(shown.exception)
        self.watched.show(shown.output + shown.stderr)
        return shown.output

    def notebook(self, name: str, **parameters: object) -> None:
        """Run a notebook with ``apply``, and leave it beside the pages."""
        given = {"tenant": "adatum", "config": str(self.folder / "tenants.yaml"), "out": str(self.folder / "reports")}
        executed = self.folder / f"{len(self.watched.texts)}-{name}.ipynb"
        papermill.execute_notebook(
            str(NOTEBOOKS / f"{name}.ipynb"),
            str(executed),
            parameters={**given, **parameters},
            progress_bar=False,
            cwd=str(NOTEBOOKS.parent),
        )
        self.watched.show(executed.read_text("utf-8"))

    def receipts(self) -> list[Path]:
        return sorted((self.folder / "reports" / "adatum" / "receipts").glob("*.jsonl"))

    def leaks(self) -> list[Leak]:
        """Return what leaked into anything below the folder and anything that was shown."""
        own = {name: (self.folder / name).read_text("utf-8") for name in ("own.secret", "own.pem")}
        pems = {path.name: path.read_text("utf-8") for path in (self.folder / "keys").glob("*.pem")}
        self.watched.canaries["own.secret"] = own["own.secret"]
        for name, pem in {**pems, "own.pem": own["own.pem"]}.items():
            self.watched.canaries[name] = private_part(pem)
        return self.watched.leaks(self.folder, besides=self.named)


def private_part(pem: str) -> str:
    """Return a private key as one line, without the first third: its public part."""
    found = re.search(r"PRIVATE KEY-----\n(.+?)-----END", pem, re.DOTALL)
    assert found is not None
    return found[1].replace("\n", "")[600:]


@pytest.fixture
def road(tmp_path: Path, watch: Watch) -> Iterator[Road]:
    given = credentials.kept(tmp_path / "keys", ["adatum"])["adatum"]
    with practice_cloud.start([stories.build("adatum", datetime.now(UTC), given)]) as practice:
        content = {"clouds": {"practice": practice.entry()}, "tenants": [stories.entry("adatum", "logs")]}
        with (tmp_path / "tenants.yaml").open("w", encoding="utf-8") as text:
            YAML(typ="safe", pure=True).dump(content, text)
        yield Road(practice, tmp_path, watch(practice, secret=given.secret))


def test_no_command_leaves_or_shows_a_secret(road: Road) -> None:
    register = ("register", "--flow", "app-only", "--credential", "secret")
    road.command(*register)
    road.command(*register, "--keep-in", "file:own.secret", "--apply")
    road.command("register", "--flow", "app-only", "--script")
    road.command("consent", "--grant", "--apply")
    road.command("grant", "--script")
    road.command("grant", "--everywhere", "--apply")
    assert "OAuth works: 2 mailboxes" in road.command("prove")
    road.command("prove", "--json")
    road.command(
        "register", "--flow", "app-only", "--credential", "certificate", "--keep-in", "file:own.pem", "--apply"
    )
    for receipt in reversed(road.receipts()):
        road.command("undo", str(receipt))
        road.command("undo", str(receipt), "--apply")
    assert len(road.receipts()) > 4
    assert len(road.watched.keys.given) > 4
    assert road.leaks() == []


@pytest.mark.full
def test_no_notebook_leaves_or_shows_a_secret(road: Road) -> None:
    road.notebook("20-register-app", flow="app-only", credential="secret", keep_in="file:own.secret", apply=True)
    road.notebook("30-consent", apply=True)
    road.notebook("40-grant-mailboxes", everywhere=True, apply=True)
    road.notebook("50-prove-mail-oauth")
    road.notebook("20-register-app", flow="app-only", apply=True, rotate="file:own.pem")
    assert road.leaks() == []


# --- on the wire ----------------------------------------------------------------------------------


def test_no_conversation_shows_the_token(watch: Watch, tmp_path: Path) -> None:
    made = woodgrove()
    with running(made) as practice:
        watched = watch(practice)
        hosts = cloud_of(practice)
        good = mailing.delegated(practice, made)
        ended = mailing.delegated(practice, made, exp=int(practice.backend.now().timestamp()) - 600)
        for protocol in PROTOCOLS:
            for token in (good, ended, mailing.delegated(practice, made, scp="Mail.Read")):
                watched.show(repr(mail.talk(hosts, protocol, bearer(ADA, token))))
    assert [text.count("refused") > 0 for text in watched.texts.values()] == [False, True, True] * 3
    assert watched.leaks() == []


GREETING = {
    "imap": "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hello",
    "pop": "+OK hello",
    "smtp": "220 hello",
}
OFFER = {
    "CAPABILITY": "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR\nTAG OK done",
    "CAPA": "+OK\nSASL XOAUTH2\nUSER\n.",
    "EHLO": "250-hello\n250-STARTTLS\n250 AUTH XOAUTH2",
    "STARTTLS": "220 go on",
}
REFUSAL = {
    "imap": "TAG NO [ALERT] failed {0}\n* BYE {0}",
    "pop": "-ERR failed {0}",
    "smtp": "535-5.7.3 {0}\n535 5.7.3 {0}",
}


def repeat(line: Line, protocol: Protocol, how: str, context: ssl.SSLContext) -> None:
    """Refuse a token by saying it again."""
    line.say(GREETING[protocol])
    tag = ""
    while heard := line.hear():
        words = heard.split(" ")
        offer = next((word.upper() for word in words[:2] if word.upper() in OFFER), "")
        response = next((word for word in words if len(word) > 60), "")
        tag = words[0] if len(words) > 1 else tag
        if offer:
            line.say(OFFER[offer].replace("TAG", tag))
        if offer == "STARTTLS":
            line.secure(context)
        if response:
            said = {"as it came": response, "decoded": TOKEN, "in pieces": f"{TOKEN[:20]} {TOKEN[20:]}"}[how]
            line.say(REFUSAL[protocol].format(said).replace("TAG", tag))
        elif not offer:
            line.say({"imap": "+ ", "pop": "+ ", "smtp": "334 "}[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("how", ["as it came", "decoded", "in pieces"])
def test_no_server_that_says_the_token_again_has_it_shown(
    protocol: Protocol, how: str, watch: Watch, tmp_path: Path
) -> None:
    context, ca_file = issued(tmp_path, "localhost")
    act = partial(repeat, protocol=protocol, how=how, context=context)
    with running(woodgrove()) as practice, serving(act, context=None if protocol == "smtp" else context) as server:
        watched = watch(practice, token=TOKEN)
        talk = mail.talk(at(server.address, ca_file), protocol, bearer(ADA, TOKEN), timeout_s=10)
        watched.show(repr(talk))
    assert (talk.outcome, talk.stage) == ("refused", "authenticate")
    assert TOKEN.encode() in b64decode(max(re.findall(rb"[A-Za-z0-9+/=]{40,}", bytes(server.seen)), key=len))
    assert watched.leaks() == []


# --- where no token comes -------------------------------------------------------------------------


def cloud_of(practice: practice_cloud.Cloud) -> Cloud:
    """Return the cloud as a tenants file has it."""
    entry = practice.entry()
    return Cloud(**{**entry, "name": "practice", "ca_file": Path(entry["ca_file"])})


@dataclass
class Person:
    """Somebody who is shown things, signs in, and pastes what the browser shows at the end.

    Args:
        practice: The cloud.
        watched: Notes what was shown; what is pasted is a canary.
        press: The answer to a question for consent.
    """

    practice: practice_cloud.Cloud
    watched: Watched
    press: str = "accept"
    shown: str = ""

    def show(self, text: str) -> None:
        """Read, and enter a code at once."""
        self.shown = text
        if (found := re.search(r"Open (\S+) and enter (\S+) to sign in", text)) is not None:
            browser = Browser(self.practice)
            page = browser.press(browser.open(found[1]), otc=found[2])
            browser.press(browser.sign_in(page, ADA, SIGN_IN_WORD), "confirm")
        self.watched.show(text)

    def ask(self, prompt: str) -> str:
        """Open the address that was shown, sign in, and paste the last one."""
        self.watched.show(prompt)
        found = re.search(r"^https://\S+$", self.shown, re.MULTILINE)
        assert found is not None
        address = windows.answered(self.practice, found[0], who=ADA, press=self.press).address
        if "code=" in address:
            self.watched.canaries[f"pasted {len(self.watched.canaries)}"] = address.partition("code=")[2].partition(
                "&"
            )[0]
        return address


def test_no_flow_shows_what_it_was_given_whether_it_succeeds_or_not(watch: Watch, tmp_path: Path) -> None:
    made = woodgrove()
    path = tmp_path / "named"
    path.mkdir()
    good, wrong, brought = path / "good", path / "wrong", path / "token"
    made.estate.secret(made.daemon, SECRET)
    good.write_text(SECRET)
    wrong.write_text(SECRET[::-1])
    brought.write_text(TOKEN)
    credentials.kept(path / "keys", ["adatum"])
    key = path / "keys" / "adatum-mail.pem"
    with running(made) as practice:
        watched = watch(practice, secret=SECRET, wrong=SECRET[::-1], brought=TOKEN, word=SIGN_IN_WORD)
        watched.canaries["key"] = private_part(key.read_text())
        tenant = Tenant(name="woodgrove", tenant_id=TENANT, cloud=cloud_of(practice))
        daemon, client = (
            MailApp(name="daemon", client_id=made.daemon.app_id),
            MailApp(name="client", client_id=made.client.app_id),
        )
        asked = [
            *((daemon, Flow(kind="secret", secret=SecretRef("file", str(each)))) for each in (good, wrong, key)),
            *((daemon, Flow(kind="certificate", certificate=SecretRef("file", str(each)))) for each in (key, wrong)),
            *((daemon, Flow(kind="token", token=SecretRef("file", str(each)))) for each in (brought, key, wrong)),
            (daemon, Flow(kind="federated", assertion=SecretRef("file", str(brought)))),
            *((client, Flow(kind=each)) for each in PEOPLE),
            *((daemon, Flow(kind=each)) for each in PEOPLE),
        ]
        got = [told(watched, practice, tenant, app, flow) for app, flow in asked]
    assert {type(each) for each in got} == {Token, NoToken}
    assert watched.leaks(tmp_path, besides=[path for path in path.rglob("*") if path.is_file()]) == []


PEOPLE: tuple[FlowKind, ...] = ("pasted", "device-code")


def told(watched: Watched, practice: practice_cloud.Cloud, tenant: Tenant, app: MailApp, flow: Flow) -> Token | NoToken:
    """Ask for a token, and note what is shown of it."""
    person = Person(practice, watched)
    got = MailTokens(tenant, attended=True, show=person.show, ask=person.ask, patience_s=15)
    token = got.token(app, flow, PROTOCOLS, account=ADA)
    watched.show(repr((token, got, flow, app)))
    return token


@pytest.mark.parametrize("name", ["key.pfx", "large", "two lines"])
def test_no_error_about_a_secret_holds_it(name: str, watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / name
    content = {"key.pfx": SECRET.encode() + b"\xff\xfe\x80", "large": SECRET.encode() * 20_000, "two lines": b" "}
    path.write_bytes(content[name])
    with running(woodgrove()) as practice:
        watched = watch(practice, secret=SECRET)
        mailing.app_only(practice, woodgrove())
        with pytest.raises(MailauthError) as caught:
            secrets.read(SecretRef("file", str(path)))
        watched.fail(caught.value)
    assert watched.leaks() == []


# --- what is handed to others ---------------------------------------------------------------------

PASSWORD = "cAn~8ry-0f.a-password_Rt5Yw8"
USER_CODE = "C4N4RYQZ7"


def flows(folder: Path) -> list[dict[str, str]]:
    """Return flows of every kind, with what is right and with what is wrong, their secrets in files of *folder*."""
    credentials.kept(folder / "keys", ["adatum"])
    kept = {"wrong": SECRET[::-1], "token": TOKEN, "assertion": TOKEN[::-1]}
    for name, text in kept.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    key = f"file:{folder / 'keys' / 'adatum-mail.pem'}"
    at = {name: f"file:{folder / name}" for name in kept}
    return [
        {"kind": "secret", "secret": at["wrong"]},
        {"kind": "certificate", "certificate": key},
        {"kind": "certificate", "certificate": at["wrong"]},
        {"kind": "token", "token": at["token"]},
        {"kind": "token", "token": key},
        {"kind": "federated", "assertion": at["assertion"]},
    ]


def besides(folder: Path) -> list[Path]:
    """Return the files that hold secrets because the tenants file names them."""
    named = [folder / name for name in ("wrong", "token", "assertion", "daemon.secret", "reader.secret")]
    return [*named, *(folder / "keys").iterdir()]


@pytest.mark.parametrize("broken", [None, "imap", "grant"])
def test_no_bundle_holds_what_a_flow_was_given_whatever_was_refused(
    broken: str | None, watch: Watch, tmp_path: Path
) -> None:
    breaks = {"imap": having("ada_box", imap_enabled=False), "grant": ungranted}
    given = flows(tmp_path)
    own = {"kind": "secret", "secret": f"file:{tmp_path / 'daemon.secret'}"}
    with provable(
        tmp_path,
        broken=breaks.get(broken or "", lambda made: None),
        mailboxes=({"address": ADA},),
        flows=lambda *_: [own, *given],
    ) as lab:
        watched = watch(lab.practice, secret=SECRET, wrong=SECRET[::-1], brought=TOKEN, assertion=TOKEN[::-1])
        kinds = ",".join(dict.fromkeys(each["kind"] for each in (own, *given)))
        proof = lab.prove(flow=kinds)
        outcomes = {each.attempt.outcome for each in proof.tried}
        lab.run.proofs.keep(proof)
        watched.show(lab.run.bundles.of_proof(proof, folders=True))
        watched.show(repr(proof))
        ran = CliRunner().invoke(cli.commands, ["bundle", "--config", str(lab.config), "--tenant", "woodgrove",
                                               "--out", str(tmp_path / "out")])  # fmt: skip
        watched.show(ran.output + ran.stderr)
    assert outcomes >= ({"no_token", "ok"} if broken is None else {"no_token", "refused"})
    assert (tmp_path / "out" / "woodgrove" / "support" / "50-prove-mail-oauth.zip").stat().st_size > 1_000
    assert watched.leaks(tmp_path, besides=besides(tmp_path)) == []


def test_no_bundle_holds_what_a_person_s_sign_in_brought(watch: Watch, tmp_path: Path) -> None:
    with provable(
        tmp_path, broken=having("ada_box", pop_enabled=False), client=True, flows=lambda *_: [{"kind": "interactive"}]
    ) as lab:
        watched = watch(lab.practice, word=SIGN_IN_WORD)
        with windows.opening(windows.person(lab.practice, ADA)):
            proof = lab.prove(flow="interactive", signs_in=ADA)
        watched.show(lab.run.bundles.of_proof(proof, folders=True))
        watched.show(repr(proof))
    assert {each.attempt.outcome for each in proof.tried} == {"ok", "refused"}
    named = [tmp_path / name for name in ("daemon.secret", "reader.secret")]
    assert watched.leaks(tmp_path, besides=named) == []


@pytest.mark.parametrize("how", ["as it came", "decoded", "in pieces"])
def test_no_bundle_holds_a_token_that_a_server_says_again(how: str, watch: Watch, tmp_path: Path) -> None:
    context, ca_file = issued(tmp_path, "localhost")
    (tmp_path / "token").write_text(TOKEN)
    brought = {"kind": "token", "token": f"file:{tmp_path / 'token'}"}

    def hosts(practice: practice_cloud.Cloud) -> dict[str, str]:
        both = tmp_path / "both.pem"
        both.write_text(Path(practice.entry()["ca_file"]).read_text() + ca_file.read_text())
        return {"imap": server.address, "ca_file": str(both)}

    with (
        serving(partial(repeat, protocol="imap", how=how, context=context), context=context) as server,
        provable(tmp_path, mailboxes=({"address": ADA},), flows=lambda *_: [brought], hosts=hosts) as lab,
    ):
        watched = watch(lab.practice, token=TOKEN)
        proof = lab.prove(protocols="imap")
        watched.show(lab.run.bundles.of_proof(proof, folders=True))
        watched.show(repr(proof))
    [tried] = proof.tried
    assert tried.attempt.talk
    assert (tried.attempt.talk.outcome, tried.attempt.talk.stage) == ("refused", "authenticate")
    named = [tmp_path / name for name in ("token", "daemon.secret", "reader.secret")]
    assert watched.leaks(tmp_path, besides=[*named, *tmp_path.glob("*.pem")]) == []


def logs(token: str) -> dict[str, str]:
    """Return what somebody may paste with *token* or another secret in it, by the form that it has there."""
    sasl = b64encode(f"user={ADA}\x01auth=Bearer {token}\x01\x01".encode()).decode()
    plain = b64encode(f"\0{ADA}\0{PASSWORD}".encode()).decode()
    word = b64encode(PASSWORD.encode()).decode()
    wrapped = "\n".join(sasl[at : at + 76] for at in range(0, len(sasl), 76))
    login = f"a1 LOGIN {{{len(ADA)}}}\n+ go on\n{ADA} {{{len(PASSWORD)}}}\n+ go on\n{PASSWORD}\na1 NO LOGIN failed."
    return {
        "IMAP in one line": f"a1 AUTHENTICATE XOAUTH2 {sasl}\na1 NO AUTHENTICATE failed.",
        "IMAP in two": f"  02:11 > b'A1 AUTHENTICATE XOAUTH2'\n  02:12 < b'+ '\n  02:12 > b'{sasl}\\r\\n'",
        "wrapped": f"a1 AUTHENTICATE XOAUTH2 {wrapped}\na1 BAD Command Argument Error. 12",
        "POP": f"AUTH XOAUTH2\n+ \n{sasl}\n-ERR Authentication failure: unknown user name or bad password.",
        "SMTP": f"C: AUTH XOAUTH2 {sasl}\nS: 535 5.7.3 Authentication unsuccessful [X]",
        "PHPMailer": f"CLIENT -> SERVER: AUTH XOAUTH2 {sasl}\nSERVER -> CLIENT: 535 5.7.3 Authentication unsuccessful",
        "JSON lines": json.dumps({"src": "c", "msg": f"2 AUTHENTICATE XOAUTH2 {sasl}"}),
        "in clear": f"user={ADA}^Aauth=Bearer {token}^A^A",
        "a header": f"Authorization: Bearer {token}\nAADSTS65001",
        "an answer": json.dumps({"access_token": token, "refresh_token": f"1.{token}", "id_token": token}),
        "a form": f"grant_type=client_credentials&client_secret={SECRET}&client_assertion={token}",
        "a device's code": json.dumps({"user_code": USER_CODE, "device_code": token, "error": "authorization_pending"}),
        "a device's code in words": f"Open https://microsoft.com/devicelogin and enter the code {USER_CODE}.",
        "a password in two literals": login,
        "a password": f'a1 LOGIN "{ADA}" "{PASSWORD}"\na1 NO LOGIN failed.',
        "a password for SMTP": f" ~> AUTH LOGIN\n<~  334 VXNlcm5hbWU6\n ~> {b64encode(ADA.encode()).decode()}\n"
        f"<~  334 UGFzc3dvcmQ6\n ~> {word}\n<~* 535 5.7.139 Authentication unsuccessful",
        "a password, plain": f"AUTH PLAIN {plain}\n535 5.7.139 Authentication unsuccessful",
        "a command line": f"curl -u {ADA}:{PASSWORD} imaps://outlook.office365.com --oauth2-bearer {token}",
        "the seed script": f"Get-IMAPAccessToken.ps1 -clientsecret '{SECRET}'\nA01 NO AUTHENTICATE failed.",
    }  # fmt: skip


def test_nothing_that_is_diagnosed_is_kept_or_shown_with_a_secret(watch: Watch, tmp_path: Path) -> None:
    with provable(tmp_path, broken=ungranted) as lab:
        watched = watch(lab.practice, opaque=TOKEN, secret=SECRET, password=PASSWORD)
        signed = mailing.delegated(lab.practice, lab.made)
        where = ["diagnose", "--config", str(lab.config), "--tenant", "woodgrove", "--out", str(tmp_path / "out")]
        for name, text in {**logs(signed), **{f"{name}, opaque": text for name, text in logs(TOKEN).items()}}.items():
            read = partial(lab.run.diagnoses.diagnose, text, mailbox=ADA)
            found = read(look=name == "SMTP")
            lab.run.diagnoses.keep(found)
            watched.show(lab.run.bundles.of_diagnosis(found))
            watched.show(f"{found!r} {''.join(map(str, diagnosing.result(found).views))}")
            assert USER_CODE not in watched.texts[f"shown {len(watched.texts) - 1}"]
        for more in ([], ["--json"]):
            ran = CliRunner().invoke(cli.commands, [*where, *more], input="\n".join(logs(signed).values()))
            watched.show(ran.output + ran.stderr)
            assert ran.exit_code == 0, ran.output
    named = [tmp_path / name for name in ("daemon.secret", "reader.secret")]
    assert watched.leaks(tmp_path, besides=named) == []


# --- that anything would be found -----------------------------------------------------------------


def test_what_is_planted_in_each_place_is_found(road: Road) -> None:
    (road.folder / "own.secret").write_text(SECRET)
    (road.folder / "own.pem").write_text((road.folder / "keys" / "adatum-mail.pem").read_text())
    road.command("consent")
    assert road.leaks() == []
    logging.getLogger("msal.application").debug("The assertion was %s", road.watched.keys.given[-1])
    road.watched.show(f"<td>{SECRET}</td>")
    road.watched.fail(_raised(SECRET))
    (road.folder / "home" / "cache").write_text(json.dumps({"refresh": road.watched.keys.given[0]}))
    assert {Path(leak.where).name.split()[0] for leak in road.leaks()} == {"log", "shown", "error", "cache"}


def _raised(secret: str) -> ValueError:
    try:
        raise ValueError(f"{secret!r} is wrong")
    except ValueError as error:
        return error
