"""The verdict on a group of sign-ins, and its evidence in a sentence.

`judge` is the order of tests that field practice arrived at, with two readings where it left room. A sign-in that is
no Basic one (an app that trades a password for a token, PowerShell) is first asked whether a stranger did it: a tool
that sprays passwords with a borrowed application id would otherwise be listed as an app to migrate. And an expired
password is a stranger's knowledge only where nothing else speaks for a sender.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import cast

from . import networks, reference
from .findings import Network, Verdict
from .protocols import UNNAMED, Kind

__all__ = ["Evidence", "Thresholds", "caveats", "judge", "reason", "steps", "title"]


@dataclass(frozen=True)
class Thresholds:
    """The numbers behind the verdicts; ``facts/verdicts.toml`` says where they come from."""

    members_for_site: int
    members_for_site_small: int
    small_tenant: int
    spray_victims: int
    regular_days: int
    sender_days: int
    fresh_days: int
    quiet_days: int

    def __post_init__(self) -> None:
        for threshold in fields(self):
            value = getattr(self, threshold.name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"threshold {threshold.name}: found {value!r}; expected a whole number from 1")

    @classmethod
    def standard(cls) -> "Thresholds":
        """Return the numbers that ship with the library."""
        return cls(**reference.table("verdicts")["thresholds"])

    def site(self, *, small_tenant: bool) -> int:
        """Return how many members make a known site."""
        return self.members_for_site_small if small_tenant else self.members_for_site


@dataclass(frozen=True)
class Evidence:
    """What a verdict is made from.

    Args:
        kind: What the sign-ins are by application and protocol.
        certificate: Whether a step used a certificate.
        protocol: The protocol's name.
        successes: How many went through.
        days_ok: On how many days.
        blocks: The password was right, then something stopped it.
        expired: The password was right and had expired.
        failures: The password was wrong or nobody compared it; those of `malicious` included.
        malicious: Failures because the address is known for attacks.
        days_tried: On how many days something failed (`failures` or `expired`).
        token_events: Events about a token or a screen.
        steps: Whether any record holds its authentication steps.
        risk: The highest risk level of a success.
        place: Why the network is accounted for, or empty.
        sprays: Whether the network failed for so many accounts that it looks like an attack.
    """

    kind: Kind
    protocol: str
    certificate: bool = False
    successes: int = 0
    days_ok: int = 0
    blocks: int = 0
    expired: int = 0
    failures: int = 0
    malicious: int = 0
    days_tried: int = 0
    token_events: int = 0
    steps: bool = True
    risk: str = ""
    place: networks.Kind = ""
    sprays: bool = False

    @property
    def known_site(self) -> bool:
        """Whether members work there."""
        return self.place in ("site", "members")

    @property
    def confirmed(self) -> bool:
        """Whether the place is accounted for at all."""
        return bool(self.place)


def judge(seen: Evidence, thresholds: Thresholds) -> Verdict:
    """Return the verdict on *seen*; the first test that holds decides."""
    if seen.certificate:
        return "certificate"
    if seen.kind in ("modern", "not_mail"):
        return seen.kind
    verdict = _basic(seen, thresholds)
    if seen.kind == "basic" or verdict in ("suspected_compromise", "password_known", "attack_noise", "modern"):
        return verdict
    return seen.kind


def _basic(seen: Evidence, thresholds: Thresholds) -> Verdict:
    if seen.successes:
        return _success(seen, thresholds)
    if seen.blocks:
        return "blocked_by_policy" if seen.confirmed else "password_known"
    tries = seen.confirmed or _regular(seen, thresholds)
    if seen.expired:
        return "stale_sender" if tries else "password_known"
    if seen.failures:
        return "stale_sender" if tries else "attack_noise"
    return "modern"


def _success(seen: Evidence, thresholds: Thresholds) -> Verdict:
    # A person who named a hosted network has answered for its other accounts, not for a risk that Entra saw.
    if not seen.known_site and (seen.risk or (seen.sprays and not seen.confirmed)):
        return "suspected_compromise"
    if seen.confirmed:
        # Of all protocols Exchange still takes a password for SMTP only; a record that names none may well be that.
        return "basic_sender" if seen.protocol in ("SMTP AUTH", UNNAMED) else "accepted_not_opened"
    return "basic_unconfirmed" if seen.days_ok >= thresholds.sender_days else "confirm_today"


def _regular(seen: Evidence, thresholds: Thresholds) -> bool:
    # An address that Entra itself calls malicious is no nightly job, however regular.
    own = seen.expired + seen.failures > seen.malicious
    return own and not seen.sprays and seen.days_tried >= thresholds.regular_days


def reason(verdict: Verdict, seen: Evidence, network: Network) -> str:
    """Return the verdict's evidence as a sentence, without the user's name."""
    return f"{_MEANING[verdict]}: {_evidence(verdict, seen, network)}."


def caveats(verdict: Verdict, seen: Evidence, *, sites_known: bool) -> tuple[str, ...]:
    """Return what the verdict could not take into account.

    Args:
        verdict: The verdict.
        seen: What it is made from.
        sites_known: Whether any record said if MFA was required; without that no network is recognised as a site.
    """
    said = []
    if not sites_known and not seen.confirmed and verdict in _NEEDS_SITES:
        said.append("No record says whether MFA was required, so no network could be recognised as one of your sites.")
    if verdict == "accepted_not_opened":
        said.append(
            "Exchange refuses passwords for this protocol: find who has the password, there is no mail to move."
        )
    if seen.protocol == UNNAMED and seen.successes:
        said.append(
            "The record names no protocol: it may be SMTP AUTH, the one that Exchange still takes a password for."
        )
    elif verdict == "basic_unconfirmed" and seen.protocol != "SMTP AUTH":
        said.append("Exchange refuses passwords for this protocol: no mail was read, yet something holds the password.")
    if seen.protocol == "ActiveSync" and not seen.steps:
        said.append("No record holds its authentication steps: this may be a certificate, which ends with 2026 too.")
    if seen.malicious:
        said.append("Some failures are about the address and not about the account.")
    return tuple(said)


def title(verdict: Verdict) -> str:
    """Return the verdict in the words of a page."""
    return str(_FACTS[verdict]["title"])


def steps(verdict: Verdict, *, member: bool = True) -> tuple[str, ...]:
    """Return what a person does first; empty for verdicts that can wait.

    Args:
        verdict: The verdict.
        member: Whether the account belongs to the tenant; others only their own organisation can help.
    """
    texts = reference.table("verdicts")["steps"]
    return tuple(texts.get(verdict, ()) if member or verdict not in texts else texts["not_a_member"])


def _evidence(verdict: Verdict, seen: Evidence, network: Network) -> str:
    return "; ".join(
        part for part in (_counts(verdict, seen), _where(seen, network), _suspicion(seen, network)) if part
    )


def _counts(verdict: Verdict, seen: Evidence) -> str:
    if verdict == "attack_noise":
        return _number(seen.failures, "failure")
    counts = (
        _number(seen.successes, "success", "successes") + f" on {_number(seen.days_ok, 'day')}"
        if seen.successes
        else "",
        _number(seen.blocks, "right password") + " stopped by policy" if seen.blocks else "",
        _number(seen.expired, "right but expired password") if seen.expired else "",
        _number(seen.failures, "failure") if seen.failures else "",
    )
    tried = f" on {_number(seen.days_tried, 'day')}" if seen.days_tried and not seen.successes else ""
    return (", ".join(part for part in counts if part) or "only events about tokens") + tried


def _where(seen: Evidence, network: Network) -> str:
    if not network.address:
        return ""
    place = {
        "site": "from a site that a person named",
        "hosted": "from a hosted service that a person named",
        "claimed": "from a place that a person named for it",
        "members": f"from a network where {_number(network.people, 'member')} passed MFA",
        "": "from a network that nobody has confirmed",
    }
    return place[seen.place]


def _suspicion(seen: Evidence, network: Network) -> str:
    said = []
    if seen.sprays and not seen.known_site:
        said.append(f"the same network failed for {_number(network.victims, 'account')}")
    if seen.risk and seen.successes:
        said.append(f"Entra ID Protection rated it {seen.risk}")
    return " and ".join(said)


def _number(count: int, noun: str, plural: str = "") -> str:
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


_FACTS: Mapping[Verdict, Mapping[str, str]] = {
    cast(Verdict, fact["name"]): fact for fact in reference.table("verdicts")["verdict"]
}
_MEANING = {name: fact["meaning"][0].upper() + fact["meaning"][1:] for name, fact in _FACTS.items()}
_NEEDS_SITES = frozenset(
    {
        "suspected_compromise",
        "password_known",
        "confirm_today",
        "basic_unconfirmed",
        "stale_sender",
        "attack_noise",
        "ropc_mail_app",
        "powershell_password",
    }
)
