"""Ingresses of a class and OpenShift Routes as frontends: the order of ING-5, ING-6, ING-9, ING-10, ING-15 and ING-16."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netcheck.errors import Place
from netcheck.logic.requests import (
    ANY_HOST,
    ANY_PATH,
    Fact,
    Frontend,
    FrontendId,
    HostKind,
    HostTest,
    Line,
    Outcome,
    PathKind,
    PathTest,
    RequestPredicate,
    Tie,
    prefix,
    ranked,
)
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.gateway import Redirect
from netcheck.model.objects import Service
from netcheck.model.profile import Switch
from netcheck.model.request import Chosen, Scheme, Served, Share
from netcheck.model.routes import Ingress, IngressBackend, IngressPath, OpenShiftBackend, OpenShiftRoute

WEB = frozenset({Scheme.HTTP, Scheme.HTTPS, Scheme.GRPC})
SECURE = frozenset({Scheme.HTTPS, Scheme.TLS})
Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Classes:
    """Which class each Ingress has (ING-2, ING-3). `defaults` are the classes marked as such."""

    by_class: dict[str, list[Ingress]]
    defaults: tuple[str, ...]

    @staticmethod
    def of(cluster: Cluster) -> Classes:
        """Return the Ingresses by effective class; those without one are under the empty name."""
        defaults = tuple(sorted(item.name for item in cluster.ingress_classes if item.default))
        found: dict[str, list[Ingress]] = {}
        for ingress in cluster.ingresses:
            own = ingress.class_annotation or ingress.class_name
            fallen_back = defaults[0] if len(defaults) == 1 else ""
            found.setdefault(own or fallen_back, []).append(ingress)
        return Classes(found, defaults)


class Ingresses:
    """Frontends of the Ingress classes and of the OpenShift router."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.classes = Classes.of(cluster)
        self._services = {(item.namespace, item.name): item for item in cluster.services}
        self._known: dict[str, bool] = {}

    def _knows(self, namespace: str) -> bool:
        if namespace not in self._known:
            self._known[namespace] = self.cluster.knows_namespace(namespace)
        return self._known[namespace]

    # ---- Ingress -----------------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return the classes that some Ingress has or may have, in order."""
        several = len(self.classes.defaults) > 1 and "" in self.classes.by_class
        found = {*self.classes.by_class, *(self.classes.defaults if several else ())}
        return tuple(sorted(found - {""} if several else found))

    def has_tls(self, name: str) -> bool:
        """Return whether some Ingress that has the class for certain asks for TLS (ING-11)."""
        return any(item.tls for item in self._certain(name))

    def _certain(self, name: str) -> list[Ingress]:
        """Those without a class have none of several default ones for certain (ING-3)."""
        several = len(self.classes.defaults) > 1
        return [] if several and not name else self.classes.by_class.get(name, [])

    def at_class(self, name: str) -> Frontend:
        """Return the frontend of an Ingress class; of the empty name: of the Ingresses without one."""
        several = len(self.classes.defaults) > 1
        held: list[Held] = [(ingress, ()) for ingress in self._certain(name)]
        if several and name in self.classes.defaults:
            for ingress in self.classes.by_class.get("", []):
                held.append((ingress, (_class_fact(ingress, self.classes.defaults, name),)))
        lines = [line for ingress, facts in held for line in self._ingress(ingress, facts)]
        lines += _staying(held, lines)
        otherwise = Outcome(status=404)
        identity = FrontendId("Ingress", "", name)
        return Frontend(id=identity, entries=ranked(lines), otherwise=otherwise, tie=Tie.OPEN)

    def _ingress(self, ingress: Ingress, facts: tuple[Fact, ...]) -> Iterator[Line]:
        for number, rule in enumerate(ingress.rules):
            host, level = _ingress_host(rule.host)
            base = RequestPredicate(schemes=WEB, host=host, facts=facts)
            if rule.paths is None:
                yield self._without_paths(ingress, number, base, level)
            for place, item in enumerate(rule.paths or ()):
                outcome = self._to_backend(ingress, item.backend, number, place)
                predicate, key = self._path(item, base)
                yield _line(ingress, (level, *key), predicate, outcome, (number, place))
        if ingress.default_backend is not None:
            predicate = RequestPredicate(schemes=WEB, facts=facts)
            outcome = self._to_backend(ingress, ingress.default_backend, -1, -1)
            yield _line(ingress, _DEFAULT, predicate, outcome, (-1, -1))

    def _without_paths(self, ingress: Ingress, number: int, base: RequestPredicate, level: int) -> Line:
        """A rule without `http` sends all of its host to the default backend, or to the controller's own (ING-10).

        It is a prefix `/` that is not written.
        """
        backend = ingress.default_backend
        outcome = (
            self._to_backend(ingress, backend, number, -1)
            if backend is not None
            else Outcome(status=404, served=_served(ingress), chosen=_chosen(ingress, number, -1, None))
        )
        return _line(ingress, (level, 0, 1), base, outcome, (number, -1))

    def _path(self, item: IngressPath, base: RequestPredicate) -> tuple[RequestPredicate, Key]:
        """Return the predicate of a path and its order: the longest, of equal ones the exact one (ING-6)."""
        length = -len(item.path.removesuffix("/"))  # a prefix is as long without its last slash
        facts = base.facts
        kind = item.type
        if kind == "ImplementationSpecific" and self.cluster.profile.ingress_impl_specific is Switch.YES:
            kind = "Prefix"
        if kind == "Exact":
            path, key = PathTest(PathKind.EXACT, item.path), (-len(item.path), 0)
        elif kind == "Prefix":
            path, key = prefix(item.path), (length, 1)
        else:
            path, key = ANY_PATH, (length, 1)
            facts = (*facts, _specific(item))
        return RequestPredicate(schemes=WEB, host=base.host, path=path, facts=facts), key

    def _to_backend(self, ingress: Ingress, backend: IngressBackend, rule: int, place: int) -> Outcome:
        chosen = _chosen(ingress, rule, place, backend.place)
        served = _served(ingress)
        if not backend.service:
            kind, _, name = backend.resource.partition("/")
            share = Share(namespace=ingress.namespace, name=name, kind=kind, problem="InvalidKind", place=backend.place)
            message = f"what the resource backend `{backend.resource}` is, is left to the controller"
            reason = Reason(rule="ING-8", message=message, place=backend.place)
            return Outcome(served=served, chosen=chosen, shares=(share,), reasons=(reason,))
        share, reasons = self._share(ingress.namespace, backend.service, backend.port, backend.place)
        status = 500 if share.problem else None
        return Outcome(status=status, served=served, chosen=chosen, shares=(share,), reasons=reasons)

    def _share(
        self, namespace: str, name: str, port: int | str | None, place: Place | None, weight: int = 1
    ) -> tuple[Share, tuple[Reason, ...]]:
        """Return the share of a Service of the same namespace (ING-8, ING-15); `port` None or of pods: not looked up."""
        service = self._services.get((namespace, name))
        problem = ""
        reasons: tuple[Reason, ...] = ()
        if service is None and self._knows(namespace):
            problem = "BackendNotFound"
        elif service is None:
            message = f"whether Service `{namespace}/{name}` exists: the input does not define its namespace"
            reasons = (Reason(rule="ING-8", message=message, place=place),)
        elif service is not None and not _has_port(service, port):
            problem = "BackendNotFound"
        share = Share(namespace=namespace, name=name, port=port, weight=weight, problem=problem, place=place)
        return share, reasons

    # ---- OpenShift ---------------------------------------------------------------------------------------------

    def at_router(self) -> Frontend:
        """Return the frontend of the OpenShift router."""
        lines: list[Line] = []
        owners, path_owners = _owners(self.cluster.openshift_routes), _path_owners(self.cluster.openshift_routes)
        for route in self.cluster.openshift_routes:
            host = _route_host(route)
            facts = _ownership(route, owners[host], path_owners[_claim(route)])
            if facts is not None:
                lines += self._route(route, host, facts)
        unseen = RequestPredicate(schemes=frozenset({Scheme.TLS}))
        lines.append(Line(key=(9,), predicate=unseen, outcome=Outcome(refused="no passthrough Route has the name")))
        entries = ranked(lines)
        return Frontend(id=FrontendId("Router"), entries=entries, otherwise=Outcome(status=503))

    def _route(self, route: OpenShiftRoute, host: HostTest, facts: tuple[Fact, ...]) -> Iterator[Line]:
        level = {HostKind.EXACT: 1, HostKind.MADE_UP: 1}.get(host.kind, 2)
        chosen = Chosen(kind="Route", namespace=route.namespace, name=route.name, place=route.place)
        served = Served(kind="Route", namespace=route.namespace, name=route.name)
        backend = self._route_outcome(route, chosen, served)
        if route.termination == "passthrough":
            base = RequestPredicate(schemes=SECURE, sni=host, facts=facts)
            yield _route_line(route, (0, level), base, backend)
        length = -len(route.path.removesuffix("/"))
        path = prefix(route.path)
        if route.termination in ("edge", "reencrypt"):
            base = RequestPredicate(schemes=frozenset({Scheme.HTTPS}), host=host, path=path, facts=facts)
            yield _route_line(route, (1, level, length), base, backend)
        plain = RequestPredicate(schemes=frozenset({Scheme.HTTP}), host=host, path=path, facts=facts)
        if not route.termination or (route.insecure == "Allow" and route.termination != "passthrough"):
            yield _route_line(route, (1, level, length), plain, backend)
        elif route.insecure == "Redirect":
            to = Redirect(scheme="https", status=302)
            outcome = Outcome(status=302, served=served, chosen=chosen, redirect=to)
            yield _route_line(route, (1, level, length), plain, outcome)

    def _route_outcome(self, route: OpenShiftRoute, chosen: Chosen, served: Served) -> Outcome:
        weighted = [item for item in route.backends if item.weight > 0]
        found = [self._route_share(route, item) for item in weighted]
        shares = tuple(share for share, _ in found)
        reasons = tuple(reason for _, part in found for reason in part)
        reached = any(not share.problem for share in shares)
        if not reached and route.termination == "passthrough":
            return Outcome(refused="no backend takes the connection", served=served, chosen=chosen, shares=shares)
        status = None if reached else 503
        return Outcome(status=status, served=served, chosen=chosen, shares=shares, reasons=reasons)

    def _route_share(self, route: OpenShiftRoute, backend: OpenShiftBackend) -> tuple[Share, tuple[Reason, ...]]:
        share, reasons = self._share(route.namespace, backend.service, None, backend.place, backend.weight)
        return Share(
            namespace=share.namespace,
            name=share.name,
            port=route.target_port,
            weight=share.weight,
            problem=share.problem,
            place=share.place,
        ), reasons


