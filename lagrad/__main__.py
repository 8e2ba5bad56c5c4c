"""``python -m lagrad``: the same as the command ``lagrad``."""

from lagrad.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
