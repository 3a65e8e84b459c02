"""Endpoints as people name them: short where that is not ambiguous, whole namespaces and address ranges together."""

from __future__ import annotations

from collections import Counter
from itertools import chain, islice

from netcheck.queries.results import Endpoint, EndpointType
from netcheck.report.folding import bit_set, positions
from netcheck.report.layout import count
from netcheck.values.addresses import IPSet, describe

ANY_OUTSIDE = "any outside address"


class Names:
    """The names of the endpoints of one list."""

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        self._endpoints = endpoints
        self._uses = Counter((item.namespace, item.name) for item in endpoints if item.type is EndpointType.WORKLOAD)
        self._workloads = 0
        runs: dict[str, tuple[int, int]] = {}
        for position, item in enumerate(endpoints):
            if item.type is EndpointType.WORKLOAD:
                self._workloads |= 1 << position
                runs[item.namespace] = (runs.get(item.namespace, (position, 0))[0], position + 1)
        self._runs = [(namespace, first, end) for namespace, (first, end) in sorted(runs.items())]
        self._outside = bit_set(n for n, item in enumerate(endpoints) if item.type is EndpointType.IP)
        self._held: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._memo: dict[tuple[int, int, int | None], tuple[list[str], int]] = {}

    def one(self, position: int) -> str:
        """Return the name of one endpoint."""
        found = self._names.get(position)
        if found is None:
            found = self._names[position] = self._of(self._endpoints[position])
        return found

    def _of(self, endpoint: Endpoint) -> str:
        if endpoint.type is EndpointType.IP:
            return addresses_name(endpoint.addresses or IPSet.none())
        if endpoint.type is EndpointType.NODE:
            return f"node {endpoint.name}"
        if endpoint.type is EndpointType.OWN_NODE:
            return "own node"
        if endpoint.type is EndpointType.GATEWAY:
            return f"gateway {endpoint.namespace}/{endpoint.name}"
        if endpoint.type is EndpointType.WORKLOAD and self._uses[endpoint.namespace, endpoint.name] == 1:
            return f"{endpoint.namespace}/{endpoint.name}"
        return endpoint.id

    def heading(self, position: int) -> str:
        """Return the name of one endpoint with what it is."""
        endpoint = self._endpoints[position]
        if endpoint.type is not EndpointType.WORKLOAD:
            return self.one(position)
        host = ", host network" if endpoint.host_network else ""
        if endpoint.kind == "Pod":
            return f"{self.one(position)} (Pod{host})"
        return f"{self.one(position)} ({endpoint.kind}, {count(endpoint.pods, 'pod')}{host})"

    def together(self, given: int, *, besides: int = 0) -> list[str]:
        """Return the fewest names for a bit set of positions: whole namespaces, one name for all its addresses.

        `besides` are ends that need not be in the set for it to be called whole.
        """
        return self.some(given, besides=besides, most=None)[0]

    def some(self, given: int, *, besides: int = 0, most: int | None) -> tuple[list[str], int]:
        """Return the first `most` names of `together` (None: all) and how many there are: wide sets are not spelt out."""
        key = (given, besides, most)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._name(given, besides, most)
        return found

    def _name(self, given: int, besides: int, most: int | None) -> tuple[list[str], int]:
        others = list(positions(given & ~self._workloads))
        names = self._addresses(given & self._outside)
        whole, rest = self._workload_names(given & self._workloads, besides)
        nodes = [p for p in others if self._endpoints[p].type is not EndpointType.IP]
        names += whole
        total = len(names) + rest.bit_count() + len(nodes)
        names += [self.one(position) for position in islice(chain(positions(rest), nodes), most)]
        return (names if most is None else names[:most]), total

    def _addresses(self, given: int) -> list[str]:
        """Return the one name of a set of `ip` endpoints, if it holds any."""
        if not given:
            return []
        found = self._held.get(given)
        if found is None:
            held = IPSet.none()
            for position in positions(given):
                held = held | (self._endpoints[position].addresses or IPSet.none())
            found = self._held[given] = addresses_name(held)
        return [found]

    def _workload_names(self, given: int, besides: int) -> tuple[list[str], int]:
        """Return the names of what is whole, and the positions that are left.

        Endpoints are sorted by id, so a namespace is a run of positions: counted in the text of the set, not cut out of it.
        """
        if given & (given - 1) and not self._workloads & ~(given | besides):
            return ["all workloads" if not self._workloads & ~given else "all other workloads"], 0
        names = []
        rest = given
        text = bin(given)[:1:-1]
        for namespace, first, end in self._runs:
            count = text.count("1", first, end)
            if count < 2:
                continue
            members = ((1 << (end - first)) - 1) << first
            if count == end - first:
                names.append(f"all of {namespace}")
            elif besides & members and not members & ~(given | besides):
                names.append(f"all others of {namespace}")
            else:
                continue
            rest &= ~members
        return names, rest


def addresses_name(held: IPSet) -> str:
    """Return a set of outside addresses in words as few as they can be."""
    if held == IPSet.all():
        return ANY_OUTSIDE
    whole4, whole6 = held.v4 == IPSet.all().v4, held.v6 == IPSet.all().v6
    if whole4:
        rest = f", {describe(IPSet(v6=held.v6))}" if held.v6 else ""
        return f"any outside IPv4 address{rest}"
    if whole6:
        rest = f"{describe(IPSet(v4=held.v4))}, " if held.v4 else ""
        return f"{rest}any outside IPv6 address"
    return describe(held)
