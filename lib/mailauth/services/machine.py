"""What runs here, for whoever has to reproduce it: names and versions, nothing about people or folders."""

import importlib.metadata
import platform
import ssl

__all__ = ["about"]

_PACKAGES = ("mailauth-runbook", "msal", "azure-core", "requests", "cryptography")


def about() -> tuple[tuple[str, str], ...]:
    """Return names and versions: the runbook, Python, OpenSSL, the platform, and what signs in."""
    packages = ((name, _version(name)) for name in _PACKAGES)
    return (
        *packages,
        ("Python", platform.python_version()),
        ("OpenSSL", ssl.OPENSSL_VERSION),
        ("platform", f"{platform.system()} {platform.release()} {platform.machine()}"),
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
