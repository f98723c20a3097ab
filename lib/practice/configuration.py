"""What ``config="practice"`` means: the tenants file of a practice cloud that is up.

`configuration` is the entry point that the library finds by name; it knows nothing of the library in turn.
"""

import os
from pathlib import Path
from typing import Final

import platformdirs

from .attending import attend

__all__ = ["chosen_home", "configuration"]

_HOME: Final = "MAILAUTH_PRACTICE_HOME"


def configuration() -> Path:
    """Return the tenants file of the practice tenants; their cloud is up as long as this process lives.

    Raises:
        PracticeError: The cloud does not start.
    """
    return attend(chosen_home()).tenants_file


def chosen_home() -> Path:
    """Return the practice home: what MAILAUTH_PRACTICE_HOME names, or a folder among the user's own data."""
    chosen = os.environ.get(_HOME)
    home = Path(chosen).expanduser() if chosen else platformdirs.user_data_path("mailauth-practice", appauthor=False)
    return home.absolute()
