"""A worker: ``python -m mailauth.fleet``, one tenant, started by `mailauth.fleet.run`."""

from .serving import main

main()
