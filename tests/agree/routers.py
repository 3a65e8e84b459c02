"""The production router against the oracle, request by request, at every door of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from netcheck.logic.routing import Router
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.objects import Service
from netcheck.model.request import Chosen, Request, Routed, Share
from netcheck.semantics.ingress import route_at_ingress, route_at_router
from netcheck.semantics.routing import route_at_gateway, route_in_mesh
from tests import route_strategies

Decide = Callable[[Request], Routed | None]


def _rule(chosen: Chosen | None) -> tuple[object, ...] | None:
    return (chosen.kind, chosen.namespace, chosen.name, chosen.rule) if chosen is not None else None


def _shares(shares: Iterable[Share]) -> list[tuple[object, ...]]:
    """Those with a weight, in an order that means nothing."""
    with_weight = (item for item in shares if item.weight)
    return sorted(
        (item.kind, item.namespace, item.name, str(item.port), item.weight, item.problem) for item in with_weight
    )


def shown(routed: Routed | None) -> tuple[object, ...]:
    """What two routers must agree on. What is unknown is unknown: its parts are not compared."""
    if routed is None:
        return ("no route",)
    if routed.verdict is Verdict.UNKNOWN:
        assert routed.reasons
        return ("unknown",)
    assert not routed.reasons
    answer = (routed.verdict, routed.status, bool(routed.refused), routed.redirect, routed.served)
    return (*answer, _rule(routed.chosen), _shares(routed.shares), _shares(routed.mirrors))


def doors(cluster: Cluster, router: Router) -> Iterator[tuple[str, Decide, Decide]]:
    """Yield each door with the production router's and the oracle's decision."""
    for gateway in cluster.gateways:
        yield (
            gateway.label,
            lambda request, gateway=gateway: router.at_gateway(gateway, request),
            lambda request, gateway=gateway: route_at_gateway(cluster, gateway, request),
        )
    for service in cluster.services:
        for client in route_strategies.NAMESPACES:
            yield (
                f"Service {service.namespace}/{service.name} from {client}",
                lambda request, service=service, client=client: _in_mesh(router, service, client, request),
                lambda request, service=service, client=client: route_in_mesh(cluster, service, client, request),
            )
    for name in ("", *route_strategies.CLASSES):
        yield (
            f"class {name}",
            lambda request, name=name: router.at_ingress(name, request),
            lambda request, name=name: route_at_ingress(cluster, name, request),
        )
    yield "router", router.at_router, lambda request: route_at_router(cluster, request)


def _in_mesh(router: Router, service: Service, client: str, request: Request) -> Routed | None:
    return router.in_mesh(service, client, request)


def difference(
    cluster: Cluster, requests: Iterable[Request], only: str = ""
) -> tuple[str, Request, object, object] | None:
    """Return the first door and request at which the two differ, with both answers; None iff they do nowhere.

    `only`: the doors whose names begin so.
    """
    router = Router(cluster)
    asked = list(requests)
    for name, production, oracle in doors(cluster, router):
        for request in asked if name.startswith(only) else ():
            ours, theirs = shown(production(request)), shown(oracle(request))
            if ours != theirs:
                return name, request, ours, theirs
    return None
