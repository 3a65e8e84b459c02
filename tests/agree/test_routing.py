"""The production router and the oracle are two readings of SEMANTICS 6 and 7: they agree on every request.

`NETCHECK_AGREE=N` multiplies the number of generated clusters; a failure prints the seed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from netcheck.logic import gateways, requests, routing
from netcheck.logic.routing import Router
from netcheck.model.cluster import Cluster
from netcheck.model.gateway import (
    BackendRef,
    Gateway,
    GRPCMatch,
    HTTPMatch,
    Listener,
    MatchType,
    ParentRef,
    Route,
    RouteRule,
)
from netcheck.model.objects import Service, ServicePort
from netcheck.model.request import Request
from netcheck.model.routes import Ingress, IngressBackend, IngressPath, IngressRule
from netcheck.semantics.routing import route_in_mesh
from tests import route_strategies
from tests.agree.routers import difference, shown

TIMES = int(os.environ.get("NETCHECK_AGREE", "1"))
CHUNK = 25
SEEDS = range(0, 300 * TIMES, CHUNK)

OLD, NEW = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
HOSTS = ("", "a.example.com", "*.example.com", "*.a.example.com")
ASKED_HOSTS = ("example.com", "a.example.com", "x.example.com", "x.a.example.com", "other.org")
PATHS = (
    (MatchType.PATH_PREFIX, "/"),
    (MatchType.PATH_PREFIX, "/foo"),
    (MatchType.EXACT, "/foo"),
    (MatchType.PATH_PREFIX, "/foo/bar"),
    (MatchType.REGULAR_EXPRESSION, "/f.*"),
)
ASKED_PATHS = ("/", "/foo", "/foo/", "/foo/bar", "/foobar")
ASKED = [Request(host=host, path=path) for host in ASKED_HOSTS for path in ASKED_PATHS]
SERVICES = tuple(
    Service(namespace="shop", name=name, ports=(ServicePort(port=80, target_port=80),)) for name in ("one", "two")
)
GATEWAY = Gateway(
    namespace="shop", name="front", class_name="any", listeners=(Listener(name="http", port=80, protocol="HTTP"),)
)


@pytest.mark.parametrize("first", SEEDS)
def test_the_router_and_the_oracle_agree_on_generated_clusters(first: int) -> None:
    for seed in range(first, first + CHUNK):
        _agree(route_strategies.of_seed(seed), seed)


def _agree(cluster: Cluster, seed: int) -> None:
    asked = route_strategies.requests(seed, cluster, 30)
    found = difference(cluster, asked)
    if found is not None:
        small = route_strategies.minimize(cluster, lambda less: difference(less, [found[1]]) is not None)
        pytest.fail(f"seed {seed}: {found}\n{difference(small, [found[1]])}\n{small}")


def test_a_mesh_grpc_route_takes_grpc_only() -> None:
    parent = ParentRef(group="", kind="Service", namespace="shop", name="one")
    rule = RouteRule(matches=(GRPCMatch(),), backends=(BackendRef(namespace="shop", name="two", port=80),))
    route = Route(kind="GRPCRoute", namespace="shop", name="calls", parents=(parent,), rules=(rule,))
    cluster = Cluster(services=SERVICES, routes=(route,))
    oracle = route_in_mesh(cluster, SERVICES[0], "shop", Request())
    assert shown(Router(cluster).in_mesh(SERVICES[0], "shop", Request())) == shown(oracle)


# ---- small scope -------------------------------------------------------------------------------------------------


def _route(name: str, host: str, path: tuple[MatchType, str], created: str) -> Route:
    kind, value = path
    return Route(
        kind="HTTPRoute",
        namespace="shop",
        name=name,
        parents=(ParentRef(namespace="shop", name="front"),),
        hostnames=(host,) if host else (),
        rules=(
            RouteRule(
                matches=(HTTPMatch(path_type=kind, path=value),),
                backends=(BackendRef(namespace="shop", name=name, port=80),),
            ),
        ),
        created=created,
    )


def pairs_of_routes() -> Iterator[Cluster]:
    """All clusters of two routes with one match each, in each order of age."""
    shapes = list(itertools.product(HOSTS, PATHS))
    for one, two in itertools.product(shapes, shapes):
        for ages in ((OLD, NEW), (NEW, OLD), ("", NEW)):
            routes = (_route("one", *one, ages[0]), _route("two", *two, ages[1]))
            yield Cluster(services=SERVICES, gateways=(GATEWAY,), routes=routes)


def pairs_of_ingresses() -> Iterator[Cluster]:
    """All clusters of two Ingresses with one path each."""
    kinds = {MatchType.PATH_PREFIX: "Prefix", MatchType.EXACT: "Exact", MatchType.REGULAR_EXPRESSION: ""}
    shapes = [(host, kinds[kind] or "ImplementationSpecific", path) for host in HOSTS for kind, path in PATHS]
    for shape in itertools.product(shapes, shapes):
        made = [_ingress(name, *which) for name, which in zip(("one", "two"), shape, strict=True)]
        yield Cluster(services=SERVICES, ingresses=tuple(made))


def _ingress(name: str, host: str, kind: str, path: str) -> Ingress:
    item = IngressPath(type=kind, path=path, backend=IngressBackend(service=name, port=80))
    return Ingress(namespace="shop", name=name, class_name="nginx", rules=(IngressRule(host=host, paths=(item,)),))


@pytest.mark.parametrize("part", range(4))
def test_all_pairs_of_routes_agree_on_all_boundary_requests(part: int) -> None:
    for cluster in itertools.islice(pairs_of_routes(), part, None, 4):
        assert difference(cluster, ASKED, "Gateway") is None


def test_all_pairs_of_ingresses_agree_on_all_boundary_requests() -> None:
    for cluster in pairs_of_ingresses():
        assert difference(cluster, ASKED, "class nginx") is None


def test_the_small_scope_holds_as_much_as_it_promises() -> None:
    assert sum(1 for _ in pairs_of_routes()) == (len(HOSTS) * len(PATHS)) ** 2 * 3
    assert sum(1 for _ in pairs_of_ingresses()) == (len(HOSTS) * len(PATHS)) ** 2


# ---- planted faults ----------------------------------------------------------------------------------------------


def _something_differs() -> bool:
    small = itertools.islice(pairs_of_routes(), 0, None, 7)
    if any(difference(cluster, ASKED, "Gateway") is not None for cluster in small):
        return True
    drawn = ((seed, route_strategies.of_seed(seed)) for seed in range(120))
    return any(difference(one, route_strategies.requests(seed, one, 30)) is not None for seed, one in drawn)


FAULTS = [
    "a prefix is text",
    "a wildcard is one label",
    "the longest hostname does not win",
    "an exact path does not win",
    "listeners are not chosen by hostname",
    "missing ages are guessed",
    "matches of headers are ignored",
    "a redirect keeps the path",
    "misdirected requests are served",
]


def test_without_a_fault_nothing_differs() -> None:
    assert not _something_differs()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_router_is_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    match fault:
        case "a prefix is text":
            monkeypatch.setattr(requests, "path_tests", _text_prefixes)
            monkeypatch.setattr(requests.PathTest, "holds", lambda test, path: path.startswith(test.value))
        case "a wildcard is one label":
            original = requests.host_tests
            below = requests.HostKind.BELOW
            monkeypatch.setattr(
                requests,
                "host_tests",
                lambda host: (
                    test for test in original(host) if test.kind is not below or test.name == host.partition(".")[2]
                ),
            )
        case "the longest hostname does not win":
            monkeypatch.setattr(gateways, "_host_key", lambda _route, _hostname: (0, 0))
        case "an exact path does not win":
            match_of = gateways._http_match
            monkeypatch.setattr(
                gateways, "_http_match", lambda match, base: (match_of(match, base)[0], (1, 0, 0, 0, 0, 0))
            )
        case "listeners are not chosen by hostname":
            monkeypatch.setattr(gateways, "specificity", lambda _hostname: (0, 0, ""))
        case "missing ages are guessed":
            monkeypatch.setattr(requests._Walk, "_chains", lambda _walk, group: [list(group)])
        case "matches of headers are ignored":
            monkeypatch.setattr(requests.RequestPredicate, "_with_fields", lambda predicate, _seen: predicate.facts)
        case "a redirect keeps the path":
            monkeypatch.setattr(routing, "_changed", lambda _change, _prefix, path: path)
        case "misdirected requests are served":
            monkeypatch.setattr(gateways, "_together", lambda _listeners: iter(()))
    assert _something_differs()


def _text_prefixes(path: str) -> Iterator[requests.PathTest]:
    yield requests.ANY_PATH
    yield requests.PathTest(requests.PathKind.EXACT, path)
    for end in range(1, len(path) + 1):
        yield requests.PathTest(requests.PathKind.PREFIX, path[:end])
