"""The catalogue: every rule once, sorted by code, and how rules are named."""

from __future__ import annotations

import difflib

from netcheck.errors import UsageError
from netcheck.lint.rule import Rule
from netcheck.lint.rules import ALL

RULES: tuple[Rule, ...] = tuple(sorted(ALL, key=lambda rule: rule.code))
"""Every rule, sorted by code."""

_BY_WORD = {word: rule for rule in RULES for word in (rule.code, rule.name)}


def find_rule(word: str) -> Rule:
    """Return the rule with a code or name, in any case.

    Raises:
        UsageError: there is none; the message suggests the closest.
    """
    found = _BY_WORD.get(word.upper()) or _BY_WORD.get(word.lower())
    if found is None:
        close = difflib.get_close_matches(word.lower(), [name.lower() for name in _BY_WORD], n=1, cutoff=0.5)
        known = (_BY_WORD.get(close[0]) or _BY_WORD.get(close[0].upper())) if close else None
        hint = f"did you mean `{known.code}` ({known.name})?" if known else "`netcheck rules` lists the rules"
        raise UsageError(f"there is no rule `{word}`\n  hint: {hint}")
    return found
