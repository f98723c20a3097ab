"""A worker: ``python -m mailauth.fleet``, one tenant, started by `mailauth.fleet.run`."""

from .working import main

main()
