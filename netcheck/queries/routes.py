"""All routes with their status: what `netcheck routes` asks of `netcheck.logic.attachment`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from netcheck.engines.requests import RequestEngine, Way
from netcheck.logic.attachment import Attachments, Binding, BoundListener, MeshBinding, ParentStatus, attachments
from netcheck.logic.listeners import JudgedGateway, JudgedListener, JudgedSet
from netcheck.logic.policy_conditions import policy_statuses
from netcheck.logic.route_conditions import mirrored
from netcheck.model.cluster import Cluster
from netcheck.model.gateway import BackendRef, Gateway, ParentRef, Redirect, Route, RouteRule
from netcheck.queries.ingress_lines import ingress_lines, openshift_lines
from netcheck.queries.requests import requests_to
from netcheck.queries.route_faults import faults
from netcheck.queries.route_matches import match_texts
from netcheck.queries.route_reach import MOST_MATCHES, MatchKey, MatchReach, count_matches, reach_of_matches
from netcheck.queries.route_results import (
    BackendLine,
    GatewayLine,
    ListenerLine,
    ParentLine,
    RouteLine,
    Routes,
    RuleLine,
    SetLine,
)

NamespaceTest = Callable[[str], bool]


def _any_namespace(_name: str) -> bool:
    return True


class Ask(Enum):
    """Whether to ask of each match if it is ever reached: unless there are too many, always, or never."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def routes(
    cluster: Cluster,
    *,
    in_scope: NamespaceTest = _any_namespace,
    ask: Ask = Ask.AUTO,
    target: tuple[str, str] | None = None,
) -> Routes:
    """Return every Gateway, route, BackendTLSPolicy, Ingress and OpenShift Route of the namespaces in scope.

    `target`: a Service, namespace and name, for which the requests that come to it are wanted too.

    Raises:
        SolverLimit: the solver gave up on the requests that come to `target`.

    """
    found = attachments(cluster)
    reach: Mapping[MatchKey, MatchReach] = {}
    matches = 0
    ways: tuple[Way, ...] = ()
    if target is not None or ask is not Ask.NEVER:
        engine = RequestEngine(cluster)
        matches = count_matches(engine)
        if ask is Ask.ALWAYS or (ask is Ask.AUTO and matches <= MOST_MATCHES):
            reach, matches = reach_of_matches(engine), 0
        if target is not None:
            ways = requests_to(engine, *target)
    lines = _Lines(cluster, found, reach)
    gateways = tuple(lines.gateway(item) for item in found.gateways if in_scope(item.gateway.namespace))
    sets = sorted(found.sets, key=lambda item: (item.listener_set.namespace, item.listener_set.name))
    shown = Routes(
        gateways=gateways,
        sets=tuple(lines.listener_set(item) for item in sets if in_scope(item.listener_set.namespace)),
        routes=tuple(lines.route(item) for item in cluster.routes if in_scope(item.namespace)),
        policies=tuple(item for item in policy_statuses(cluster, found) if in_scope(item.policy.namespace)),
        ingresses=tuple(
            item for item in ingress_lines(cluster, found.backends, reach) if in_scope(item.ingress.namespace)
        ),
        openshift=tuple(item for item in openshift_lines(cluster, found.backends, reach) if in_scope(item.route.namespace)),
    )  # fmt: skip
    return Routes(
        gateways=shown.gateways,
        sets=shown.sets,
        routes=shown.routes,
        policies=shown.policies,
        ingresses=shown.ingresses,
        openshift=shown.openshift,
        faults=faults(shown),
        target="/".join(target) if target is not None else "",
        ways=ways,
        not_asked=matches if ask is Ask.AUTO else 0,
    )


_At = tuple[str, str, str, ParentRef]


def _at(route: Route, parent: ParentRef) -> _At:
    return (route.kind, route.namespace, route.name, parent)


class _Lines:
    def __init__(self, cluster: Cluster, found: Attachments, reach: Mapping[MatchKey, MatchReach]) -> None:
        self._reach = reach
        self._found = found
        self._bound: dict[tuple[str, str, str, str, str], BoundListener] = {}
        self._of_parent: dict[_At, list[Binding]] = {}
        self._mesh: dict[_At, list[MeshBinding]] = {}
        for gateway in cluster.gateways:
            for bound in found.listeners(gateway):
                self._bound[bound.key] = bound
                for binding in found.bindings(bound):
                    self._of_parent.setdefault(_at(binding.route, binding.parent), []).append(binding)
        for item in found.mesh_bindings:
            self._mesh.setdefault(_at(item.route, item.parent), []).append(item)

    def gateway(self, item: JudgedGateway) -> GatewayLine:
        return GatewayLine(
            gateway=item.gateway,
            controller=item.controller,
            conditions=item.conditions,
            listeners=tuple(self._listener(one, item.gateway) for one in item.listeners),
            attached_sets=sum(one.conditions[0].status == "True" for one in item.sets),
        )

    def listener_set(self, item: JudgedSet) -> SetLine:
        return SetLine(
            listener_set=item.listener_set,
            gateway=item.gateway,
            conditions=item.conditions,
            listeners=tuple(self._listener(one, item.gateway) for one in item.listeners),
        )

    def _listener(self, item: JudgedListener, gateway: Gateway | None) -> ListenerLine:
        inner = item.listener_set
        names = (inner.namespace, inner.name) if inner is not None else ("", "")
        key = (gateway.namespace, gateway.name, *names, item.listener.name) if gateway is not None else None
        bound = self._bound.get(key) if key is not None else None
        if bound is None:
            return ListenerLine(listener=item.listener, kinds=item.kinds, conditions=item.conditions)
        return ListenerLine(
            listener=item.listener,
            kinds=item.kinds,
            conditions=item.conditions,
            attached=bound.attached,
            accepted=bound.accepted,
            bindings=self._found.bindings(bound),
        )

    def route(self, route: Route) -> RouteLine:
        mesh = all((item.group, item.kind) == ("", "Service") for item in route.parents) and bool(route.parents)
        return RouteLine(
            route=route,
            parents=tuple(self._parent(route, item) for item in self._found.parents(route)),
            rules=tuple(self._rule(route, number, rule, mesh=mesh) for number, rule in enumerate(route.rules)),
        )

    def _parent(self, route: Route, status: ParentStatus) -> ParentLine:
        return ParentLine(
            status=status,
            bindings=tuple(self._of_parent.get(_at(route, status.parent), ())),
            mesh=tuple(self._mesh.get(_at(route, status.parent), ())),
        )

    def _rule(self, route: Route, number: int, rule: RouteRule, *, mesh: bool) -> RuleLine:
        redirect = next((item for item in rule.filters if isinstance(item, Redirect)), None)
        backends = [self._backend(route, ref, mesh=mesh) for ref in rule.backends]
        backends += [self._backend(route, ref, mesh=mesh, mirror=True) for ref in mirrored(rule)]
        return RuleLine(
            position=number,
            rule=rule,
            matches=match_texts(rule),
            backends=tuple(backends),
            redirect=redirect,
            failure="" if redirect is not None or rule.backends else "500",
            reach=tuple(
                self._reach.get((route.kind, route.namespace, route.name, number, position))
                for position in (range(len(rule.matches)) if rule.matches else (-1,))
            ),
        )

    def _backend(self, route: Route, ref: BackendRef, *, mesh: bool, mirror: bool = False) -> BackendLine:
        found = self._found.backends.resolve(route, ref, mesh=mesh)
        return BackendLine(share=found.share, message=found.message, reasons=found.reasons, mirror=mirror)
