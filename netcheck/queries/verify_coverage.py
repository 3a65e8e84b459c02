"""Coverage: which allowed connections no intent speaks of, by groups of ends and never pod by pod.

An `allow` or `deny` speaks of the connections between its ends on its ports; an `only` of all of those into its
destinations on its ports, and with `closes: from` of all of those that its sources open. The own node is left out: what
a pod's node does is exempt (NET-4, NET-5).
"""

from __future__ import annotations

from collections.abc import Iterable

from netcheck.logic.atoms import indexes
from netcheck.model.intents import Closes, Demand
from netcheck.queries.endpoints import Resolution, locate
from netcheck.queries.flow_table import Box, FlowTable, minus
from netcheck.queries.verify import Asked, Question
from netcheck.queries.verify_results import Uncovered

Rest = tuple[tuple[int, int], ...]


def uncovered_flows(question: Question) -> tuple[Uncovered, ...]:
    """Return the allowed connections that no intent speaks of, sorted."""
    table = question.table
    spoken = [(_sources(asked, table), _boxes(asked, table)) for asked in question.asked]
    rest: dict[tuple[int, int], int] = {}
    for group in table.groups:
        allowed = {box.mask: box.destinations & table.ends for box in group.allowed}
        allowed = {mask: held for mask, held in allowed.items() if held}
        for sources, boxes in _parts(group.sources & table.ends, spoken) if allowed else ():
            left = tuple(sorted(minus(allowed, boxes).items()))
            for chosen, flows in without_selves(sources, left, table):
                for flow in flows:
                    rest[flow] = rest.get(flow, 0) | chosen
    names = EndpointNames(question)
    found = (
        Uncovered(
            sources=names.of(sources),
            destinations=names.of(destinations),
            connections=question.engine.connections(mask),
        )
        for (mask, destinations), sources in rest.items()
    )
    return tuple(sorted(found, key=lambda item: (item.sources, item.destinations, str(item.connections))))


def _sources(asked: Asked, table: FlowTable) -> int:
    intent = asked.intent
    return table.ends if intent.demand is Demand.ONLY and intent.closes is Closes.TO else asked.sources.certain


def _boxes(asked: Asked, table: FlowTable) -> tuple[Box, ...]:
    if asked.intent.demand is Demand.ONLY and asked.intent.closes is Closes.FROM:
        return (Box(table.ends, table.engine.universe.ports.everything),)
    return asked.certain


def _parts(sources: int, spoken: list[tuple[int, tuple[Box, ...]]]) -> Iterable[tuple[int, list[Box]]]:
    """Yield parts of some sources with the boxes that are spoken of from all of them."""
    parts: list[tuple[int, list[Box]]] = [(sources, [])]
    for chosen, boxes in spoken:
        if not chosen & sources:
            continue
        cut: list[tuple[int, list[Box]]] = []
        for held, known in parts:
            inside = held & chosen
            if inside:
                cut.append((inside, [*known, *boxes]))
            if held & ~chosen:
                cut.append((held & ~chosen, known))
        parts = cut
    return (part for part in parts if part[0])


def without_selves(sources: int, left: Rest, table: FlowTable) -> Iterable[tuple[int, Rest]]:
    """Yield the flows without those of one pod to itself, which are none (NET-6)."""
    selves = sources & table.alone
    touched = 0
    for _, destinations in left:
        touched |= destinations
    for source in indexes(selves & touched):
        yield 1 << source, tuple((m, d & ~(1 << source)) for m, d in left if d & ~(1 << source))
    others = sources & ~(selves & touched)
    if others and left:
        yield others, left


class EndpointNames:
    """The ids of the endpoints that elements are shown as."""

    def __init__(self, question: Question) -> None:
        self._by_element: dict[int, set[str]] = {}
        for item in locate(question.engine.universe, Resolution.WORKLOAD):
            for element in item.elements:
                self._by_element.setdefault(element, set()).add(item.endpoint.id)
        self._found: dict[int, tuple[str, ...]] = {}

    def of(self, elements: int) -> tuple[str, ...]:
        """Return the ids of some elements (bits), sorted."""
        found = self._found.get(elements)
        if found is None:
            ids = {name for element in indexes(elements) for name in self._by_element.get(element, ())}
            found = self._found[elements] = tuple(sorted(ids))
        return found
