"""The middle of a way: a Gateway, an Ingress controller, a router or a mesh takes the request and sends it on.

The door, the listener, the rule, what the rule does, then each of its backends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netcheck.errors import Place
from netcheck.logic.services import Target
from netcheck.model.flow import Reason, Verdict
from netcheck.model.objects import Service, ServicePort, ServiceType
from netcheck.model.request import Request, Routed, Scheme, Share
from netcheck.model.routes import OpenShiftRoute
from netcheck.queries.trace_backends import Arrival, Shares, service_port, to_service, to_targets, together
from netcheck.queries.trace_results import BackendShare, Trace, TraceRequest
from netcheck.queries.trace_scene import Scene, Senders
from netcheck.queries.trace_way import AS_DELIVERED, Way

_SPOKEN = (Scheme.HTTP, Scheme.HTTPS, Scheme.GRPC)
_STATUS_TEXT = {
    404: "no route matches: it answers 404",
    421: "misdirected: another listener of this port serves the host, it answers 421",
    500: "no backend can be used: it answers 500",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontend:
    """What takes a request: its name, where it is written, and who sends on what it takes."""

    text: str
    senders: Senders
    place: Place | None = None
    mesh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A request at a frontend: what all that follows needs. `asked` is the request as the user wrote it."""

    scene: Scene
    way: Way
    asked: TraceRequest
    request: Request
    front: Frontend


def send_on(leg: Leg, routed: Routed) -> Trace:
    """Add the hops from a frontend on, and return the trace."""
    way, asked, request, front = leg.way, leg.asked, leg.request, leg.front
    _listener_hop(way, front, routed)
    if routed.refused:
        way.add(front.text, Verdict.DENIED, routed.refused, rule="GW-6", place=front.place)
        return way.end(asked)
    if routed.reasons:
        return _unknown(way, asked, front, routed)
    _route_hop(way, front, request, routed)
    mirrors = tuple(_mirrors(leg, routed))
    if routed.redirect is not None:
        to = routed.redirect
        text = f"{to.scheme}://{to.host}{_port(to.scheme, to.port)}{to.path}"
        place = routed.chosen.place if routed.chosen is not None else None
        way.add("redirect", Verdict.ALLOWED, f"it answers {to.status}", translation=text, rule="GW-21", place=place)
        return way.end(asked, status=to.status, route=routed.chosen, redirect=to, mirrors=mirrors, answered=True)
    if not any(share.weight for share in routed.shares):
        return _answered(way, asked, request, routed, mirrors)
    shares = _shares(leg, routed)
    _whole(way, shares, request)
    status = shares.status if shares.verdict is Verdict.ALLOWED or request.scheme in _SPOKEN else None
    return way.end(asked, status=status, route=routed.chosen, backends=shares.backends, mirrors=mirrors)


def _port(scheme: str, port: int) -> str:
    return "" if port in (0, {"http": 80, "https": 443}.get(scheme)) else f":{port}"


_PRECEDENCE = {
    "Ingress": "ING-6",
    "Route": "ING-15",
    "GRPCRoute": "GW-19",
    "TLSRoute": "GW-20",
    "TCPRoute": "GW-20",
    "UDPRoute": "GW-20",
}
"""By the kind of an object, the rule that says which of several matches takes a request; of HTTPRoutes it is GW-18."""


def _listener_hop(way: Way, front: Frontend, routed: Routed) -> None:
    served = routed.served
    if served is None or served.kind in ("Service", "Ingress", "Route"):
        return
    text = f"listener {served.listener}" if served.listener else "a listener"
    owner = "" if served.kind == "Gateway" else f" of {served.kind} {served.namespace}/{served.name}"
    way.add(front.text, Verdict.ALLOWED, f"{text}{owner} takes it", rule="GW-6", place=front.place)


def _unknown(way: Way, asked: TraceRequest, front: Frontend, routed: Routed) -> Trace:
    way.unknown(f"route at {front.text}", routed.reasons)
    backends = tuple(_share(item) for item in routed.shares)
    return way.end(asked, route=routed.chosen, backends=backends)


