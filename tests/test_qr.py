"""views.qr: a link as a picture that travels in the page."""

import re
from xml.etree import ElementTree

import pytest

from mailauth.views.qr import QrCode

URL = "https://login.microsoftonline.com/woodgrove.example/adminconsent?client_id=22222222-2222-2222-2222-222222222222"


def drawn(view: QrCode) -> str:
    found = re.search(r"<svg.*</svg>", view.html(), re.DOTALL)
    assert found
    return found[0]


def test_the_picture_is_in_the_page_says_what_it_is_and_is_black_on_white() -> None:
    shown = QrCode("relay: the link", URL).html()
    assert 'role="img" aria-label="relay: the link, as a QR code of its address"' in shown
    assert not re.search(r"(src|href|url\()", shown)
    assert re.findall(r'(?:fill|stroke)="(#\w+)"', drawn(QrCode("x", URL))) == ["#fff", "#000"]


def test_the_picture_is_made_of_shapes_alone_and_another_link_is_another_picture() -> None:
    one, other = (drawn(QrCode("x", url)) for url in (URL, f"{URL}&state=a"))
    assert {element.tag for element in ElementTree.fromstring(one).iter()} == {"svg", "path"}
    assert one != other


def test_a_title_from_outside_is_text() -> None:
    assert "<script>" not in QrCode('"><script>alert(1)</script>', URL).html()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://evil.example/", "https://a.example/<svg>"])
def test_nothing_but_a_link_of_ours_becomes_one(url: str) -> None:
    with pytest.raises(ValueError, match="neither https nor a plain relative path"):
        QrCode("x", url)


def test_a_terminal_gets_the_address() -> None:
    assert str(QrCode("relay", URL)) == f"relay: {URL}"
