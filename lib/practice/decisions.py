"""What the people of the practice tenants have decided, as the files that they would have written by hand."""

from datetime import date, timedelta

from .contoso import CONTOSO, MOVED
from .fabrikam import FABRIKAM

__all__ = ["contoso", "fabrikam", "nothing"]


def contoso(today: date) -> str:
    """Return Contoso's file: what was done about each sender."""
    done = (today - timedelta(days=MOVED)).isoformat()
    cambridge, norwich = (CONTOSO.sites[key].network.address for key in ("cambridge", "norwich"))
    return f"""\
# What the people of Contoso decided, and did. Invented, like everything here.
networks:
  {cambridge}: Cambridge office
  {norwich}: Norwich office
senders:
  - user: {CONTOSO.address("scanner")}
    protocol: smtp
    what: the two copiers of the Cambridge office, scan to mail
    action: oauth
    answers: {{outside: true, oauth: true}}
    owner: Edith Moss
    note: through the mail relay with OAuth since {done}; the password was changed that day
  - user: {CONTOSO.address("copier.norwich")}
    protocol: smtp
    what: the copier in Norwich
    action: oauth
    answers: {{outside: true}}
    vendor: Norwich copier
    owner: Ida Wolff
    note: OAuth since {done}
  - user: {CONTOSO.address("display")}
    what: the display at the meeting room; policy has stopped it since {done}
    action: retire
    owner: Finn Hall
    note: shows the calendar of a room that is no more; goes with the lease
vendors:
  Norwich copier: {{oauth: true, answered: {(today - timedelta(days=70)).isoformat()}, note: with firmware 7.4}}
"""


def fabrikam(today: date) -> str:
    """Return Fabrikam's file: half decided."""

    def day(ahead: int) -> str:
        return (today + timedelta(days=ahead)).isoformat()

    leeds, bristol, ledger = (FABRIKAM.sites[key].network.address for key in ("leeds", "bristol", "ledger"))
    return f"""\
# What the people of Fabrikam have decided so far. Invented, like everything here.
networks:
  {leeds}: Leeds office
  {bristol}: Bristol warehouse
  {ledger}: {{name: Ledgerline, kind: hosted, note: hosts the ERP and sends our invoices from there}}
senders:
  - user: {FABRIKAM.address("scanner")}
    protocol: smtp
    network: Leeds office
    what: the three copiers of the Leeds office, scan to mail
    answers: {{outside: true, oauth: false, fixed_address: true}}
    owner: Mei Tan
    due: {day(18)}
    note: the dealer comes on that day anyway
  - user: {FABRIKAM.address("erp")}
    protocol: smtp
    network: Ledgerline
    what: invoices to customers
    answers: {{outside: true}}
    vendor: Ledgerline ERP
    owner: Hugo Penn
    due: {day(11)}
  - user: {FABRIKAM.address("doorcam")}
    what: door camera of the warehouse
    answers: {{outside: false, oauth: false}}
    owner: Sam Otieno
    exception_until: {day(30)}
  - user: {FABRIKAM.address("fax")}
    protocol: smtp
    what: the fax server, if it is still there
    owner: Ruth Adeyemi
    due: {day(-20)}
vendors:
  Ledgerline ERP: {{oauth: true, answered: {day(-12)}, note: from version 9.2 on; ours is 9.1}}
"""


def nothing(title: str) -> str:
    """Return the file of a tenant whose people have decided nothing yet."""
    return f"""\
# What the people of {title} decide goes here; decisions.example.yaml explains the fields. Invented, like all of it.
networks: {{}}
senders: []
"""