def _route_hop(way: Way, front: Frontend, request: Request, routed: Routed) -> None:
    if routed.chosen is not None:
        item = routed.chosen
        rule = f"rule {item.rule_name or item.rule}"
        match = f", match {item.match}" if item.match >= 0 else ""
        precedence = _PRECEDENCE.get(item.kind, "GW-18")
        text, cited = ("the default backend", "ING-9") if item.rule < 0 else (f"{rule}{match}", precedence)
        way.add(item.label, Verdict.ALLOWED, f"{text} takes it", rule=cited, place=item.place)
        return
    if routed.status is not None and request.scheme in _SPOKEN:
        text = _STATUS_TEXT.get(routed.status, f"it answers {routed.status}")
        way.add(f"route at {front.text}", Verdict.DENIED, text, rule="GW-6", place=front.place)
        return
    if not routed.shares:
        way.add(f"route at {front.text}", Verdict.DENIED, "no route takes it", rule="GW-12", place=front.place)


def _answered(
    way: Way, asked: TraceRequest, request: Request, routed: Routed, mirrors: tuple[BackendShare, ...]
) -> Trace:
    """GW-23: no backend at all."""
    if routed.chosen is not None:
        text = _STATUS_TEXT.get(routed.status or 0, "the rule has no backend")
        way.add(f"backends of {routed.chosen.label}", Verdict.DENIED, text, rule="GW-23", place=routed.chosen.place)
    status = routed.status if request.scheme in _SPOKEN else None
    return way.end(asked, status=status, route=routed.chosen, mirrors=mirrors, answered=True)


# ---- backends --------------------------------------------------------------------------------------------------------


def _shares(leg: Leg, routed: Routed) -> Shares:
    found = [(_share(item), _arrive(leg, item, routed)) for item in _merged(routed.shares)]
    return together(found)


def _merged(shares: Sequence[Share]) -> Iterator[Share]:
    """Yield each share with a weight, once; equal ones that are listed several times have one way."""
    yield from (item for item in dict.fromkeys(shares) if item.weight)


def _share(item: Share) -> BackendShare:
    return BackendShare(
        namespace=item.namespace,
        name=item.name,
        port=item.port,
        weight=item.weight,
        kind=item.kind,
        problem=item.problem,
    )


def _arrive(leg: Leg, item: Share, routed: Routed) -> Arrival:
    scene, way, request, front = leg.scene, leg.way, leg.request, leg.front
    what = f"backend {item.kind} {item.namespace}/{item.name}"
    if item.problem:
        answer = ": it answers 500" if request.scheme in _SPOKEN else ": the connection is refused"
        way.add(what, Verdict.DENIED, f"{item.problem}{answer}", rule="GW-24", place=item.place, aside=True)
        return Arrival(verdict=Verdict.DENIED, targets="none", status=500)
    service = scene.services.get((item.namespace, item.name))
    if service is None:
        message = f"whether Service `{item.namespace}/{item.name}` exists is not in the input"
        way.unknown(what, (Reason(rule="GW-24", message=message, place=item.place),), aside=True)
        return Arrival(verdict=Verdict.UNKNOWN)
    if routed.chosen is not None and routed.chosen.kind == "Route":
        return _at_target_port(leg, service, item, _openshift(scene, routed))
    port = service_port(service, item.port, request.scheme)
    if port is None:
        return _no_port(way, what, service, item)
    arrival = to_service(scene, way, front.senders, service, port, proxy=not front.mesh)
    return _through_tls(scene, way, service, port, arrival)


def _no_port(way: Way, what: str, service: Service, item: Share) -> Arrival:
    if service.type is ServiceType.EXTERNAL_NAME:
        message = f"it is a DNS alias of `{service.external_name}`, whose addresses are not in the input"
        way.unknown(what, (Reason(rule="SVC-12", message=message, place=service.place),), aside=True)
        return Arrival(verdict=Verdict.UNKNOWN)
    listed = ", ".join(f"{port.protocol}/{port.port}" for port in service.ports) or "none"
    way.add(what, Verdict.DENIED, f"it has no port {item.port}; its ports: {listed}", place=item.place, aside=True)
    return Arrival(verdict=Verdict.DENIED, targets="none", status=503)


