#!/usr/bin/env python3
"""The front door: makes .venv, installs what is pinned, hands over to the command.

Standard library only, and no syntax newer than Python 3.6, so that a Python which is
too old reads far enough to say so.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.sha256"
LOG = VENV / "install.log"
PATIENCE_S = 10

HELP = """\
Mail OAuth Runbook: who in a Microsoft 365 tenant still signs in to mail with a password,
and what to do about each of them.

  python3 run.py report              a page for each of four practice tenants: no account, no network needed
  python3 run.py report --config tenants.yaml
                                     the same for your own tenants (start from tenants.example.yaml)
  python3 run.py lab                 step through the notebooks in JupyterLab
  python3 run.py practice            the practice cloud alone: Entra, Graph, Exchange, IMAP, POP, SMTP on this machine
  python3 run.py test                everything that CI checks, as far as this machine can
  python3 run.py bench               speed and memory, measured here
  python3 run.py mailauth ...        the command line tool itself; try: python3 run.py mailauth --help

The first start makes .venv beside this file and installs the pinned packages (about 600 MB, a minute or
two); later starts do not. On Windows type "py run.py" in place of "python3 run.py".
Exit status: 0 ran whole, 1 a finding asked for with --fail-on or a tenant that could not be assessed,
2 wrong usage or this machine lacks something, 130 interrupted.
"""

# Which lock file a command needs, and what it runs once that is installed.
COMMANDS = {
    "report": ("requirements.txt", ["-m", "mailauth", "report"]),
    "lab": ("requirements.txt", ["-m", "mailauth", "lab"]),
    "practice": ("requirements.txt", ["-m", "practice"]),
    "mailauth": ("requirements.txt", ["-m", "mailauth"]),
    "test": ("requirements-dev.txt", []),
    "bench": ("requirements-dev.txt", ["-m", "mailauth.bench"]),
}

# What "test" runs; all of it runs even when a step fails, so that one look shows everything. The tests come last and
# have the machine to themselves, the others run at the same time.
CHECKS = (
    ("lint", ["-m", "ruff", "check", "."]),
    ("format", ["-m", "ruff", "format", "--check", "."]),
    ("types", ["-m", "mypy"]),
    ("types on Windows", ["-m", "mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32"]),
    ("types on macOS", ["-m", "mypy", "--platform", "darwin", "--cache-dir", ".mypy_cache/darwin"]),
    ("import contracts", ["-c", "from importlinter.cli import lint_imports_command as run; run()"]),
    ("tests", ["-m", "pytest"]),
)


class Stop(Exception):
    """Something about this machine has to change first; the text says what."""


def main(argv: "list[str]") -> int:
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        print(
            "This needs Python 3.11 or newer; this is Python " + found + " (" + sys.executable + ").", file=sys.stderr
        )
        print(
            "Install a newer one from python.org or your system's packages and start run.py with it.", file=sys.stderr
        )
        return 2
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP)
        return 0
    command, arguments = argv[0], argv[1:]
    if command not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = " Did you mean " + repr(near[0]) + "?" if near else ""
        print("run.py: there is no command " + repr(command) + "." + hint, file=sys.stderr)
        print("Commands: " + ", ".join(COMMANDS) + ". More: python3 run.py --help", file=sys.stderr)
        return 2
    lock, module = COMMANDS[command]
    try:
        prepare(lock)
        if command == "test":
            return check(arguments)
        return hand_over([str(python()), *module, *arguments])
    except Stop as stop:
        print("run.py: " + str(stop), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nrun.py: interrupted; the next start goes on from here.", file=sys.stderr)
        return 130


def check(arguments: "list[str]") -> int:
    """Run every check, or only pytest where arguments name what to run."""
    failed = [] if arguments else looked_at_together(CHECKS[:-1])
    name, command = CHECKS[-1]
    print("== " + name, flush=True)
    if subprocess.call([str(python()), *command, *arguments], cwd=str(ROOT)):
        failed.append(name)
    print("failed: " + ", ".join(failed) if failed else "all checks passed", flush=True)
    return 1 if failed else 0


def looked_at_together(steps: "Sequence[tuple[str, list[str]]]") -> "list[str]":
    """Run *steps* at the same time, print what each says in their order, and return the names of those that failed."""
    started = [
        subprocess.Popen(
            [str(python()), *command], cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _, command in steps
    ]
    failed = []
    for (name, _), process in zip(steps, started, strict=True):
        said, _ = process.communicate()
        print("== " + name + "\n" + said, end="", flush=True)
        if process.returncode:
            failed.append(name)
    return failed


def python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(lock: str) -> None:
    """Bring .venv to the state of the lock file; nothing to do is the usual case."""
    wanted = {name: fingerprint(name) for name in ("requirements.txt", "requirements-dev.txt")}
    if is_ready(lock, wanted):
        return
    try:
        with one_at_a_time():
            if not is_ready(lock, wanted):
                install(lock, wanted[lock])
    except OSError as error:
        raise Stop(explain(str(error)) or "cannot write here: " + str(error)) from None


def is_ready(lock: str, wanted: "dict[str, str]") -> bool:
    try:
        have = STAMP.read_text(encoding="ascii").strip()
    except OSError:
        return False
    # The development lock holds everything of the other one, at the same versions.
    enough = [wanted[lock], wanted["requirements-dev.txt"]]
    return have in enough and python().exists()


def fingerprint(lock: str, root: Path = ROOT) -> str:
    digest = hashlib.sha256((sys.version + str(root)).encode())
    for name in ("requirements.txt", lock, "pyproject.toml"):
        try:
            digest.update((root / name).read_bytes())
        except OSError as error:
            raise Stop("cannot read " + name + " beside run.py (" + str(error) + "); is the clone whole?") from None
    return digest.hexdigest()


def install(lock: str, stamp: str) -> None:
    # Debian and Ubuntu ship Python without these two.
    if not (importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv")):
        version = "%d.%d" % sys.version_info[:2]
        raise Stop("this Python has no venv module. On Debian or Ubuntu: sudo apt install python" + version + "-venv")
    began = time.monotonic()
    print("Preparing .venv from " + lock + ": a minute or two.", file=sys.stderr)
    with contextlib.suppress(OSError):
        STAMP.unlink()
    if not python().exists() or not works():
        shutil.rmtree(str(VENV), ignore_errors=True)
        step([sys.executable, "-m", "venv", str(VENV)], "making .venv")
    pip = [str(python()), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    # Python compiles what is imported, when it is imported; compiling ten thousand modules here takes half a minute.
    add = [*pip, "install", *([] if sys.dont_write_bytecode else ["--no-compile"])]
    step([*add, "--require-hashes", "-r", str(ROOT / lock)], "installing the pinned packages")
    # In a second step, because pip refuses an editable install beside hashes.
    step([*add, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], "installing the runbook itself")
    STAMP.write_text(stamp + "\n", encoding="ascii")
    print("Ready after %.0f s." % (time.monotonic() - began), file=sys.stderr)


def works() -> bool:
    """Whether the interpreter in .venv still starts: it breaks when the Python it was made from goes."""
    probe = [str(python()), "-c", "import sys, pip; print(sys.version)"]
    try:
        done = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.decode(errors="replace").strip() == sys.version.strip()


def step(command: "list[str]", what: str) -> None:
    """Run one step with its output in the log, one changing line on a terminal."""
    lines = []
    live = sys.stderr.isatty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=str(ROOT)) as process:
        assert process.stdout is not None
        with ended_with(process):
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip()
                lines.append(line)
                package = re.match(r"(?:Collecting|Installing collected packages|Downloading) ?([A-Za-z0-9._-]*)", line)
                if live and package:
                    print("\r\033[K  " + what + ": " + package.group(1)[:50], end="", file=sys.stderr, flush=True)
    if live:
        print("\r\033[K", end="", file=sys.stderr)
    with contextlib.suppress(OSError), LOG.open("a", encoding="utf-8") as log:
        log.write("\n".join(lines) + "\n")
    if process.returncode:
        reason = explain("\n".join(lines)) or "the last lines were:\n  " + "\n  ".join(lines[-5:])
        where = "\nThe whole log: " + str(LOG) if LOG.exists() else ""
        raise Stop(what + " failed: " + reason + where)


@contextlib.contextmanager
def ended_with(process: "subprocess.Popen[bytes]") -> "Iterator[None]":
    """See *process* end before Ctrl-C ends the block: a pip that goes on alone would write beside the next start's."""
    try:
        yield
    except KeyboardInterrupt:
        print("\nrun.py: stopping ...", file=sys.stderr, flush=True)
        try:
            # The terminal has told it, too, and it tidies up.
            process.communicate(timeout=PATIENCE_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.terminate()
            process.communicate()
        raise


# What pip and venv say, and what it means to somebody who has never seen it.
CAUSES = (
    (r"No space left on device|Errno 28|Errno 122|not enough space", "the disk is full; about 1 GB is needed here"),
    (
        r"Temporary failure in name resolution|Name or service not known|getaddrinfo failed|nodename nor servname"
        r"|NewConnectionError|Network is unreachable|Connection refused|ConnectTimeout|Read timed out"
        r"|Max retries exceeded|No route to host|Connection broken",
        "the package index was not reached. Is the network up? Behind a proxy, set HTTPS_PROXY (or pip's own"
        " configuration) and start again",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "the package index's certificate is not trusted here; behind a company"
        " proxy, point PIP_CERT to the company's CA file",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "a package differs from the one that was pinned; a proxy or mirror may have changed"
        " it. Nothing of it was installed",
    ),
    (
        r"ensurepip is not available|No module named ensurepip",
        "this Python has no venv module; on Debian or Ubuntu: sudo apt install python3-venv",
    ),
    (
        r"Permission denied|Errno 13|Access is denied|Read-only file system",
        "this folder cannot be written; clone to a folder of your own",
    ),
    (
        r"Could not find a version|No matching distribution",
        "the package index has no build of a pinned package for this Python and platform, or it was not reached",
    ),
)


def explain(text: str) -> str:
    for pattern, meaning in CAUSES:
        if re.search(pattern, text):
            return meaning + "."
    return ""


@contextlib.contextmanager
def one_at_a_time() -> "Iterator[None]":
    """Hold the lock that keeps two first starts from building .venv at once."""
    with open(str(ROOT / ".venv.lock"), "a+b") as lock:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:
                    time.sleep(1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def hand_over(command: "list[str]") -> int:
    environment = dict(os.environ, MAILAUTH_ROOT=str(ROOT))
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment)
    # Windows has no exec that keeps the console, so this process waits. Ctrl-C reaches both.
    with subprocess.Popen(command, env=environment) as process:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
