"""``python -m mailauth`` is the ``mailauth`` command."""

from .cli import main

if __name__ == "__main__":
    main()
