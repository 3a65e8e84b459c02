"""Needs kept within what intents forbid: a `deny` or `only` wins over everything that is not an intent itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from netcheck.errors import NetcheckError
from netcheck.model.cluster import Cluster
from netcheck.model.intents import Closes, Demand, Intent, IntentEnd, IntentPort
from netcheck.queries.intent_ends import EndResolver, Members
from netcheck.queries.suggest_needs import Gathered
from netcheck.queries.suggest_results import Need, NeedEnd
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet


def within_intents(
    cluster: Cluster, resolver: EndResolver, need: Need, intents: Iterable[Intent], gathered: Gathered
) -> list[Need]:
    """Return what is left of a need where no `deny` or `only` forbids it; what is cut off is recorded."""
    left = [need]
    for intent in intents:
        try:
            cut = [piece for item in left for piece in _allowed(cluster, resolver, item, intent)]
        except NetcheckError:
            continue  # an end that cannot be read is told when the intents are verified
        if cut != left:
            gathered.drop(need.text, f"{need.why}: intent `{intent.name}` forbids it, wholly or in part", need.place)
        left = cut
    return left


def _allowed(cluster: Cluster, resolver: EndResolver, need: Need, intent: Intent) -> list[Need]:
    """Return the parts of a need that one intent does not forbid."""
    sources = _held(cluster, resolver, intent.sources, None)
    destinations = _held(cluster, resolver, intent.destinations, intent.ports)
    ports = _ports(resolver, intent)
    everything = _Held.everything(cluster)
    if intent.demand is Demand.DENY:
        return _without(need, sources, destinations, ports)
    if intent.closes is Closes.TO:
        return _without(need, everything.without(sources), destinations, ports)
    return _without(need, sources, everything.without(destinations), ConnectionSet.all())


def _ports(resolver: EndResolver, intent: Intent) -> ConnectionSet:
    """Return the ports that an intent is about; by name: any number, as cutting off too much is told, never silent."""
    if intent.ports is None:
        return ConnectionSet.all()
    numbers, names = resolver.port_numbers(intent.ports)
    return ConnectionSet.all() if names else numbers


class _Held:
    """What some ends stand for: pods and addresses."""

    def __init__(self, pods: frozenset[int], addresses: IPSet) -> None:
        self.pods = pods
        self.addresses = addresses

    @classmethod
    def everything(cls, cluster: Cluster) -> _Held:
        return cls(frozenset(range(len(cluster.pods))), IPSet.all())

    def without(self, other: _Held) -> _Held:
        return _Held(self.pods - other.pods, self.addresses - other.addresses)

    def part_of(self, end: NeedEnd) -> tuple[NeedEnd, NeedEnd]:
        """Return the part of an end that is held here, and the rest of it."""
        if not (end.pods or end.addresses or end.anybody):
            return NeedEnd(text=end.text), end  # given by labels that nothing loaded has
        pods = end.pods & self.pods
        addresses = (IPSet.all() if end.anybody else end.addresses) & self.addresses
        if pods == end.pods and (addresses == IPSet.all() if end.anybody else addresses == end.addresses):
            return end, NeedEnd(text=end.text)
        if not pods and not addresses:
            return NeedEnd(text=end.text), end
        rest = (IPSet.all() if end.anybody else end.addresses) - addresses
        return (
            NeedEnd(text=end.text, pods=pods, addresses=addresses),
            NeedEnd(text=end.text, pods=end.pods - pods, addresses=rest),
        )


def _held(
    cluster: Cluster, resolver: EndResolver, ends: Sequence[IntentEnd], ports: tuple[IntentPort, ...] | None
) -> _Held:
    pods: frozenset[int] = frozenset()
    addresses = IPSet.none()
    for end in ends:
        item: Members = resolver.members(end, ports)
        pods |= item.pods | item.maybe
        addresses |= item.addresses
        for backends in item.services or ():
            pods |= {position for position, _ in backends.pods}
        for position in item.nodes:
            addresses |= IPSet.of_cidrs(*cluster.nodes[position].addresses)
    return _Held(pods, addresses)


def _without(need: Need, sources: _Held, destinations: _Held, ports: ConnectionSet) -> list[Need]:
    """Return a need without its flows from some sources to some destinations on some ports."""
    forbidden = need.connections & ports
    source, other_source = sources.part_of(need.source)
    destination, other_destination = destinations.part_of(need.destination)
    if not forbidden or source.is_empty or destination.is_empty:
        return [need]
    pieces = [
        replace(need, source=other_source),
        replace(need, source=source, destination=other_destination),
        replace(need, source=source, destination=destination, connections=need.connections - forbidden),
    ]
    return [item for item in pieces if not item.source.is_empty and not item.destination.is_empty and item.connections]