def _has_port(service: Service, port: int | str | None) -> bool:
    """Return whether it is a port of the Service, by number or name; a Route does not name one of those."""
    return port is None or any(
        item.protocol == "TCP" and port in (item.port, item.name) and port != "" for item in service.ports
    )


def _chosen(ingress: Ingress, rule: int, place: int, where: Place | None) -> Chosen:
    return Chosen(
        kind="Ingress",
        namespace=ingress.namespace,
        name=ingress.name,
        rule=rule,
        match=place,
        place=where or ingress.place,
    )


def _served(ingress: Ingress) -> Served:
    return Served(kind="Ingress", namespace=ingress.namespace, name=ingress.name)


def _class_fact(ingress: Ingress, defaults: tuple[str, ...], name: str) -> Fact:
    """Several default classes: the newest one took it, and the input does not tell which that is (ING-3)."""
    message = f"which of the default classes {', '.join(defaults)} {ingress.label} got is not known"
    reason = Reason(rule="ING-3", message=message, place=ingress.place)
    return Fact(f"class of {ingress.label}", name, defaults, reason)


_DEFAULT: Key = (9,)
_NO_DEFAULT = Line(key=_DEFAULT, predicate=RequestPredicate(schemes=WEB), outcome=Outcome(status=404))
Held = tuple[Ingress, tuple[Fact, ...]]
"""An Ingress, and the facts on which it rests whether it is of the class."""


