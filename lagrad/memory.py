"""How much memory there is, asked before something large is made."""

from __future__ import annotations

import os


def available_memory() -> int:
    """Return the bytes of memory that can be had, or all there is where that is not told."""
    try:
        # What the kernel would give up, its caches of files included, and not what lies idle.
        with open("/proc/meminfo", encoding="ascii") as told:
            found = {line.split(":")[0]: line.split()[1] for line in told}
        return int(found["MemAvailable"]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 2**33
