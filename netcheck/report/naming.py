"""Endpoints as people name them: short where that is not ambiguous, whole namespaces and address ranges together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from netcheck.queries.results import Endpoint, EndpointType
from netcheck.report.layout import count
from netcheck.values.addresses import IPSet, describe

ANY_OUTSIDE = "any outside address"


class Names:
    """The names of the endpoints of one list."""

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        self._endpoints = endpoints
        self._uses = Counter((item.namespace, item.name) for item in endpoints if item.type is EndpointType.WORKLOAD)
        self._workloads = frozenset(n for n, item in enumerate(endpoints) if item.type is EndpointType.WORKLOAD)
        self._of_namespace: dict[str, set[int]] = {}
        for position in self._workloads:
            self._of_namespace.setdefault(endpoints[position].namespace, set()).add(position)

    def one(self, position: int) -> str:
        """Return the name of one endpoint."""
        endpoint = self._endpoints[position]
        if endpoint.type is EndpointType.IP:
            return addresses_name(endpoint.addresses or IPSet.none())
        if endpoint.type is EndpointType.NODE:
            return f"node {endpoint.name}"
        if endpoint.type is EndpointType.OWN_NODE:
            return "own node"
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

    def together(self, positions: Iterable[int], *, besides: frozenset[int] = frozenset()) -> list[str]:
        """Return the fewest names for a set: all workloads, whole namespaces, one name for all its addresses.

        `besides` are ends that need not be in the set for it to be called whole.
        """
        given = frozenset(positions)
        names = []
        held = IPSet.none()
        for position in given:
            if self._endpoints[position].type is EndpointType.IP:
                held = held | (self._endpoints[position].addresses or IPSet.none())
        if held:
            names.append(addresses_name(held))
        names += self._workload_names(given & self._workloads, besides)
        others = sorted(p for p in given - self._workloads if self._endpoints[p].type is not EndpointType.IP)
        return names + [self.one(position) for position in others]

    def _workload_names(self, given: frozenset[int], besides: frozenset[int]) -> list[str]:
        if len(given) > 1 and self._workloads <= given | besides:
            return ["all workloads" if self._workloads <= given else "all other workloads"]
        names = []
        rest = set(given)
        for namespace, members in sorted(self._of_namespace.items()):
            inside = members & given
            if len(inside) > 1 and members <= given | besides:
                names.append(f"all of {namespace}" if members <= given else f"all others of {namespace}")
                rest -= members
        return names + [self.one(position) for position in sorted(rest)]


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