def _staying(held: Sequence[Held], lines: Sequence[Line]) -> Iterator[Line]:
    """Yield, behind the paths of each host, that a controller may keep to it and try no broader one (ING-5).

    It then answers as if no rule fitted: by the default backend, or 404.
    """
    hosts = dict.fromkeys((*_ingress_host(rule.host), facts) for ingress, facts in held for rule in ingress.rules)
    broadest = max((level for _, level, _ in hosts), default=0)
    defaults = [line for line in lines if line.key == _DEFAULT]
    certain = any(not line.predicate.facts for line in defaults)
    for host, level, facts in hosts:
        if level == broadest:
            continue
        kept = (*facts, _keeps_to(host))
        for line in defaults:
            predicate = RequestPredicate(schemes=WEB, host=host, facts=(*line.predicate.facts, *kept))
            yield replace(line, key=(level, 1), predicate=predicate)
        if not certain:
            predicate = RequestPredicate(schemes=WEB, host=host, facts=kept)
            yield replace(_NO_DEFAULT, key=(level, 2), predicate=predicate)


def _keeps_to(host: HostTest) -> Fact:
    message = (
        f"no path of the rules that name `{host.name}` most closely fits: whether rules of broader hosts are tried then is up to "
        "the controller"
    )
    return Fact("the controller keeps to the closest host", reason=Reason(rule="ING-5", message=message))


