"""Blocks of rows over threads: what a printed program calls, and what is printed with it."""

from __future__ import annotations

import os
from threading import Thread

import numpy as np


def by_blocks(run, n, step, threads=None):
    """Run a function over all blocks of rows; return its results added up, block after block."""
    blocks = [slice(k, k + step) for k in range(0, n, step)]
    count = min(threads or os.cpu_count() or 1, len(blocks))
    parts = [None] * len(blocks)
    errors, handling = [], np.geterr()

    def work(first):
        try:
            np.seterr(**handling)
            for k in range(first * len(blocks) // count, (first + 1) * len(blocks) // count):
                parts[k] = run(blocks[k])
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=work, args=(k,)) for k in range(1, count)]
    for thread in threads:
        thread.start()
    work(0)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return tuple(sum(column[1:], column[0]) for column in zip(*parts, strict=True))


#: By name, what lines may call.
CALLED = {"by_blocks": by_blocks}
