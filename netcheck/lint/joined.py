"""Several runs as one: what was loaded and found in each, without repetition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from netcheck.lint.finding import LintResult
from netcheck.model.cluster import Loaded, NotModelled

_T = TypeVar("_T")


def joined_inputs(each: Sequence[Loaded]) -> Loaded:
    """Return the first input with the problems, assumptions and counts of all; its cluster stands for no other."""
    first = each[0]
    counts: dict[str, int] = {}
    effects: dict[tuple[str, str], NotModelled] = {}
    for loaded in each:
        for kind, count in loaded.counts.items():
            counts[kind] = counts.get(kind, 0) + count
        for item in loaded.not_modelled:
            key = (item.kind, item.api_version)
            before = effects[key].count if key in effects else 0
            effects[key] = replace(item, count=item.count + before)
    return replace(
        first,
        problems=tuple(sorted(_once(loaded.problems for loaded in each), key=lambda item: item.sort_key)),
        not_modelled=tuple(effects[key] for key in sorted(effects)),
        assumptions=_once(loaded.assumptions for loaded in each),
        counts=dict(sorted(counts.items())),
        skipped=sum(loaded.skipped for loaded in each),
        lost_anything=any(loaded.lost_anything for loaded in each),
        ignores=_once(loaded.ignores for loaded in each),
    )


def joined_results(each: Sequence[LintResult]) -> LintResult:
    """Return the findings of all results, each once."""
    return LintResult(
        findings=tuple(sorted(_once(result.findings for result in each), key=lambda item: item.sort_key)),
        checked_rules=tuple(sorted({code for result in each for code in result.checked_rules})),
        suppressed=_once(result.suppressed for result in each),
        known=_once(result.known for result in each),
    )


def _once(each: Iterable[Iterable[_T]]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(item for items in each for item in items))
