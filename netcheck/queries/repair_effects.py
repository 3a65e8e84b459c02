"""What else a change of policies opens and closes, read off the matrices of both clusters over the same classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from netcheck.engines.sets import SetEngine
from netcheck.model.cluster import Cluster
from netcheck.model.intents import Demand, Intent, IntentScope
from netcheck.model.policy import NetworkPolicy
from netcheck.queries.flow_table import Box, FlowTable, Group, Parts, meets, minus
from netcheck.queries.repair_results import Effect
from netcheck.queries.verify import Question, forbidden_by
from netcheck.queries.verify_coverage import EndpointNames, without_selves


class Effects:
    """Compares one cluster with others in which policies were edited."""

    def __init__(self, cluster: Cluster, intent: Intent, mentioned: Sequence[NetworkPolicy]) -> None:
        """`mentioned` are policies such that the edited ones mention nothing else that could tell ends apart."""
        plain = replace(intent, scope=IntentScope.EXISTING)
        self._question = Question(cluster, (plain,), mentioned)
        self._names = EndpointNames(self._question)

    def of(self, after: Cluster) -> tuple[Effect, ...]:
        """Return what opens and closes beside what the intent demands, sorted."""
        question = self._question
        table = FlowTable(SetEngine(after, universe=question.engine.universe))
        found: dict[tuple[bool, int, int], int] = {}
        for sources, one, other in _together(question.table.groups, table.groups):
            settled = tuple(Box(held, mask) for mask, held in meets(other.allowed, one.unknown).items())
            for opens, wanted, known in (
                (False, one.allowed, other.allowed),
                (True, (*other.allowed, *other.unknown), (*one.allowed, *one.unknown)),
                (True, settled, one.allowed),  # passed perhaps, and does now
            ):
                changed = minus(self._inside(wanted), known)
                for some, parts in self._others(sources, changed) if changed else ():
                    for chosen, flows in without_selves(some, tuple(sorted(parts.items())), question.table):
                        for mask, others in flows:
                            found[opens, mask, others] = found.get((opens, mask, others), 0) | chosen
        return tuple(sorted(self._shown(found), key=_order))

    def _inside(self, boxes: Iterable[Box]) -> Parts:
        ends = self._question.engine.universe.everything & ~self._question.table.taken
        found: Parts = {}
        for box in boxes:
            if held := box.destinations & ends:
                found[box.mask] = found.get(box.mask, 0) | held
        return found

    def _others(self, sources: int, changed: Parts) -> Iterator[tuple[int, Parts]]:
        """Yield what the intent does not demand of some changes."""
        asked, table = self._question.asked[0], self._question.table
        sources &= ~table.taken
        if asked.intent.demand is Demand.ALLOW:
            inside, boxes, excepted = asked.sources.possible, asked.possible, tuple[Box, ...]()
        else:
            _, forbidden = forbidden_by(asked, table)
            inside, boxes, excepted = forbidden.sources, forbidden.boxes, forbidden.excepted
        if rest := sources & ~inside:
            yield rest, changed
        if meant := sources & inside:
            left = minus(changed, boxes)
            for mask, held in _common(changed, excepted).items():
                left[mask] = left.get(mask, 0) | held
            if left:
                yield meant, left

    def _shown(self, found: dict[tuple[bool, int, int], int]) -> Iterator[Effect]:
        for (opens, mask, destinations), sources in found.items():
            one, other = self._names.of(sources), self._names.of(destinations)
            if one and other:
                connections = self._question.engine.connections(mask)
                yield Effect(opens=opens, sources=one, destinations=other, connections=connections)


def _common(parts: Parts, boxes: Iterable[Box]) -> Parts:
    found: Parts = {}
    for mask, held in parts.items():
        for box in boxes:
            if mask & box.mask and held & box.destinations:
                key = mask & box.mask
                found[key] = found.get(key, 0) | held & box.destinations
    return found


def _together(before: Sequence[Group], after: Sequence[Group]) -> Iterator[tuple[int, Group, Group]]:
    """Yield sources with their groups of two tables, where the groups differ."""
    for one in before:
        for other in after:
            sources = one.sources & other.sources
            if sources and (one.allowed, one.unknown) != (other.allowed, other.unknown):
                yield sources, one, other


def _order(item: Effect) -> tuple[object, ...]:
    return item.opens, item.sources, item.destinations, str(item.connections)
