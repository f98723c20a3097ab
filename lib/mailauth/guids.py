"""GUIDs, in which Microsoft's services write the ids of tenants, apps and everything else."""

import re
from typing import Final

__all__ = ["GUID", "is_guid"]

GUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""A pattern without groups, for use inside others."""


def is_guid(text: str) -> bool:
    """Whether *text* is one, in letters of either case, and nothing else."""
    return re.fullmatch(GUID, text) is not None
