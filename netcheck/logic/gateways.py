"""Gateway listeners and mesh routes as frontends: the order of GW-6, GW-18, GW-19, GW-20, GW-33 and GW-36."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from netcheck.logic.attachment import Attachments, Binding, BoundListener, MeshBinding
from netcheck.logic.backends import Backends
from netcheck.logic.hostnames import covers
from netcheck.logic.requests import (
    ANY_HOST,
    ANY_PATH,
    Fact,
    FieldTest,
    Frontend,
    FrontendId,
    HostKind,
    HostSet,
    HostTest,
    Line,
    Outcome,
    PathKind,
    PathTest,
    RequestPredicate,
    host_test,
    prefix,
    ranked,
)
from netcheck.model.flow import Reason
from netcheck.model.gateway import (
    BackendRef,
    Extension,
    FieldMatch,
    Gateway,
    GRPCMatch,
    HTTPMatch,
    MatchType,
    Mirror,
    Redirect,
    Route,
    RouteRule,
)
from netcheck.model.objects import Service
from netcheck.model.profile import Switch
from netcheck.model.request import Chosen, Scheme, Served, Share

CLOSED = "no backend takes the connection"
NO_LISTENER = "no listener takes the connection"
KIND_ORDER = ("GRPCRoute", "HTTPRoute", "TLSRoute", "TCPRoute", "UDPRoute")
"""Which kind wins on one Service port (GW-33)."""

WEB = frozenset({Scheme.HTTP, Scheme.GRPC})
SECURE = frozenset({Scheme.HTTPS, Scheme.TLS})
SPOKEN = {
    "GRPCRoute": WEB,
    "HTTPRoute": WEB,
    "TLSRoute": SECURE,
    "TCPRoute": WEB | SECURE | {Scheme.TCP},
    "UDPRoute": frozenset({Scheme.UDP}),
}
"""What routes see where the listener or Service port tells nothing else; TLS that the client itself speaks hides what is inside."""
Key = tuple[int, ...]
HTTP_KINDS = ("HTTPRoute", "GRPCRoute")


def specificity(hostname: str) -> tuple[int, int, str]:
    """Return the sort key of listeners on one port: exact, then the longest wildcard, then none (GW-6)."""
    if not hostname:
        return (2, 0, "")
    return (1, -hostname.count("."), hostname) if hostname.startswith("*.") else (0, 0, hostname)


class Gateways:
    """Frontends of the Gateways and Services of a cluster."""

    def __init__(self, attachments: Attachments, backends: Backends) -> None:
        self.attachments = attachments
        self.backends = backends
        self._outcomes: dict[tuple[int, int, Served], Outcome] = {}
        self._mesh: dict[tuple[str, str], list[MeshBinding]] = {}
        for binding in attachments.mesh_bindings:
            self._mesh.setdefault((binding.service.namespace, binding.service.name), []).append(binding)

    # ---- Gateways ----------------------------------------------------------------------------------------------

    def listeners(self, gateway: Gateway) -> tuple[BoundListener, ...]:
        """Return the listeners of the Gateway that take traffic or may take it."""
        return tuple(bound for bound in self.attachments.listeners(gateway) if bound.accepted or bound.reasons)

    def ports(self, gateway: Gateway) -> tuple[int, ...]:
        """Return the ports on which the Gateway listens, in order."""
        return tuple(sorted({bound.listener.port for bound in self.listeners(gateway)}))

    def is_clear(self, gateway: Gateway, port: int) -> bool:
        """Return whether plain HTTP is spoken on the port."""
        return any((item.listener.port, item.listener.protocol) == (port, "HTTP") for item in self.listeners(gateway))

    def at_port(self, gateway: Gateway, port: int, isolation: Switch, *, over_tls: bool = False) -> Frontend:
        """Return the frontend of a Gateway's port, if implementations do or do not isolate listeners.

        `over_tls`: calls of gRPC come over TLS; else over plain HTTP wherever that is spoken (GW-3).
        """
        here = [bound for bound in self.listeners(gateway) if bound.listener.port == port]
        here.sort(key=lambda bound: specificity(bound.listener.hostname))
        by_protocol = {
            protocol: [bound for bound in here if bound.listener.protocol == protocol]
            for protocol in ("HTTP", "TCP", "UDP")
        }
        secure = [bound for bound in here if bound.listener.protocol in ("HTTPS", "TLS")]
        isolated = isolation is Switch.YES
        clear = by_protocol["HTTP"]
        grpc = frozenset({Scheme.GRPC})
        in_clear = frozenset() if over_tls else grpc
        secured = grpc if over_tls or all(bound.reasons for bound in clear) else frozenset()
        lines = [*self._clear(clear, in_clear, isolated=isolated), *self._secure(secure, secured, isolated=isolated)]
        lines += _custom(here)
        for kind in ("TCPRoute", "UDPRoute"):
            for bound in by_protocol[kind.removesuffix("Route")]:
                lines += self._plain(bound, (9,), RequestPredicate(schemes=SPOKEN[kind]))
        name = FrontendId("Gateway", gateway.namespace, gateway.name, port)
        return Frontend(id=name, entries=ranked(lines), otherwise=Outcome(refused=NO_LISTENER))

    def _clear(self, listeners: Sequence[BoundListener], grpc: frozenset[Scheme], *, isolated: bool) -> Iterator[Line]:
        base = RequestPredicate(schemes=grpc | {Scheme.HTTP})
        for level, bound in enumerate(listeners):
            yield from self._section((0, level), bound, _pool(bound, listeners, isolated=isolated), base)
        for bound in _some_certain(listeners):
            caught = replace(base, facts=_listener_facts(bound))
            yield Line(key=(0, len(listeners)), predicate=caught, outcome=Outcome(status=404))

    def _section(
        self, level: Key, bound: BoundListener, pool: Sequence[BoundListener], base: RequestPredicate
    ) -> Iterator[Line]:
        """Yield what a listener serves, then the answer to whatever else comes to it."""
        here = replace(base, facts=_united(base.facts, _listener_facts(bound)))
        for member in pool:
            extra = () if member is bound else _listener_facts(member)
            for binding in self.attachments.bindings(member):
                if binding.route.kind in HTTP_KINDS:
                    yield from self._http(level, bound, binding, replace(here, facts=(*here.facts, *extra)))
        caught = replace(here, host=host_test(bound.listener.hostname))
        yield Line(key=(*level, 1), predicate=caught, outcome=Outcome(status=404, served=_served(bound)))

    def _http(self, level: Key, bound: BoundListener, binding: Binding, base: RequestPredicate) -> Iterator[Line]:
        own = host_test(bound.listener.hostname)
        facts = (*base.facts, *_binding_facts(binding))
        for hostname in binding.hostnames:
            host = host_test(hostname)
            also = () if _inside(host, own) else (own,)
            here = replace(base, host=host, also_host=also, facts=facts)
            for line in self._rules(binding.route, here, _served(binding.bound)):
                outcome = replace(line.outcome, encrypted=bound.listener.protocol == "HTTPS")
                key = (*level, 0, *_host_key(binding.route, hostname), *line.key)
                yield replace(line, key=key, outcome=outcome)

    # ---- TLS ---------------------------------------------------------------------------------------------------

    def _secure(self, listeners: Sequence[BoundListener], grpc: frozenset[Scheme], *, isolated: bool) -> Iterator[Line]:
        """Yield the lines of HTTPS and TLS listeners: the SNI chooses one, and the Host must agree with it (GW-36)."""
        schemes = grpc | {Scheme.HTTPS}
        fellows = [item for item in listeners if item.listener.protocol == "HTTPS"]
        everyone = tuple(_together(listeners))
        for level, (bound, chosen) in enumerate(_turns(listeners)):
            own = host_test(bound.listener.hostname)
            if bound.listener.protocol == "TLS":
                passed = RequestPredicate(schemes=schemes | {Scheme.TLS}, facts=chosen)
                yield from self._passed((1, level), bound, passed)
                continue
            base = RequestPredicate(schemes=schemes, sni=own, facts=_united(chosen, _listener_facts(bound)))
            lost = Outcome(status=421, served=_served(bound))
            inside = [item for item in listeners if _is_more_specific(item, bound)]
            for place, others in ((-1, tuple(_together(inside))), (2, everyone)):
                for host, facts in others:
                    elsewhere = replace(base, also_host=(host,), facts=(*base.facts, *facts))
                    yield Line(key=(1, level, place), predicate=elsewhere, outcome=lost)
            yield from self._section((1, level), bound, _pool(bound, fellows, isolated=isolated), base)
            yield Line(key=(1, level, 3), predicate=base, outcome=Outcome(status=404, served=_served(bound)))
            opened = replace(base, schemes=frozenset({Scheme.TLS}))
            yield Line(key=(1, level, 4), predicate=opened, outcome=Outcome(refused=CLOSED))
        for bound in _some_certain(listeners):
            caught = RequestPredicate(schemes=schemes | {Scheme.TLS}, facts=_listener_facts(bound))
            yield Line(key=(2,), predicate=caught, outcome=Outcome(refused=NO_LISTENER))

    def _passed(self, level: Key, bound: BoundListener, base: RequestPredicate) -> Iterator[Line]:
        """Yield what a TLS listener does: TLSRoutes by SNI, then TCPRoutes (GW-20)."""
        for binding in self.attachments.bindings(bound):
            if binding.route.kind != "TLSRoute":
                continue
            facts = (*_united(base.facts, _listener_facts(bound)), *_binding_facts(binding))
            for hostname in binding.hostnames:
                here = replace(base, sni=host_test(hostname), facts=facts)
                for line in self._rules(binding.route, here, _served(bound)):
                    yield replace(line, key=(*level, 0, *_host_key(binding.route, hostname)))
        yield from self._plain(bound, (*level, 1), replace(base, sni=host_test(bound.listener.hostname)))

    def _plain(self, bound: BoundListener, level: Key, base: RequestPredicate) -> Iterator[Line]:
        """Yield routes without matches, which are all tied (GW-20), then the refusal of the rest."""
        here = replace(base, facts=_united(base.facts, _listener_facts(bound)))
        for binding in self.attachments.bindings(bound):
            if binding.route.kind in ("TCPRoute", "UDPRoute"):
                facts = (*here.facts, *_binding_facts(binding))
                for line in self._rules(binding.route, replace(here, facts=facts), _served(bound)):
                    yield replace(line, key=(*level, 0))
        yield Line(key=(*level, 1), predicate=here, outcome=Outcome(refused=CLOSED, served=_served(bound)))

    # ---- mesh --------------------------------------------------------------------------------------------------

    def services(self) -> tuple[tuple[Service, int], ...]:
        """Return the Service ports that have routes, in order."""
        found = {
            (name, binding.port): binding.service
            for name, bindings in sorted(self._mesh.items())
            for binding in bindings
            if binding.port
        }
        return tuple((found[name, port], port) for name, port in sorted(found))

    def consumers(self, service: Service) -> tuple[str, ...]:
        """Return the namespaces that have routes of their own for a Service (GW-32)."""
        bindings = self._mesh.get((service.namespace, service.name), ())
        return tuple(sorted({item.route.namespace for item in bindings if not item.is_producer}))

    def at_service(self, service: Service, port: int, client: str, *, udp: bool) -> Frontend | None:
        """Return the frontend of a Service port for clients of a namespace (GW-32); None iff no route is for them.

        `udp` tells which of two ports with one number is meant. Routes of the clients' own namespace take the place of
        those of the Service's.
        """
        there = [
            item
            for item in self._mesh.get((service.namespace, service.name), ())
            if item.port in (None, port) and (item.route.kind == "UDPRoute") == udp
        ]
        own = [item for item in there if not item.is_producer and item.route.namespace == client]
        chosen = own or [item for item in there if item.is_producer]
        best = next((kind for kind in KIND_ORDER if any(item.route.kind == kind for item in chosen)), "")
        if not best:
            return None
        served = Served(kind="Service", namespace=service.namespace, name=service.name)
        spoken = RequestPredicate(schemes=SPOKEN[best])
        lines = [
            line
            for item in chosen
            if item.route.kind == best
            for line in self._rules(item.route, spoken, served, mesh=True)
        ]
        if best in HTTP_KINDS:
            lines.append(Line(key=(9,), predicate=spoken, outcome=Outcome(status=404, served=served)))
        name = FrontendId("Service", service.namespace, service.name, port, client if own else "")
        return Frontend(id=name, entries=ranked(lines), otherwise=Outcome(refused=CLOSED, served=served))

    # ---- rules -------------------------------------------------------------------------------------------------

    def _rules(self, route: Route, base: RequestPredicate, served: Served, *, mesh: bool = False) -> Iterator[Line]:
        rules = route.rules or (
            RouteRule(matches=(HTTPMatch(),)),
        )  # without rules: a catch-all without backend (GW-23)
        for number, rule in enumerate(rules):
            outcome = self._outcome(route, number, rule, served, mesh=mesh)
            for place, match in enumerate(rule.matches):
                predicate, key = _http_match(match, base) if isinstance(match, HTTPMatch) else _grpc_match(match, base)
                yield _route_line(route, key, predicate, _of_match(outcome, place, match), (number, place))
            if not rule.matches:
                yield _route_line(route, (), base, outcome, (number, -1))

    def _outcome(self, route: Route, number: int, rule: RouteRule, served: Served, *, mesh: bool) -> Outcome:
        key = (id(route), number, served)
        found = self._outcomes.get(key)
        if found is None:
            found = self._outcomes[key] = self._new_outcome(route, number, rule, served, mesh=mesh)
        return found

    def _new_outcome(self, route: Route, number: int, rule: RouteRule, served: Served, *, mesh: bool) -> Outcome:
        chosen = Chosen(
            kind=route.kind,
            namespace=route.namespace,
            name=route.name,
            rule=number,
            rule_name=rule.name,
            place=rule.place or route.place,
        )
        refs = [ref for ref in rule.backends if ref.weight > 0]
        filters = [*rule.filters, *(item for ref in refs for item in ref.filters)]
        reasons = [_extension(item) for item in filters if isinstance(item, Extension)]
        copies = [item.backend for item in filters if isinstance(item, Mirror) and item.percent > 0]
        mirrors, mirror_reasons = self._shares(route, copies, mesh=mesh)
        redirect = next((item for item in rule.filters if isinstance(item, Redirect)), None)
        if redirect is not None:
            reasons += mirror_reasons
            status = redirect.status
            return Outcome(
                status=status,
                served=served,
                chosen=chosen,
                mirrors=mirrors,
                redirect=redirect,
                prefix="" if route.kind == "HTTPRoute" else None,
                reasons=tuple(reasons),
            )
        shares, share_reasons = self._shares(route, refs, mesh=mesh)
        reasons += [*share_reasons, *mirror_reasons]
        answered = any(not share.problem for share in shares)
        unweighted = bool(rule.backends) and not refs  # which status is answered is not specified (GW-22)
        http = route.kind in HTTP_KINDS
        return Outcome(
            status=None if answered or unweighted or not http else 500,
            refused="" if answered or http else CLOSED,
            served=served,
            chosen=chosen,
            shares=shares,
            mirrors=mirrors,
            reasons=tuple(dict.fromkeys(reasons)),
        )

    def _shares(
        self, route: Route, refs: Iterable[BackendRef], *, mesh: bool
    ) -> tuple[tuple[Share, ...], list[Reason]]:
        found = [self.backends.resolve(route, ref, mesh=mesh) for ref in refs]
        return tuple(item.share for item in found), [reason for item in found for reason in item.reasons]


def _listener_facts(bound: BoundListener) -> tuple[Fact, ...]:
    key = f"listener {' '.join(bound.key)}"
    return (Fact(key, reason=bound.reasons[0]),) if bound.reasons else ()


def _binding_facts(binding: Binding) -> tuple[Fact, ...]:
    key = f"{binding.route.label} at listener {' '.join(binding.bound.key)}"
    return (Fact(key, reason=binding.reasons[0]),) if binding.reasons else ()


def _united(facts: tuple[Fact, ...], others: tuple[Fact, ...]) -> tuple[Fact, ...]:
    return tuple(dict.fromkeys((*facts, *others)))


def _turns(listeners: Sequence[BoundListener]) -> Iterator[tuple[BoundListener, tuple[Fact, ...]]]:
    """Yield the listeners in the order in which they get connections, with what must hold for that.

    Of a HTTPS and a TLS listener with one host name either may come first: GW-4 tells listeners apart within a protocol
    only. One that comes first may not be there; then the others get their turn.
    """
    for hostname, group in groupby(listeners, key=lambda bound: bound.listener.hostname):
        equal = tuple(group)
        if len(equal) == 1:
            yield equal[0], ()
            continue
        labels = tuple(" ".join(bound.key) for bound in equal)
        message = f"listeners {' and '.join(f'`{name}`' for name in labels)} are on one port with one host name"
        reason = Reason(rule="GW-4", message=message, place=equal[0].listener.place)
        key = f"listener for {hostname or 'any host'} on port {equal[0].listener.port}"
        yield from ((bound, (Fact(key, label, labels, reason),)) for bound, label in zip(equal, labels, strict=True))
        if any(bound.reasons for bound in equal):
            yield from ((bound, ()) for bound in equal)


def _is_more_specific(one: BoundListener, other: BoundListener) -> bool:
    inner, outer = host_test(one.listener.hostname), host_test(other.listener.hostname)
    return inner != outer and _inside(inner, outer)


def _custom(listeners: Sequence[BoundListener]) -> Iterator[Line]:
    """Yield that it is not known what a protocol of an implementation does with what nobody else takes (GW-3)."""
    for bound in listeners:
        if bound.listener.has_own_protocol:
            message = f"what protocol `{bound.listener.protocol}` means is up to the implementation"
            reason = Reason(rule="GW-3", message=message, place=bound.listener.place)
            yield Line(key=(10,), predicate=RequestPredicate(), outcome=Outcome(reasons=(reason,)))


def _some_certain(listeners: Sequence[BoundListener]) -> Sequence[BoundListener]:
    """Return one listener that is there for certain, or else all."""
    certain = [bound for bound in listeners if not bound.reasons]
    return certain[:1] or listeners


def _together(listeners: Sequence[BoundListener]) -> Iterator[tuple[HostSet, tuple[Fact, ...]]]:
    """Yield the hosts of listeners that are there for certain as one set, those of each other one by itself."""
    certain = frozenset(host_test(bound.listener.hostname) for bound in listeners if not bound.reasons)
    if certain:
        yield HostSet(certain), ()
    for bound in listeners:
        if bound.reasons:
            yield HostSet(frozenset({host_test(bound.listener.hostname)})), _listener_facts(bound)


def _pool(bound: BoundListener, listeners: Sequence[BoundListener], *, isolated: bool) -> list[BoundListener]:
    """Return the listeners whose routes serve what comes to `bound`: without isolation those that cover it too (GW-6)."""
    if isolated:
        return [bound]
    own = host_test(bound.listener.hostname)
    return [item for item in listeners if _inside(own, host_test(item.listener.hostname))]


def _inside(test: HostTest, other: HostTest) -> bool:
    """Return whether a hostname's hosts are among another's."""
    return other in (ANY_HOST, test) or (other.kind is HostKind.BELOW and other.holds(test.name))


def _route_line(route: Route, key: Key, predicate: RequestPredicate, outcome: Outcome, order: tuple[int, int]) -> Line:
    return Line(
        key=key,
        predicate=predicate,
        outcome=outcome,
        owner=route.label,
        order=(f"{route.namespace}/{route.name}", *order),
        created=route.created,
        place=route.place,
    )


def _served(bound: BoundListener) -> Served:
    owner = bound.listener_set or bound.gateway
    kind = "ListenerSet" if bound.listener_set else "Gateway"
    return Served(kind=kind, namespace=owner.namespace, name=owner.name, listener=bound.listener.name)


def _host_key(route: Route, effective: str) -> tuple[int, int]:
    """Return GW-18 (1) and (2): characters of a matching hostname without wildcard, then of any.

    It is the route's own hostname that counts, not what the listener leaves of it; a route without has none.
    """
    own = (name for name in route.hostnames if covers(name, effective))
    return min(((0 if name.startswith("*") else -len(name), -len(name)) for name in own), default=(0, 0))


def _of_match(outcome: Outcome, place: int, match: HTTPMatch | GRPCMatch) -> Outcome:
    assert outcome.chosen is not None
    has_prefix = isinstance(match, HTTPMatch) and match.path_type is MatchType.PATH_PREFIX
    prefix = match.path if isinstance(match, HTTPMatch) and has_prefix else None
    return replace(outcome, chosen=replace(outcome.chosen, match=place), prefix=prefix)


def _extension(item: Extension) -> Reason:
    name = f"{item.kind} {item.name}".strip() or item.type
    return Reason(rule="GW-21", message=f"what the filter {item.type} ({name}) does is not known", place=item.place)


# ---- matches -----------------------------------------------------------------------------------------------------


def _http_match(match: HTTPMatch, base: RequestPredicate) -> tuple[RequestPredicate, Key]:
    """Return a match and its place in the order of GW-18, after the hostname."""
    headers, query = _fields(match.headers, "header"), _fields(match.query, "query parameter")
    count = len(headers)
    base, headers = _host_header(base, headers)
    facts = base.facts
    path, path_key = ANY_PATH, (0, 0)  # where a regular expression stands is left to implementations: it may be first
    if match.path_type is MatchType.REGULAR_EXPRESSION:
        facts = (*facts, _regular("path", match.path))
    elif match.path_type is MatchType.EXACT:
        path, path_key = PathTest(PathKind.EXACT, match.path), (1, 0)
    else:
        path, path_key = prefix(match.path), (2, -len(match.path))
    predicate = replace(base, path=path, method=match.method, headers=headers, query=query, facts=facts)
    return predicate, (1, *path_key, 0 if match.method else 1, -count, -len(query))


def _grpc_match(match: GRPCMatch, base: RequestPredicate) -> tuple[RequestPredicate, Key]:
    """Return a match and its place in the order of GW-19, after the hostname."""
    base, headers = _host_header(base, _fields(match.headers, "header"))
    base = replace(base, schemes=base.schemes & {Scheme.GRPC}, headers=headers)
    key = (0, 1, -len(match.service), -len(match.method), -len(match.headers), 0)
    if match.type is MatchType.REGULAR_EXPRESSION and (match.service or match.method):
        fact = _regular("gRPC service and method", f"/{match.service}/{match.method}")
        return replace(base, facts=(*base.facts, fact)), key
    return replace(base, path=_grpc_path(match)), key


def _host_header(
    base: RequestPredicate, headers: tuple[FieldTest, ...]
) -> tuple[RequestPredicate, tuple[FieldTest, ...]]:
    """The Host header is the request's host, wherever it is asked for."""
    named = [test for test in headers if test.name in ("host", ":authority")]
    if not named:
        return base, headers
    exact = tuple(HostTest(HostKind.EXACT, test.value.lower()) for test in named if test.fact is None)
    facts = tuple(test.fact for test in named if test.fact is not None)
    rest = tuple(test for test in headers if test not in named)
    return replace(base, also_host=(*base.also_host, *exact), facts=(*base.facts, *facts)), rest


def _grpc_path(match: GRPCMatch) -> PathTest:
    if match.service and match.method:
        return PathTest(PathKind.EXACT, f"/{match.service}/{match.method}")
    if match.service:
        return prefix("/" + match.service)
    return PathTest(PathKind.LAST, match.method) if match.method else ANY_PATH


def _fields(matches: Sequence[FieldMatch], what: str) -> tuple[FieldTest, ...]:
    """Of matches with one name the first counts (GW-17)."""
    found: dict[str, FieldTest] = {}
    for item in matches:
        opaque = item.type is MatchType.REGULAR_EXPRESSION
        fact = _regular(f"{what} {item.name}", item.value) if opaque else None
        found.setdefault(item.name, FieldTest(item.name, item.value, fact))
    return tuple(found.values())


def _regular(what: str, pattern: str) -> Fact:
    message = f"whether the {what} matches the regular expression `{pattern}` is left to the implementation"
    return Fact(f"{what} ~ {pattern}", reason=Reason(rule="GW-17", message=message))
