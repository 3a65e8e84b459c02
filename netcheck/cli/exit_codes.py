"""The exit codes (docs/cli.md) and which of them wins.

2, 3 and 5 end the run where they arise. Of the others, 4 wins over 1: an answer that may still change is not an answer.
"""

from __future__ import annotations

OK = 0
NEGATIVE = 1
USAGE = 2
NO_INPUT = 3
INCOMPLETE = 4
BUG = 5
INTERRUPTED = 130
BROKEN_PIPE = 141
"""128 + SIGPIPE, as shells report it: the reader of a pipe went away."""


def decide(*, negative: bool, incomplete: bool, allow_incomplete: bool) -> int:
    """Return 4 iff incomplete and that is not allowed, else 1 iff the answer is negative, else 0."""
    if incomplete and not allow_incomplete:
        return INCOMPLETE
    return NEGATIVE if negative else OK
