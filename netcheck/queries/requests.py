"""Questions about all requests, with every witness put to the oracle before it is shown."""

from __future__ import annotations

from netcheck.engines.requests import Clash, Conflict, Ever, Reached, RequestEngine, Way
from netcheck.errors import InternalError, WitnessMismatch
from netcheck.logic.requests import FrontendId
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.request import Chosen, Request, Routed
from netcheck.semantics.ingress import route_at_ingress, route_at_router
from netcheck.semantics.routing import route_at_gateway, route_in_mesh


def reached(engine: RequestEngine, frontend: FrontendId, chosen: Chosen) -> Reached:
    """Return whether a match is ever the one that takes a request, with a witness that the oracle confirms.

    Raises:
        WitnessMismatch: the oracle says otherwise about the witness.
        SolverLimit: the solver gave up.

    """
    answer = engine.reached(frontend, chosen)
    if answer.verdict is Ever.YES and answer.witness is not None:
        _confirmed(engine.cluster, frontend, answer.witness, chosen)
    return answer


def requests_to(engine: RequestEngine, namespace: str, service: str) -> tuple[Way, ...]:
    """Return the requests that can come to a Service, each certain line with a witness that the oracle confirms.

    Raises:
        WitnessMismatch: the oracle says otherwise about a witness.
        SolverLimit: the solver gave up.

    """
    ways = engine.requests_to(namespace, service)
    for way in ways:
        if way.witness is not None:
            routed = routed_by_oracle(engine.cluster, way.frontend, way.witness)
            met = routed.shares + routed.mirrors if routed else ()
            if not any((share.namespace, share.name) == (namespace, service) for share in met):
                raise _mismatch(way.frontend, way.witness, f"it comes to Service {namespace}/{service}", routed)
    return ways


def conflicts(engine: RequestEngine) -> tuple[Conflict, ...]:
    """Return the objects that contend for requests, each pair with a witness that the oracle confirms.

    Raises:
        WitnessMismatch: the oracle says otherwise about a witness.
        SolverLimit: the solver gave up.

    """
    found = engine.conflicts()
    for item in found:
        routed = routed_by_oracle(engine.cluster, item.frontend, item.witness)
        tied = routed is not None and routed.verdict is Verdict.UNKNOWN
        hidden = routed is not None and (routed.chosen is None or routed.chosen.label != item.one.label)
        if not (tied if item.kind is Clash.TIE else hidden):
            raise _mismatch(item.frontend, item.witness, f"{item.one.label} and {item.other.label} contend", routed)
    return found


def _confirmed(cluster: Cluster, frontend: FrontendId, request: Request, chosen: Chosen) -> None:
    routed = routed_by_oracle(cluster, frontend, request)
    found = routed.chosen if routed else None
    if found is None or (found.label, found.rule) != (chosen.label, chosen.rule):
        raise _mismatch(frontend, request, f"rule {chosen.rule} of {chosen.label} takes it", routed)


def routed_by_oracle(cluster: Cluster, frontend: FrontendId, request: Request) -> Routed | None:
    """Return what the oracle says about a request at a door; None iff no route is attached there."""
    match frontend.kind:
        case "Gateway":
            name = (frontend.namespace, frontend.name)
            gateway = next(item for item in cluster.gateways if (item.namespace, item.name) == name)
            return route_at_gateway(cluster, gateway, request)
        case "Service":
            name = (frontend.namespace, frontend.name)
            service = next(item for item in cluster.services if (item.namespace, item.name) == name)
            return route_in_mesh(cluster, service, frontend.client, request)
        case "Ingress":
            return route_at_ingress(cluster, frontend.name, request)
        case "Router":
            return route_at_router(cluster, request)
        case _:
            raise InternalError(f"there is no door of kind {frontend.kind}")


def _mismatch(frontend: FrontendId, request: Request, claim: str, routed: Routed | None) -> WitnessMismatch:
    said = f"{routed.verdict.value}, {routed.chosen.label if routed.chosen else 'no rule'}" if routed else "no route"
    return WitnessMismatch(f"an engine says of {request} at {frontend.label} that {claim}; the oracle says {said}")
