"""Which mailboxes a management scope covers: what its recipient filter means for this tenant's recipients.

The administration shows it (``Test-ServicePrincipalAuthorization``); the mail servers decide by it.
"""

from collections.abc import Iterable
from typing import Final

from . import opath
from .state import Directory, Exchange, Group, Mailbox, User

__all__ = ["PROPERTIES", "covers", "distinguished_name", "selected"]

_HOSTED: Final = "OU=Microsoft Exchange Hosted Organizations,DC=EURPR00A000,DC=PROD,DC=OUTLOOK,DC=EXAMPLE"

PROPERTIES: Final = frozenset(
    {
        "alias",
        "displayname",
        "emailaddresses",
        "exchangeguid",
        "externaldirectoryobjectid",
        "guid",
        "memberofgroup",
        "name",
        "primarysmtpaddress",
        "recipienttype",
        "recipienttypedetails",
        "userprincipalname",
        "windowsliveid",
        *(f"customattribute{number}" for number in range(1, 16)),
    }
)
"""The properties that a recipient filter may name here, in lower case; Exchange has many more."""


def covers(exchange: Exchange, directory: Directory, scope_name: str, mailbox: Mailbox) -> bool:
    """Return whether a management scope covers a mailbox.

    Args:
        exchange: The organization, as whoever asks knows it (mail servers lag behind the administration).
        directory: The directory, for members of groups: direct ones only, as Exchange does not expand nested groups.
        scope_name: The scope's name; empty stands for the whole organization.
        mailbox: The mailbox.

    A scope that does not exist, or whose filter cannot be read, covers nothing.
    """
    if not scope_name:
        return True
    wanted = scope_name.lower()
    scope = next((one for one in exchange.management_scopes if one.name.lower() == wanted), None)
    if scope is None:
        return False
    try:
        return opath.read(scope.filter, PROPERTIES)(_properties(directory, mailbox, directory.user(mailbox.user_id)))
    except opath.FilterError:
        return False


def selected(directory: Directory, mailboxes: Iterable[Mailbox], filter_text: str) -> list[Mailbox]:
    """Return the mailboxes that a recipient filter selects.

    Raises:
        opath.FilterError: It cannot be read.
    """
    test = opath.read(filter_text, PROPERTIES)
    owners = {one.id: one for one in directory.users}
    return [one for one in mailboxes if test(_properties(directory, one, owners.get(one.user_id)))]


def distinguished_name(directory: Directory, group: Group) -> str:
    """Return the distinguished name that Exchange shows of a group, which ``MemberOfGroup`` is compared with."""
    initial = next((one.id for one in directory.domains if one.is_initial), "practice.example")
    # Backslashes keep a comma in a name from ending it (RFC 4514).
    name = "".join(f"\\{one}" if one in ',+"\\<>;=' else one for one in group.display_name)
    return f"CN={name},OU={initial},{_HOSTED}"


def _properties(directory: Directory, mailbox: Mailbox, owner: User | None) -> opath.Properties:
    sign_in = owner.user_principal_name if owner else ""
    groups = [one for one in directory.groups if mailbox.user_id in one.members]
    found: dict[str, tuple[str, ...]] = {
        "alias": (mailbox.primary_smtp.partition("@")[0],),
        "displayname": (mailbox.display_name,),
        "emailaddresses": tuple(
            text for one in (mailbox.primary_smtp, *mailbox.aliases) for text in (one, f"smtp:{one}")
        ),
        "exchangeguid": (mailbox.guid,),
        "externaldirectoryobjectid": (mailbox.user_id,),
        "guid": (mailbox.guid,),
        # Exchange takes the distinguished name; a group is also found by what stands in its CN, and by its id.
        "memberofgroup": tuple(
            text for one in groups for text in (distinguished_name(directory, one), one.display_name, one.id)
        ),
        "name": (mailbox.user_id,),
        "primarysmtpaddress": (mailbox.primary_smtp,),
        "recipienttype": ("MailUser" if mailbox.kind == "MailUser" else "UserMailbox",),
        "recipienttypedetails": (mailbox.kind,),
        "userprincipalname": (sign_in,) if sign_in else (),
        "windowsliveid": (sign_in,) if sign_in else (),
    }
    for name, value in mailbox.custom_attributes.items():
        found[name.lower()] = (value,) if value else ()
    return found
