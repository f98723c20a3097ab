"""A packaged Dovecot on loopback that takes the practice cloud's tokens: IMAP, POP and submission."""

import contextlib
import getpass
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from joserfc.jwk import RSAKey

from practice import cloud

__all__ = ["FACES", "Server", "dovecot"]

DOVECOT = Path(shutil.which("dovecot") or "/usr/sbin/dovecot")  # Debian keeps it off a person's PATH
PROGRAMS = [DOVECOT, *(Path("/usr/lib/dovecot") / name for name in ("imap", "pop3", "submission"))]
FACES = ("imap", "pop", "smtp")


@dataclass(frozen=True)
class Server:
    """A set of mail servers: ``host:port`` of each, and the certificate to trust."""

    imap: str
    pop: str
    smtp: str
    ca_file: Path


@contextlib.contextmanager
def dovecot(practice: cloud.Cloud) -> Iterator[Server]:
    """Give a Dovecot, as root or as whoever runs the tests; without one the test is skipped, or fails in CI."""
    if not all(one.exists() for one in PROGRAMS):
        if os.environ.get("CI") and sys.platform == "linux":
            pytest.fail("dovecot is missing, and CI is set")
        pytest.skip("dovecot is not on this machine; .ci/run installs it")
    # Not pytest's own folder: the unprivileged parts of Dovecot could not reach into it.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as folder, _running(Path(folder), practice) as server:
        yield server


@contextlib.contextmanager
def _running(folder: Path, practice: cloud.Cloud) -> Iterator[Server]:
    """Give a Dovecot in *folder*, on free ports of loopback."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    leaf = authority.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    for part in leaf.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    keys = folder / "keys" / "default" / "RS256"
    keys.mkdir(parents=True)
    (public,) = practice.backend.keys.jwks()["keys"]
    (keys / public["kid"]).write_bytes(RSAKey.import_key(public).as_pem(private=False))
    with _relay() as relay:
        ports = [_free_port() for _ in FACES]
        _write(folder, ports, relay)
        process = subprocess.Popen(
            [str(DOVECOT), "-F", "-c", str(folder / "dovecot.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            for port in ports:
                _await(process, port, folder)
            imap, pop, smtp = (f"localhost:{port}" for port in ports)
            yield Server(imap, pop, smtp, folder / "ca.pem")
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _write(folder: Path, ports: list[int], relay: int) -> None:
    """Write Dovecot's configuration."""
    root = getpass.getuser() == "root"
    inner, login = ("dovecot", "dovenull") if root else (getpass.getuser(), getpass.getuser())
    group = "dovecot" if root else subprocess.check_output(["id", "-gn"], text=True).strip()
    for name in ("run", "state", "mail"):
        (folder / name).mkdir()
    if root:
        folder.chmod(0o755)
        shutil.chown(folder / "mail", inner, group)
        shutil.chown(folder / "state", inner, group)
    (folder / "oauth2.conf").write_text(
        f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={folder}/keys/\n"
        "username_attribute = upn\n",
        encoding="utf-8",
    )
    imap, pop, smtp = ports
    (folder / "dovecot.conf").write_text(
        f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap pop3 submission
default_internal_user = {inner}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 1
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/mail/%u
auth_mechanisms = xoauth2
auth_failure_delay = 0
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
hostname = localhost
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={inner} gid={group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imap}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop}
    ssl = yes
  }}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {smtp}
  }}
  inet_listener submissions {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
""",
        encoding="utf-8",
    )


class _Sink(socketserver.StreamRequestHandler):
    """A relay that takes everything and keeps nothing: Dovecot's submission hands on to one."""

    def handle(self) -> None:
        self.wfile.write(b"220 relay\r\n")
        for line in self.rfile:
            command = line[:4].upper()
            self.wfile.write({b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}.get(command, b"250 ok\r\n"))
            if command == b"QUIT":
                return


@contextlib.contextmanager
def _relay() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Sink) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _await(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    log = folder / "log"
    pytest.fail("dovecot did not start: " + (log.read_text(encoding="utf-8") if log.exists() else "it wrote no log"))
