"""The cheapest choice of candidates that covers everything: exact where the solver finishes, else greedy.

Reductions that lose no optimum come first: what only one candidate covers takes it, and of two things to cover the one
that is covered whenever the other is needs no thought. The solver is asked about what is left, which is often nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A choice of candidates, ascending. `smallest`: whether it is proved that none costs less."""

    chosen: tuple[int, ...]
    smallest: bool = True


def cheapest_cover(wanted: Sequence[frozenset[int]], costs: Mapping[int, int], *, timeout_ms: int) -> Cover:
    """Return the candidates of the least total cost of which each of `wanted` has at least one.

    `wanted` holds for each thing to cover the candidates that cover it, none of them empty; costs are positive. Of
    several cheapest choices any may be returned, always the same one.
    """
    forced: set[int] = set()
    left, before = set(wanted), set[frozenset[int]]()
    while left != before:
        before = left
        left = _reduced(_without_dominated(left, costs))
        forced |= {next(iter(item)) for item in left if len(item) == 1}
        left = {item for item in left if not item & forced}
    if not left:
        return Cover(chosen=tuple(sorted(forced)))
    from netcheck.engines.covers_smt import optimum  # noqa: PLC0415 - the solver is loaded when it is wanted

    chosen, smallest = forced, True
    for part in _apart(sorted(left, key=sorted)):
        found = optimum(part, costs, timeout_ms)
        smallest &= found is not None
        chosen |= _greedy(part, costs) if found is None else found
    return Cover(chosen=tuple(sorted(chosen)), smallest=smallest)


def _apart(wanted: Iterable[frozenset[int]]) -> list[list[frozenset[int]]]:
    """Return the parts of what is wanted that have no candidate in common: each is a choice of its own."""
    parts: list[tuple[set[int], list[frozenset[int]]]] = []
    for item in wanted:
        near = [part for part in parts if part[0] & item]
        parts = [part for part in parts if not part[0] & item]
        candidates = set(item).union(*(part[0] for part in near))
        parts.append((candidates, sorted([*(one for part in near for one in part[1]), item], key=sorted)))
    return [held for _, held in sorted(parts, key=lambda part: min(part[0]))]


def _reduced(wanted: set[frozenset[int]]) -> set[frozenset[int]]:
    """Return those that no other is part of: whoever covers the smaller one covers the larger."""
    kept: list[frozenset[int]] = []
    for item in sorted(wanted, key=lambda one: (len(one), sorted(one))):
        if not any(other <= item for other in kept):
            kept.append(item)
    return set(kept)


def _without_dominated(wanted: set[frozenset[int]], costs: Mapping[int, int]) -> set[frozenset[int]]:
    """Return what is wanted without candidates that another one replaces everywhere at no higher cost."""
    ordered = sorted(wanted, key=sorted)
    covers: dict[int, set[int]] = {}
    for number, item in enumerate(ordered):
        for candidate in item:
            covers.setdefault(candidate, set()).add(number)
    ranked = sorted(covers, key=lambda one: (costs[one], -len(covers[one]), one))
    dropped = {
        candidate
        for at, candidate in enumerate(ranked)
        if any(covers[candidate] <= covers[other] for other in ranked[:at])
    }
    return {frozenset(item - dropped) or item for item in ordered}


def _greedy(wanted: Sequence[frozenset[int]], costs: Mapping[int, int]) -> set[int]:
    left, chosen = list(wanted), set[int]()
    while left:
        counts: dict[int, int] = {}
        for item in left:
            for candidate in item:
                counts[candidate] = counts.get(candidate, 0) + 1
        best = min(counts, key=lambda one: (costs[one] / counts[one], one))
        chosen.add(best)
        left = [item for item in left if best not in item]
    return chosen
