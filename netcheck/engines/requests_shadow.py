"""Whether other entries take all that one entry of a frontend matches: one question, over the entries it can meet.

`RequestEngine` answers this for all matches of a door in one pass; who asks about a few matches of large doors asks here.
"""

from __future__ import annotations

from netcheck.engines.requests_smt import EntrySolver
from netcheck.logic.requests import Entry, Frontend, HostKind, HostTest, PathKind, PathTest, RequestPredicate, Tie


def wins(frontend: Frontend, one: int, other: int) -> bool:
    """Return whether of two tied entries the first surely wins: of one object the earlier, of two the older one."""
    first, second = frontend.entries[one], frontend.entries[other]
    if first.owner != second.owner and not (_dated(frontend, first) and _dated(frontend, second)):
        return False
    return (first.created, *first.order, one) < (second.created, *second.order, other)


def rivals(frontend: Frontend, number: int) -> tuple[int, ...]:
    """Return the entries that surely go before an entry and can match a request that it matches."""
    entry = frontend.entries[number]
    return tuple(
        other
        for other, rival in enumerate(frontend.entries)
        if other != number
        and (rival.rank < entry.rank or (rival.rank == entry.rank and wins(frontend, other, number)))
        and can_meet(rival.predicate, entry.predicate)
    )


def shadows(frontend: Frontend, number: int, before: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return a minimal part of `before` that takes all that an entry matches, whatever the missing facts are, or None.

    Empty: the entry matches nothing.

    Raises:
        SolverLimit: the solver gave up.

    """
    solver = EntrySolver([frontend.entries[item] for item in (number, *before)], frontend.id.port)
    others = range(1, len(before) + 1)
    if solver.asked().find([0], others, exact=False) is not None:
        return None
    return tuple(before[item - 1] for item in solver.core(0, others))


def _dated(frontend: Frontend, entry: Entry) -> bool:
    return frontend.tie is Tie.AGE and bool(entry.created or not entry.owner)


_FIXED = (PathKind.EXACT, PathKind.PREFIX)


# ---- which entries can match one request -------------------------------------------------------------------------------


def can_meet(one: RequestPredicate, other: RequestPredicate) -> bool:
    """Return false only if no request passes both: by scheme, method, host or path."""
    if one.method and other.method and one.method != other.method:
        return False
    return (
        not one.schemes.isdisjoint(other.schemes)
        and _hosts_meet(one.host, other.host)
        and _paths_meet(one.path, other.path)
    )


def _hosts_meet(one: HostTest, other: HostTest) -> bool:
    if HostKind.ANY in (one.kind, other.kind) or HostKind.MADE_UP in (one.kind, other.kind):
        return True
    if one.kind is HostKind.EXACT:
        return other.holds(one.name)
    if other.kind is HostKind.EXACT:
        return one.holds(other.name)
    return one.name == other.name or one.name.endswith("." + other.name) or other.name.endswith("." + one.name)


def _paths_meet(one: PathTest, other: PathTest) -> bool:
    if one.kind not in _FIXED or other.kind not in _FIXED:
        return True
    if one.kind is PathKind.EXACT:
        return other.holds(one.value)
    return one.holds(other.value) or (other.kind is PathKind.PREFIX and other.holds(one.value))
