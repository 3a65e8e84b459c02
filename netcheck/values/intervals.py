"""Canonical sets of closed integer ranges: the only interval code in the tree.

A set is a tuple of `(low, high)` pairs that is sorted, disjoint and non-adjacent, so two tuples are
equal iff the sets hold the same integers. The functions here are total on canonical input.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]


def canonical(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return the canonical ranges that hold exactly the integers of `ranges`; empty ranges (low > high) vanish."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if low > high:
            continue
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def is_canonical(ranges: Ranges, least: int, most: int) -> bool:
    """Return whether `ranges` is canonical and lies within `least..most`."""
    previous_high = least - 2
    for low, high in ranges:
        if not (previous_high + 1 < low <= high <= most and low >= least):
            return False
        previous_high = high
    return True


def union(a: Ranges, b: Ranges) -> Ranges:
    """Return the integers in `a` or `b`."""
    if not a or a == b:
        return b
    return canonical((*a, *b)) if b else a


def intersection(a: Ranges, b: Ranges) -> Ranges:
    """Return the integers in both `a` and `b`."""
    out: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        low, high = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if low <= high:
            out.append((low, high))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(out)


def complement(a: Ranges, least: int, most: int) -> Ranges:
    """Return the integers of `least..most` that are not in `a`."""
    out: list[tuple[int, int]] = []
    start = least
    for low, high in a:
        if start < low:
            out.append((start, low - 1))
        start = high + 1
    if start <= most:
        out.append((start, most))
    return tuple(out)


def difference(a: Ranges, b: Ranges) -> Ranges:
    """Return the integers in `a` that are not in `b`."""
    if not a or not b:
        return a
    return intersection(a, complement(b, a[0][0], a[-1][1]))


def contains(a: Ranges, number: int) -> bool:
    """Return whether `number` is in `a`."""
    index = bisect_right(a, (number, float("inf"))) - 1
    return index >= 0 and a[index][0] <= number <= a[index][1]


def is_subset(a: Ranges, b: Ranges) -> bool:
    """Return whether every integer of `a` is in `b`."""
    return not difference(a, b)


def size(a: Ranges) -> int:
    """Return how many integers `a` holds."""
    return sum(high - low + 1 for low, high in a)
