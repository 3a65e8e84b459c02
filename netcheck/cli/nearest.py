"""What the user may have meant: the known word nearest to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearly `word`, letters' case aside, or None."""
    import difflib  # noqa: PLC0415 - only after a mistake

    by_lower = {item.lower(): item for item in sorted(known)}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the tail of a message about an unknown word: the nearest known one, and else all of them."""
    words = list(known)
    close = nearest(word, words)
    if close is not None:
        return f"; did you mean `{close}`?"
    return f"; known are {', '.join(f'`{item}`' for item in words)}" if words else ""