def _through_tls(scene: Scene, way: Way, service: Service, port: ServicePort, arrival: Arrival) -> Arrival:
    """GW-28: whether the certificate of the backend fits a BackendTLSPolicy is in no manifest."""
    force = scene.backends.tls_policy(service, port)
    if arrival.verdict is not Verdict.ALLOWED or not force.candidates:
        return arrival
    policy = force.candidates[0]
    message = f"whether the backend's certificate is one for `{policy.hostname}` is not in the input"
    way.unknown(policy.label, (Reason(rule="GW-28", message=message, place=policy.place),), aside=True)
    return replace(arrival, verdict=Verdict.UNKNOWN)


def _openshift(scene: Scene, routed: Routed) -> OpenShiftRoute | None:
    assert routed.chosen is not None
    named = (routed.chosen.namespace, routed.chosen.name)
    return next((item for item in scene.cluster.openshift_routes if (item.namespace, item.name) == named), None)


def _at_target_port(leg: Leg, service: Service, item: Share, route: OpenShiftRoute | None) -> Arrival:
    """ING-15: a Route names the pods' port, or none: then every port of the Service's endpoints is used."""
    scene, way, front = leg.scene, leg.way, leg.front
    wanted = item.port if item.port is not None else route.target_port if route is not None else None
    what = f"backend Service {item.namespace}/{item.name}"
    ports = [port for port in service.ports if port.protocol == "TCP"]
    if wanted is None and len(ports) == 1:
        return to_service(scene, way, front.senders, service, ports[0], proxy=True)
    for port in ports:
        if wanted in (port.name, port.target_port, str(port.target_port)):
            return to_service(scene, way, front.senders, service, port, proxy=True)
    found = [
        target
        for port in ports
        for target in scene.targets(service, port, endpoints=True)
        if target.ready and (wanted is None or wanted in (target.number, str(target.number), *_names(scene, target)))
    ]
    if not found:
        text = (
            f"no ready endpoint has a target port `{wanted}`"
            if wanted is not None
            else "none of its endpoints is ready"
        )
        way.add(what, Verdict.DENIED, text, rule="ING-15", place=item.place or service.place, aside=True)
        return Arrival(verdict=Verdict.DENIED, targets="none", status=503)
    way.add(what, Verdict.ALLOWED, "its endpoints", rule="ING-15", place=item.place or service.place)
    return to_targets(scene, way, front.senders, found)


def _names(scene: Scene, target: Target) -> Iterator[str]:
    if target.pod is not None:
        pod = scene.cluster.pods[target.pod]
        yield from (port.name for port in pod.ports if port.number == target.number and port.name)


def _mirrors(leg: Leg, routed: Routed) -> Iterator[BackendShare]:
    """GW-21: copies go to further backends; what becomes of them changes nothing for the client."""
    for item in routed.mirrors:
        arrival = _arrive(replace(leg, way=Way()), item, routed)
        verdict = arrival.verdict
        text = f"{'no ' if verdict is Verdict.DENIED else ''}copies go to it"
        problem = f": {item.problem}" if item.problem else ""
        what = f"mirror to {item.kind} {item.namespace}/{item.name}"
        leg.way.add(what, verdict, f"{text}{problem}", rule="GW-21", place=item.place, aside=True)
        yield replace(_share(item), reached=AS_DELIVERED[verdict], targets=arrival.targets)


def _whole(way: Way, shares: Shares, request: Request) -> None:
    """Count what the backends amount to: those that fail beside others that receive do not block the request."""
    way.settle(shares.verdict)
    lost = [share for share in shares.backends if share.weight and share.problem]
    if shares.verdict is Verdict.ALLOWED and lost and request.scheme in _SPOKEN:
        total = sum(share.weight for share in shares.backends)
        part = sum(share.weight for share in lost)
        text = f"{part} of {total} requests are answered 500: their backend cannot be used"
        way.add("shares", Verdict.ALLOWED, text, rule="GW-24", aside=True)