def _specific(item: IngressPath) -> Fact:
    message = f"what the path `{item.path}` of type ImplementationSpecific matches is left to the controller"
    return Fact(f"path specific {item.path}", reason=Reason(rule="ING-6", message=message, place=item.place))


def _ingress_host(host: str) -> tuple[HostTest, int]:
    if not host:
        return ANY_HOST, 3
    if host.startswith("*."):
        return HostTest(HostKind.CHILD, host[2:]), 2
    return HostTest(HostKind.EXACT, host), 1


def _line(ingress: Ingress, key: Key, predicate: RequestPredicate, outcome: Outcome, order: tuple[int, int]) -> Line:
    return Line(
        key=key,
        predicate=predicate,
        outcome=outcome,
        owner=ingress.label,
        order=(f"{ingress.namespace}/{ingress.name}", *order),
        created=ingress.created,
        place=ingress.place,
    )


def _route_line(route: OpenShiftRoute, key: Key, predicate: RequestPredicate, outcome: Outcome) -> Line:
    return Line(
        key=key,
        predicate=predicate,
        outcome=outcome,
        owner=route.label,
        order=(f"{route.namespace}/{route.name}", 0, 0),
        created=route.created,
        place=route.place,
    )


# ---- hosts of OpenShift Routes -------------------------------------------------------------------------------------


def _route_host(route: OpenShiftRoute) -> HostTest:
    if not route.host:
        return HostTest(HostKind.MADE_UP, f"{route.name}-{route.namespace}")
    if route.subdomain:
        return HostTest(HostKind.CHILD, route.host.partition(".")[2])
    return HostTest(HostKind.EXACT, route.host)


Claim = tuple[HostTest, str, str]


def _owners(routes: Sequence[OpenShiftRoute]) -> dict[HostTest, tuple[str, ...]]:
    """Return the namespaces that may own each host: that of the oldest Route, as far as ages are known (ING-16)."""
    claims: dict[HostTest, list[OpenShiftRoute]] = {}
    for route in routes:
        claims.setdefault(_route_host(route), []).append(route)
    return {host: tuple(sorted({item.namespace for item in _oldest(found)})) for host, found in claims.items()}


def _path_owners(routes: Sequence[OpenShiftRoute]) -> dict[Claim, tuple[str, ...]]:
    """Return the Routes that may own each host and path in their namespace: again the oldest (ING-16)."""
    claims: dict[Claim, list[OpenShiftRoute]] = {}
    for route in routes:
        claims.setdefault(_claim(route), []).append(route)
    return {claim: tuple(sorted(item.name for item in _oldest(found))) for claim, found in claims.items()}


def _claim(route: OpenShiftRoute) -> Claim:
    return (_route_host(route), route.namespace, route.path)


def _oldest(routes: Sequence[OpenShiftRoute]) -> list[OpenShiftRoute]:
    """Return the Routes that may be the oldest: the oldest of those with an age, and all without."""
    dated = [route for route in routes if route.created]
    oldest = min(dated, key=lambda route: (route.created, f"{route.namespace}/{route.name}"), default=None)
    return [route for route in routes if not route.created or route is oldest]


def _ownership(route: OpenShiftRoute, owners: tuple[str, ...], path_owners: tuple[str, ...]) -> tuple[Fact, ...] | None:
    """Return the facts on which it rests whether the Route is admitted; None iff it is not."""
    if not route.host:
        message = f"the host that the router makes up for {route.label} is not known"
        return (Fact(f"host of {route.label}", reason=Reason(rule="ING-15", message=message, place=route.place)),)
    if route.namespace not in owners or route.name not in path_owners:
        return None
    facts: list[Fact] = []
    if len(owners) > 1:
        facts.append(_owner_fact(route, f"host `{route.host}`", route.namespace, owners))
    if len(path_owners) > 1:
        what = f"host `{route.host}` and path `{route.path or '/'}` in {route.namespace}"
        facts.append(_owner_fact(route, what, route.name, path_owners))
    return tuple(facts)


def _owner_fact(route: OpenShiftRoute, what: str, value: str, owners: tuple[str, ...]) -> Fact:
    message = f"which of {', '.join(owners)} owns the {what}: Routes lack creationTimestamps"
    reason = Reason(rule="ING-16", message=message, place=route.place)
    kind = "wildcard " if route.subdomain else ""
    return Fact(f"owner of the {kind}{what}", value, owners, reason)
