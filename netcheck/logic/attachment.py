"""Which routes are attached to which listeners, and to which Services of a mesh (GW-9 to GW-16, GW-32, GW-33).

`attachments` compiles a cluster once; what it gives is what routers, status reports and lint rules ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from netcheck.logic.admitted import lets_in
from netcheck.logic.ages import order_key
from netcheck.logic.backends import Backends
from netcheck.logic.conditions import FALSE, TRUE, condition, pending
from netcheck.logic.hostnames import ANY, intersection, suffixes
from netcheck.logic.listeners import BY_NAME, JudgedGateway, JudgedListener, JudgedSet, judge_gateways, orphan_sets
from netcheck.logic.route_conditions import incompatible, resolved_refs
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.gateway import GATEWAY_GROUP, Gateway, Listener, ListenerSet, ParentRef, Route, RouteKind
from netcheck.model.objects import Service
from netcheck.model.request import Condition

_NAMED = ("HTTPRoute", "GRPCRoute", "TLSRoute")
_MESH_RANK = ("GRPCRoute", "HTTPRoute", "TLSRoute", "TCPRoute", "UDPRoute")
"""Of several kinds on one Service port the first one is in force (GW-33)."""

_At = tuple[int, ParentRef]
"""A route, by its identity in memory, at one of its parents."""

Key = tuple[str, str, str, str, str]
"""Identity of a listener: Gateway namespace and name, ListenerSet namespace and name or empty, listener name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundListener:
    """A listener of a Gateway, its own or of a ListenerSet.

    Attributes:
        accepted: whether it takes traffic: its Gateway and ListenerSet are accepted, it is accepted and programmed.
        kinds: the kinds of route that it takes.
        attached: how many routes are attached to it, whether or not it takes traffic.
        reasons: the missing facts without which `accepted` may be wrong.
    """

    gateway: Gateway
    listener_set: ListenerSet | None
    listener: Listener
    accepted: bool
    kinds: tuple[RouteKind, ...]
    conditions: tuple[Condition, ...]
    attached: int
    reasons: tuple[Reason, ...] = ()

    @property
    def key(self) -> Key:
        """Its identity."""
        inner = self.listener_set
        names = (inner.namespace, inner.name) if inner is not None else ("", "")
        return (self.gateway.namespace, self.gateway.name, *names, self.listener.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A route that is attached to a listener. `hostnames` are the effective ones (GW-13); `("",)`: any.

    `reasons`: the missing facts without which it may not be attached.
    """

    route: Route
    parent: ParentRef
    bound: BoundListener
    hostnames: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshBinding:
    """A route that is in force for a Service port (GW-32). `port` None: the Service declares none."""

    route: Route
    parent: ParentRef
    service: Service
    port: int | None

    @property
    def is_producer(self) -> bool:
        """Whether it is in force for every client, not only for those of its own namespace."""
        return self.route.namespace == self.service.namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentStatus:
    """The status of a route at one parent. `controller` is empty where the GatewayClass is not loaded."""

    parent: ParentRef
    controller: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Attachments:
    """Everything that is attached to something in a cluster. Build with `attachments`."""

    gateways: tuple[JudgedGateway, ...]
    sets: tuple[JudgedSet, ...]
    mesh_bindings: tuple[MeshBinding, ...]
    backends: Backends
    _listeners: Mapping[tuple[str, str], tuple[BoundListener, ...]]
    _bindings: Mapping[Key, tuple[Binding, ...]]
    _parents: Mapping[tuple[str, str, str], tuple[ParentStatus, ...]]

    def listeners(self, gateway: Gateway) -> tuple[BoundListener, ...]:
        """Return the listeners of a Gateway in their merged order: its own, then those of ListenerSets (GW-10)."""
        return self._listeners.get((gateway.namespace, gateway.name), ())

    def bindings(self, bound: BoundListener) -> tuple[Binding, ...]:
        """Return the routes that are attached to a listener and accepted: oldest first, then by name."""
        return self._bindings.get(bound.key, ())

    def parents(self, route: Route) -> tuple[ParentStatus, ...]:
        """Return the status of a route at each of its parents, in the order of its manifest."""
        return self._parents.get((route.kind, route.namespace, route.name), ())


@dataclass(frozen=True, slots=True)
class _Try:
    """A route at a listener that its parentRef means: what hinders it, or its hostnames, or what is not known."""

    listener: JudgedListener
    failure: str = ""
    hostnames: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A route at one parent: every listener that is meant."""

    route: Route
    parent: ParentRef
    tries: tuple[_Try, ...]


def attachments(cluster: Cluster) -> Attachments:
    """Return what is attached in a cluster. Cost: routes times the listeners that their parents mean."""
    return _Compiler(cluster).compile()


class _Compiler:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.backends = Backends(cluster)
        self.gateways = judge_gateways(cluster, self.backends.certificates)
        self.orphans = orphan_sets(cluster)
        self.listeners: dict[tuple[str, str, str], tuple[JudgedListener, ...]] = {}
        self.controllers: dict[tuple[str, str, str], str] = {}
        self.admits: dict[tuple[int, str], bool | None] = {}
        for item in self.gateways:
            self._index("Gateway", item.gateway, item.listeners, item.controller)
            for one in item.sets:
                self._index("ListenerSet", one.listener_set, one.listeners, item.controller)
        for one in self.orphans:
            self._index("ListenerSet", one.listener_set, one.listeners, "")

    def _index(
        self, kind: str, holder: Gateway | ListenerSet, listeners: tuple[JudgedListener, ...], controller: str
    ) -> None:
        key = (kind, holder.namespace, holder.name)
        self.listeners[key] = listeners
        self.controllers[key] = controller

    def compile(self) -> Attachments:
        routes = sorted(self.cluster.routes, key=lambda item: (*order_key(item), item.kind))
        attempts = {id(route): [self._attempt(route, parent) for parent in self._parents(route)] for route in routes}
        bound, found = self._bind([item for route in routes for item in attempts[id(route)]])
        lost = _lost_to_other_kind(found)
        mesh, mesh_status = self._mesh(routes)
        parents: dict[tuple[str, str, str], tuple[ParentStatus, ...]] = {}
        for route in routes:
            mine = [self._status(item, mesh_status, lost) for item in attempts[id(route)]]
            parents[route.kind, route.namespace, route.name] = tuple(mine)
        return Attachments(
            gateways=self.gateways,
            sets=(*(one for item in self.gateways for one in item.sets), *self.orphans),
            mesh_bindings=mesh,
            backends=self.backends,
            _listeners=_by_gateway(self.gateways, bound),
            _bindings={key: _kept(items, lost) for key, items in found.items()},
            _parents=parents,
        )

    def _parents(self, route: Route) -> Iterator[ParentRef]:
        """Yield a route's parents: those that it names, and the default Gateways if it asks for them (GW-16)."""
        yield from route.parents
        if route.default_gateways:
            named = {(item.namespace, item.name) for item in route.parents}
            for item in self.cluster.gateways:
                if item.default_scope and (item.namespace, item.name) not in named:
                    yield ParentRef(namespace=item.namespace, name=item.name, place=route.place)

    # ---- one parent

    def _attempt(self, route: Route, parent: ParentRef) -> _Attempt:
        if parent.group != GATEWAY_GROUP:
            return _Attempt(route, parent, ())
        listeners = self.listeners.get((parent.kind, parent.namespace, parent.name), ())
        meant = (
            item
            for item in listeners
            if parent.section in ("", item.listener.name) and parent.port in (0, item.listener.port)
        )
        kind = RouteKind(GATEWAY_GROUP, route.kind)
        return _Attempt(route, parent, tuple(self._try(route, kind, item) for item in meant))

    def _try(self, route: Route, kind: RouteKind, item: JudgedListener) -> _Try:
        perhaps = kind in item.perhaps
        if kind not in item.kinds and not perhaps:
            return _Try(item, "NotAllowedByListeners")
        admitted = self._admits(item, route.namespace)
        if admitted is False:
            return _Try(item, "NotAllowedByListeners")
        host = item.listener.hostname if item.listener.protocol in BY_NAME else ANY
        hostnames = intersection(host, route.hostnames if route.kind in _NAMED else ())
        if not hostnames:
            return _Try(item, "NoMatchingListenerHostname")
        reasons: list[Reason] = []
        if perhaps:
            message = f"whether listener `{item.listener.name}` takes a {route.kind}"
            reasons.append(Reason(rule="GW-7", message=message, place=item.listener.place))
        if admitted is None:
            message = f"whether listener `{item.listener.name}` lets in namespace `{route.namespace}`: its labels are not known"
            reasons.append(Reason(rule="GW-9", message=message, place=item.listener.place))
        return _Try(item, "", hostnames, tuple(reasons))

    def _admits(self, item: JudgedListener, namespace: str) -> bool | None:
        key = (id(item), namespace)
        if key not in self.admits:
            holder = item.listener_set or item.gateway
            assert holder is not None
            self.admits[key] = lets_in(self.cluster, item.listener.namespaces, holder.namespace, namespace)
        return self.admits[key]

    # ---- all together

    def _bind(self, attempts: Iterable[_Attempt]) -> tuple[dict[int, BoundListener], dict[Key, list[Binding]]]:
        """Return the bound listener of each judged one, and what is attached to it, each route once."""
        attached: dict[int, dict[int, tuple[_Attempt, _Try]]] = {}
        for attempt in attempts:
            for one in attempt.tries:
                if not one.failure:
                    mine = attached.setdefault(id(one.listener), {})
                    if id(attempt.route) not in mine or mine[id(attempt.route)][1].reasons:
                        mine[id(attempt.route)] = (attempt, one)
        bound: dict[int, BoundListener] = {}
        found: dict[Key, list[Binding]] = {}
        for item in self._judged():
            mine = attached.get(id(item), {})
            certain = sum(not one.reasons for _, one in mine.values())
            bound[id(item)] = listener = _bound(item, certain)
            found[listener.key] = [
                Binding(
                    route=attempt.route,
                    parent=attempt.parent,
                    bound=listener,
                    hostnames=one.hostnames,
                    reasons=one.reasons,
                )
                for attempt, one in mine.values()
            ]
        return bound, found

    def _judged(self) -> Iterator[JudgedListener]:
        for item in self.gateways:
            yield from item.listeners
            for one in item.sets:
                yield from one.listeners

    def _status(
        self, attempt: _Attempt, mesh: Mapping[_At, Condition], lost: Mapping[tuple[Key, int], bool]
    ) -> ParentStatus:
        route, parent = attempt.route, attempt.parent
        is_mesh = (parent.group, parent.kind) == ("", "Service")
        accepted = mesh[id(route), parent] if is_mesh else self._accepted(attempt, lost)
        refs = resolved_refs(self.backends, route, mesh=is_mesh)
        wrong = incompatible(route)
        conditions = [accepted, refs]
        if wrong and accepted.status == TRUE:
            message = f"filters that exclude each other in rules {', '.join(map(str, wrong))}"
            if len(wrong) == len(route.rules):
                conditions[0] = condition("Accepted", FALSE, "IncompatibleFilters", message)
            else:
                conditions.append(condition("PartiallyInvalid", TRUE, "IncompatibleFilters", message))
        controller = self.controllers.get((parent.kind, parent.namespace, parent.name), "")
        return ParentStatus(parent=parent, controller=controller, conditions=tuple(conditions))

    def _accepted(self, attempt: _Attempt, lost: Mapping[tuple[Key, int], bool]) -> Condition:
        parent = attempt.parent
        what = f"{parent.kind} `{parent.namespace}/{parent.name}`"
        if parent.group != GATEWAY_GROUP or parent.kind not in ("Gateway", "ListenerSet"):
            return pending("Accepted", f"{what} of group `{parent.group}` is no parent that is known here")
        if (parent.kind, parent.namespace, parent.name) not in self.listeners:
            if self.backends.grants.knows(parent.namespace):
                return condition("Accepted", FALSE, "NoMatchingParent", f"{what} is not in the input")
            return pending("Accepted", f"whether {what} exists: the input does not define its namespace")
        if not attempt.tries:
            return condition("Accepted", FALSE, "NoMatchingParent", _no_listener(what, parent))
        good = [item for item in attempt.tries if not item.failure]
        if not good:
            return _refused(attempt)
        return _outcome(attempt.route, good, lost)

    # ---- mesh

    def _mesh(self, routes: Sequence[Route]) -> tuple[tuple[MeshBinding, ...], dict[_At, Condition]]:
        """Return the mesh bindings in force, and the condition Accepted of each parent that is a Service."""
        status: dict[_At, Condition] = {}
        wanted: list[MeshBinding] = []
        for route in routes:
            for parent in route.parents:
                if (parent.group, parent.kind) == ("", "Service"):
                    status[id(route), parent], ports = self._service_parent(route, parent)
                    wanted += ports
        best: dict[tuple[str, str, int | None, str], int] = {}
        for item in wanted:
            rank = _MESH_RANK.index(item.route.kind)
            best[_scope(item)] = min(rank, best.get(_scope(item), rank))
        kept = tuple(item for item in wanted if _MESH_RANK.index(item.route.kind) == best[_scope(item)])
        winners = {(id(item.route), item.parent) for item in kept}
        for item in wanted:
            if (id(item.route), item.parent) not in winners:
                message = f"a {_MESH_RANK[best[_scope(item)]]} is in force on every port of the Service that is meant"
                status[id(item.route), item.parent] = condition("Accepted", FALSE, "Conflicted", message)
        return kept, status

    def _service_parent(self, route: Route, parent: ParentRef) -> tuple[Condition, list[MeshBinding]]:
        what = f"Service `{parent.namespace}/{parent.name}`"
        service = self.backends.service(parent.namespace, parent.name)
        if service is None and self.backends.grants.knows(parent.namespace):
            return condition("Accepted", FALSE, "NoMatchingParent", f"{what} is not in the input"), []
        if service is None:
            return pending("Accepted", f"whether {what} exists: the input does not define its namespace"), []
        protocol = "UDP" if route.kind == "UDPRoute" else "TCP"
        ports = [
            item.port
            for item in service.ports
            if item.protocol == protocol and parent.port in (0, item.port) and parent.section in ("", item.name)
        ]
        if not ports and (service.ports or parent.port or parent.section):
            return condition("Accepted", FALSE, "NoMatchingParent", f"{what} has no such port"), []
        found = [
            MeshBinding(route=route, parent=parent, service=service, port=port) for port in ports or (None,)
        ]  # fmt: skip
        return condition("Accepted", TRUE, "Accepted"), found


def _scope(item: MeshBinding) -> tuple[str, str, int | None, str]:
    """Return what routes contend for: a Service port, for all clients or for those of one namespace."""
    scope = "" if item.is_producer else item.route.namespace
    return (item.service.namespace, item.service.name, item.port, scope)


def _bound(item: JudgedListener, attached: int) -> BoundListener:
    assert item.gateway is not None
    return BoundListener(
        gateway=item.gateway,
        listener_set=item.listener_set,
        listener=item.listener,
        accepted=item.takes_traffic,
        kinds=item.kinds,
        conditions=item.conditions,
        attached=attached,
        reasons=item.reasons,
    )


def _key(item: JudgedListener) -> Key:
    if item.gateway is None:
        return ("", "", "", "", item.listener.name)
    return _bound(item, 0).key


def _by_gateway(
    gateways: Sequence[JudgedGateway], bound: Mapping[int, BoundListener]
) -> dict[tuple[str, str], tuple[BoundListener, ...]]:
    return {
        (item.gateway.namespace, item.gateway.name): tuple(
            bound[id(one)] for one in (*item.listeners, *(each for inner in item.sets for each in inner.listeners))
        )
        for item in gateways
    }


def _kept(items: Sequence[Binding], lost: Mapping[tuple[Key, int], bool]) -> tuple[Binding, ...]:
    """Return the bindings that are not lost; those that may be lost say so."""
    found = []
    for item in items:
        certain = lost.get((item.bound.key, id(item.route)))
        if certain is None:
            found.append(item)
        elif not certain:
            message = f"whether {item.route.label} is older than routes of another kind with its hostnames"
            reason = Reason(rule="GW-14", message=message, place=item.route.place)
            found.append(replace(item, reasons=(*item.reasons, reason)))
    return tuple(found)


def _lost_to_other_kind(found: Mapping[Key, Sequence[Binding]]) -> dict[tuple[Key, int], bool]:
    """Return the bindings that lose to an older route of another kind with a common hostname (GW-14).

    The value tells whether that is certain; false: creation times are missing.
    """
    lost: dict[tuple[Key, int], bool] = {}
    for key, items in found.items():
        rivals = [item for item in items if item.route.kind in _OTHER]
        if len({item.route.kind for item in rivals}) > 1:
            lost.update(((key, position), certain) for position, certain in _losers(rivals))
    return lost


class _Hosts:
    """Hostnames that routes hold, to ask whether another route shares one: one of the two covers the other (GW-8)."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._covering: set[str] = set()

    def add(self, hostnames: Iterable[str]) -> None:
        for name in hostnames:
            self._held.add(name)
            self._covering.update(suffixes(name))

    def share(self, hostnames: Iterable[str]) -> bool:
        return any(
            name in self._covering or not self._held.isdisjoint(suffixes(name)) for name in hostnames
        )  # fmt: skip


_OTHER = {"HTTPRoute": "GRPCRoute", "GRPCRoute": "HTTPRoute"}


def _losers(items: Sequence[Binding]) -> Iterator[tuple[int, bool]]:
    """Yield the routes that lose, and whether that is certain: who has lost takes nothing from others.

    Routes without a creation time may be older than any other; so may those stand that only they could beat.
    """
    standing, perhaps, undated = ({kind: _Hosts() for kind in _OTHER} for _ in range(3))
    for item in items:
        if not item.route.created:
            undated[item.route.kind].add(item.hostnames)
    for item in sorted((one for one in items if one.route.created), key=lambda one: order_key(one.route)):
        kind, other = item.route.kind, _OTHER[item.route.kind]
        if standing[other].share(item.hostnames):
            yield id(item.route), True
        elif perhaps[other].share(item.hostnames) or undated[other].share(item.hostnames):
            perhaps[kind].add(item.hostnames)
            yield id(item.route), False
        else:
            standing[kind].add(item.hostnames)
    for item in (one for one in items if not one.route.created):
        other = _OTHER[item.route.kind]
        if any(hosts[other].share(item.hostnames) for hosts in (standing, perhaps, undated)):
            yield id(item.route), False


# ---- conditions of routes ------------------------------------------------------------------------------------------


def _no_listener(what: str, parent: ParentRef) -> str:
    asked = [f"name `{parent.section}`"] if parent.section else []
    asked += [f"port {parent.port}"] if parent.port else []
    return f"{what} has no listener of {' and '.join(asked)}" if asked else f"{what} has no listener"


def _refused(attempt: _Attempt) -> Condition:
    """Return why no listener that is meant takes the route: by hostname if everything else fits (GW-12)."""
    route = attempt.route
    if any(item.failure == "NoMatchingListenerHostname" for item in attempt.tries):
        hosts = ", ".join(sorted({item.listener.listener.hostname for item in attempt.tries if item.failure}))
        message = f"no hostname of the route is one of the listener's: {hosts}"
        return condition("Accepted", FALSE, "NoMatchingListenerHostname", message)
    kind = RouteKind(GATEWAY_GROUP, route.kind)
    if not any(kind in (*item.listener.kinds, *item.listener.perhaps) for item in attempt.tries):
        message = f"no listener that is meant takes a {route.kind}"
    else:
        message = f"no listener that is meant lets in routes of namespace `{route.namespace}`"
    return condition("Accepted", FALSE, "NotAllowedByListeners", message)


def _outcome(route: Route, good: Sequence[_Try], lost: Mapping[tuple[Key, int], bool]) -> Condition:
    """Return the condition of a route that at least one listener may take."""
    serving = [item for item in good if item.listener.takes_traffic]
    if not serving:
        names = ", ".join(f"`{item.listener.listener.name}`" for item in good)
        return condition("Accepted", FALSE, "NoMatchingParent", f"listener {names} takes no traffic itself")
    fates = [lost.get((_key(item.listener), id(route))) for item in serving]
    if any(
        fate is None and not item.reasons and not item.listener.reasons
        for fate, item in zip(fates, serving, strict=True)
    ):
        return condition("Accepted", TRUE, "Accepted")
    if all(fates):
        message = "an older route of another kind has one of its hostnames at every listener"
        return condition("Accepted", FALSE, "Conflicted", message)
    reasons = [reason.message for item in serving for reason in (*item.reasons, *item.listener.reasons)]
    return pending("Accepted", reasons[0] if reasons else "which of two routes is older is not known")
