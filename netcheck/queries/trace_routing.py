"""Routing of single requests, with the second opinion: what the router says is put to the oracle, and both must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from netcheck.errors import WitnessMismatch
from netcheck.logic.attachment import Attachments
from netcheck.logic.routing import Router
from netcheck.model.cluster import Cluster
from netcheck.model.gateway import Gateway
from netcheck.model.objects import Service
from netcheck.model.request import Request, Routed, Share
from netcheck.semantics.completions import OracleLimit
from netcheck.semantics.ingress import route_at_ingress, route_at_router
from netcheck.semantics.routing import route_at_gateway, route_in_mesh

FEW_ROUTES = 50
"""Up to so many routes the oracle is shown all of them."""
MOST_PAIRS = 5_000_000
"""So many pairs of routes the oracle compares in all: of many requests to many routes it is shown the first ones."""


class Routing:
    """What a proxy does with requests; each request is routed once."""

    def __init__(self, cluster: Cluster, attached: Attachments) -> None:
        self._cluster = cluster
        self._router = Router(cluster, attached)
        self._found: dict[tuple[object, ...], Routed | None] = {}
        self._budget = MOST_PAIRS

    def at_gateway(self, gateway: Gateway, request: Request) -> Routed:
        """Return what a Gateway does with a request.

        Raises:
            WitnessMismatch: the oracle says otherwise; so in all of these.
        """
        found = self._once(
            (gateway.label, request),
            lambda: self._router.at_gateway(gateway, request),
            lambda: route_at_gateway(self._with_host(request), gateway, request),
            cost=len(self._with_host(request).routes) ** 2,
        )
        assert found is not None, "a Gateway takes every request that comes to it, or refuses it"
        return found

    def in_mesh(self, service: Service, client_namespace: str, request: Request) -> Routed | None:
        """Return what mesh routes do with a request for a Service; None: none is attached to that port (GW-32)."""
        return self._once(
            (service.namespace, service.name, client_namespace, request),
            lambda: self._router.in_mesh(service, client_namespace, request),
            lambda: route_in_mesh(self._cluster, service, client_namespace, request),
        )

    def at_ingress(self, ingress_class: str, request: Request) -> Routed:
        """Return what the controller of an Ingress class does with a request; empty: the Ingresses without a class."""
        found = self._once(
            ("ingress", ingress_class, request),
            lambda: self._router.at_ingress(ingress_class, request),
            lambda: route_at_ingress(self._cluster, ingress_class, request),
        )
        assert found is not None
        return found

    def at_router(self, request: Request) -> Routed:
        """Return what the OpenShift router does with a request."""
        found = self._once(
            ("router", request),
            lambda: self._router.at_router(request),
            lambda: route_at_router(self._cluster, request),
        )
        assert found is not None
        return found

    def _with_host(self, request: Request) -> Cluster:
        """Return the cluster with only those routes that can take a request for its host (GW-13): the others play no part.

        Where both HTTPRoutes and GRPCRoutes are loaded all stay, since one can displace another by any of its hosts (GW-14).
        """
        cluster = self._cluster
        if {"HTTPRoute", "GRPCRoute"} <= self._kinds or len(cluster.routes) < FEW_ROUTES:
            return cluster
        kept = sorted({position for name in _covering(request) for position in self._by_host.get(name, ())})
        return replace(cluster, routes=tuple(cluster.routes[position] for position in kept))

    @cached_property
    def _kinds(self) -> frozenset[str]:
        return frozenset(route.kind for route in self._cluster.routes)

    @cached_property
    def _by_host(self) -> Mapping[str, Sequence[int]]:
        found: dict[str, list[int]] = {}
        for position, route in enumerate(self._cluster.routes):
            for name in route.hostnames or ("",):
                found.setdefault(name, []).append(position)
        return found

    def _once(
        self,
        key: tuple[object, ...],
        ask: Callable[[], Routed | None],
        ask_oracle: Callable[[], Routed | None],
        cost: int = 1,
    ) -> Routed | None:
        if key not in self._found:
            found = self._found[key] = ask()
            if cost <= self._budget and not _is_cut_short(found):
                self._budget -= cost
                _compare(key, found, ask_oracle)
        return self._found[key]


def _covering(request: Request) -> Iterator[str]:
    """Yield every hostname of a route that covers the request's host or server name: none, itself, wildcards (GW-8)."""
    yield ""
    for host in (request.host, request.sni):
        labels = host.split(".")
        yield host
        yield from ("*." + ".".join(labels[position:]) for position in range(1, len(labels)))


def _is_cut_short(found: Routed | None) -> bool:
    """Return whether the router gave up before it had tried all that is possible."""
    return found is not None and any(reason.rule == "LIMIT" for reason in found.reasons)


def _compare(key: tuple[object, ...], found: Routed | None, ask_oracle: Callable[[], Routed | None]) -> None:
    try:
        expected = ask_oracle()
    except OracleLimit:
        return  # it is bounded; then there is no second opinion
    if found is not None and found.reasons:
        return  # where the router does not know, the oracle may: it keeps more of what facts have to do with each other
    if _meaning(found) != _meaning(expected):
        raise WitnessMismatch(f"the router and the oracle disagree about {key}: {found} and {expected}")


def _meaning(routed: Routed | None) -> tuple[object, ...] | None:
    """Return what the two must agree on: all but words, and the parts that an unknown verdict leaves open."""
    if routed is None:
        return None
    if routed.reasons:
        return (routed.verdict,)
    shares, mirrors = (
        tuple(sorted(_share(item) for item in part if item.weight)) for part in (routed.shares, routed.mirrors)
    )
    return (
        routed.verdict,
        routed.status,
        bool(routed.refused),
        routed.served if routed.chosen is not None else None,
        routed.chosen,
        shares,
        mirrors,
        routed.redirect,
    )


def _share(share: Share) -> tuple[str, ...]:
    return (share.kind, share.namespace, share.name, str(share.port), str(share.weight), share.problem)
