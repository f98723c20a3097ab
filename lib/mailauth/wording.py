"""Words around numbers and at the beginning of sentences, the same on every page."""

__all__ = ["called", "capital", "counted"]


def capital(words: str) -> str:
    """Return *words* with a capital letter in front; capitalize() would take the others away."""
    return words[:1].upper() + words[1:]


def counted(count: int, one: str, several: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``1,200 files``; *several* where an s does not make the plural."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def called(name: str) -> str:
    """Return a name as it stands in a sentence: an app may be called “mail”, and people call theirs what they like."""
    return f"“{name}”"
