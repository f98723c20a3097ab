"""The search for leaks, tried on planted ones: found under each encoding and under two, and nothing else."""

import base64
import gzip
import html
import io
import json
import quopri
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests import leaks
from tests.leaks import DECODERS, LENGTH, Leak

CANARY = 'k7~Qx/+w=3"&<Zp%9\\vB_d-Rt5.Hm8'
PIECE = CANARY[3 : 3 + LENGTH]

Hide = Callable[[bytes], bytes]


def zipped(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("other.txt", "nothing here")
        members.writestr("page.html", content)
    return archive.getvalue()


def broken(content: bytes) -> bytes:
    return base64.encodebytes(b"a line and a half of a letter that begins before " + content)


def padded(encoded: bytes) -> bytes:
    return b"x: " + encoded + b" and so on"


HIDDEN: dict[str, tuple[Hide, tuple[str, ...]]] = {
    "raw": (padded, ()),
    "base64": (base64.b64encode, ("base64",)),
    "base64 for addresses": (base64.urlsafe_b64encode, ("base64",)),
    "base64 two characters in": (lambda content: b"AB" + base64.b64encode(content), ("base64",)),
    "base64 of a run begun before": (lambda content: base64.b64encode(b"\xff" + content), ("base64",)),
    "hex": (lambda content: content.hex().encode(), ("hex",)),
    "hex in capitals, one digit in": (lambda content: b"A" + content.hex().upper().encode(), ("hex",)),
    "hex dump": (lambda content: content.hex(" ").encode(), ("hex",)),
    "url": (lambda content: quote(content, safe="").encode(), ("url",)),
    "every character for a url": (lambda content: "".join(f"%{byte:02x}" for byte in content).encode(), ("url",)),
    "quoted-printable": (lambda content: quopri.encodestring(content, quotetabs=True), ("quoted-printable",)),
    "quoted-printable, broken": (lambda content: content[:6] + b"=\r\n" + content[6:], ("quoted-printable",)),
    "json": (lambda content: "".join(f"\\u{byte:04x}" for byte in content).encode(), ("json",)),
    "python": (lambda content: "".join(f"\\x{byte:02x}" for byte in content).encode(), ("json",)),
    "html": (lambda content: "".join(f"&#{byte};" for byte in content).encode(), ("html",)),
    "html in hex": (lambda content: "".join(f"&#x{byte:X};" for byte in content).encode(), ("html",)),
    "html by names": (lambda content: html.escape(content.decode()).encode(), ("html",)),
    "utf-16": (lambda content: content.decode().encode("utf-16"), ("utf-16",)),
    "utf-16, the other way round": (lambda content: content.decode().encode("utf-16-be"), ("utf-16",)),
    "gzip": (gzip.compress, ("gzip",)),
    "zlib": (zlib.compress, ("zlib",)),
    "zip": (zipped, ("zip",)),
}


def found(content: bytes, folder: Path, **options: Any) -> list[tuple[str, ...]]:
    """Return under which layers the canary is found in a file that holds *content*."""
    path = folder / "left"
    path.write_bytes(content)
    return [leak.how for leak in leaks.search({"the secret": CANARY}, folders=[folder], **options)]


@pytest.mark.parametrize("text", [CANARY, PIECE], ids=["whole", "twelve characters"])
@pytest.mark.parametrize(("hide", "how"), HIDDEN.values(), ids=HIDDEN)
def test_a_planted_leak_is_found_under_each_layer(hide: Hide, how: tuple[str, ...], text: str, tmp_path: Path) -> None:
    assert how in found(padded(hide(text.encode())), tmp_path)


@pytest.mark.parametrize(("hide", "how"), HIDDEN.values(), ids=HIDDEN)
def test_eleven_characters_are_none(hide: Hide, how: tuple[str, ...], tmp_path: Path) -> None:
    assert found(padded(hide(PIECE[:-1].encode())), tmp_path) == []


@pytest.mark.parametrize("outer", HIDDEN)
def test_a_leak_under_two_layers_is_found(outer: str, tmp_path: Path) -> None:
    hide_again, _ = HIDDEN[outer]
    for inner, (hide, how) in HIDDEN.items():
        inside = padded(hide(CANARY.encode()))
        if outer in TEXT and (b"\0" in inside or not inside.isascii()):
            inside = base64.b64encode(inside)
        assert any(set(how) <= set(layers) for layers in found(padded(hide_again(inside)), tmp_path)), inner


TEXT = {"json", "html", "html in hex", "html by names", "utf-16", "utf-16, the other way round"}
"""What is text and holds no bytes."""


@pytest.mark.parametrize("broken_at", range(3))
def test_base64_in_the_lines_of_a_letter_is_joined(broken_at: int, tmp_path: Path) -> None:
    text = base64.encodebytes(b"x" * (57 - 6 - broken_at) + PIECE.encode() + b"y" * 40)
    assert found(b"From: a\n\n" + text, tmp_path) == [("lines", "base64")]
    assert found(b"From: a\r\n\r\n" + text.replace(b"\n", b"\r\n"), tmp_path) == [("lines", "base64")]


SWITCHED = {how[0]: hide for hide, how in HIDDEN.values() if how} | {"lines": broken}


@pytest.mark.parametrize("name", DECODERS)
def test_no_decoder_can_be_switched_off_unnoticed(name: str, tmp_path: Path) -> None:
    content = SWITCHED[name](PIECE.encode())
    others = {other: decode for other, decode in DECODERS.items() if other != name}
    assert found(content, tmp_path) != []
    assert found(content, tmp_path, decoders=others) == []


def test_layers_are_taken_off_four_deep_and_no_deeper(tmp_path: Path) -> None:
    content = CANARY.encode()
    for layer in range(1, leaks.DEPTH + 1):
        content = base64.b64encode(content)
        assert ("base64",) * layer in found(content, tmp_path)
    assert found(base64.b64encode(content), tmp_path) == []


def test_what_two_layers_made_in_either_order_is_found(tmp_path: Path) -> None:
    inner = json.dumps({"page": html.escape(quote(CANARY, safe='/"'))})
    for outer in (base64.b64encode, gzip.compress, zipped):
        assert found(outer(inner.encode()), tmp_path) != []


@pytest.mark.parametrize("cut", [12, 40, 200])
def test_a_stream_that_was_cut_is_read_as_far_as_it_goes(cut: int, tmp_path: Path) -> None:
    before, after = (random.Random(seed).randbytes(600).hex() for seed in (1, 2))
    assert found(gzip.compress(f"{before}{CANARY}{after}".encode())[:-cut], tmp_path) == [("gzip",)]


def test_random_bytes_and_text_hold_none(tmp_path: Path) -> None:
    chance = random.Random(20261127)
    canaries = {str(at): base64.b64encode(chance.randbytes(1_200)).decode() for at in range(40)}
    (tmp_path / "bytes").write_bytes(chance.randbytes(3_000_000))
    (tmp_path / "base64").write_bytes(base64.b64encode(chance.randbytes(1_000_000)))
    (tmp_path / "text").write_text(" ".join(f"{chance.random()} &amp; %20 \\n =3D" for _ in range(20_000)))
    assert leaks.search(canaries, folders=[tmp_path]) == []


@pytest.mark.parametrize("at", range(11))
def test_a_piece_is_found_wherever_it_begins(at: int, tmp_path: Path) -> None:
    for start in range(len(CANARY) - LENGTH + 1):
        assert found(b"." * at + CANARY[start : start + LENGTH].encode(), tmp_path) == [()]


def test_it_says_where_and_never_what(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / f"{PIECE.replace('/', '_')}.txt").write_text("nothing")
    (tmp_path / "kept").write_text(CANARY)
    (tmp_path / "two").write_text(CANARY)
    (tmp_path / "same").write_text(CANARY)
    shown = leaks.search(
        {"key": CANARY, "name": PIECE.replace("/", "_")},
        folders=[tmp_path],
        texts={"stdout": "".join(f"%{byte:02x}" for byte in CANARY.encode())},
        besides=[tmp_path / "kept"],
    )
    assert shown == [
        Leak("key", str(tmp_path / "same")),
        Leak("key", str(tmp_path / "two")),
        Leak("key", "stdout", ("url",)),
        Leak("name", f"the name of {tmp_path / 'one'}"),
    ]
    assert PIECE not in repr([leak for leak in shown if leak.canary == "key"])


def test_what_cannot_be_searched_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="11 characters; 12 are needed"):
        leaks.search({"short": PIECE[:-1]}, folders=[tmp_path])
    with pytest.raises(ValueError, match="is not there"):
        leaks.search({"key": CANARY}, folders=[tmp_path / "missing"])
