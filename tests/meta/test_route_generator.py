"""The generator of routes draws what matters: floors on the share of clusters with each feature, and reproducible seeds."""

from __future__ import annotations

from collections import Counter

import pytest

from netcheck.logic.routing import Router
from netcheck.model.flow import Verdict
from tests import route_strategies

DRAWS = 400
FLOORS = {
    "wildcard hosts of routes overlap": 0.40,
    "two listeners on one port": 0.35,
    "HTTPS listener": 0.45,
    "TLS listener": 0.18,
    "TCP or UDP listener": 0.35,
    "ListenerSet": 0.40,
    "cross-namespace backend with a grant": 0.10,
    "cross-namespace backend without a grant": 0.60,
    "backend of an unknown kind": 0.40,
    "weight 0": 0.50,
    "regular expression": 0.45,
    "exact and prefix of one path": 0.65,
    "equal matches of two routes": 0.60,
    "equal matches, an age missing": 0.08,
    "header or query match": 0.70,
    "method match": 0.70,
    "redirect": 0.50,
    "mirror": 0.55,
    "unknown filter": 0.20,
    "HTTPRoute and GRPCRoute at one parent": 0.40,
    "mesh route": 0.60,
    "consumer route": 0.30,
    "two Ingresses of one host": 0.15,
    "two default classes": 0.05,
    "default backend": 0.50,
    "ImplementationSpecific path": 0.15,
    "rule without paths": 0.07,
    "two namespaces claim an OpenShift host": 0.18,
    "passthrough Route": 0.25,
    "listener isolation not the default": 0.15,
}


@pytest.fixture(scope="module")
def shares():
    return route_strategies.distribution(DRAWS)


@pytest.mark.parametrize("feature", sorted(route_strategies.FEATURES))
def test_every_feature_of_routes_is_drawn_at_least_as_often_as_its_floor(feature, shares):
    assert shares[feature] >= FLOORS[feature], sorted(shares.items())


def test_a_seed_gives_the_same_cluster_and_requests_again():
    for seed in range(20):
        one, other = route_strategies.of_seed(seed), route_strategies.of_seed(seed)
        assert one == other
        assert route_strategies.requests(seed, one, 10) == route_strategies.requests(seed, other, 10)


def test_requests_meet_every_kind_of_answer():
    met = Counter()
    for seed in range(150):
        cluster = route_strategies.of_seed(seed)
        router = Router(cluster)
        for request in route_strategies.requests(seed, cluster, 30):
            for gateway in cluster.gateways:
                routed = router.at_gateway(gateway, request)
                met[routed.verdict] += 1
                met[routed.status] += 1
                met["refused"] += bool(routed.refused)
                met["mirror"] += bool(routed.mirrors)
    asked = met[Verdict.ALLOWED] + met[Verdict.DENIED] + met[Verdict.UNKNOWN]
    floors = {Verdict.ALLOWED: 0.03, Verdict.UNKNOWN: 0.03, 404: 0.1, 500: 0.01, 421: 0.002, "refused": 0.1}
    assert all(met[what] >= floor * asked for what, floor in floors.items()), met
    assert met[301] + met[302] >= 0.002 * asked
    assert met["mirror"] >= 0.002 * asked
