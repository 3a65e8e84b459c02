"""Traces of generated requests through generated clusters: the router, the resolver and the engine agree with the oracle
on every part of the way, and what is told is as the schema says."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import netcheck
from netcheck.errors import UsageError
from netcheck.model.cluster import Cluster, Loaded
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod, Service, ServiceType
from netcheck.model.request import Scheme
from netcheck.queries.trace import trace
from netcheck.queries.trace_requests import request_of
from netcheck.queries.trace_results import Trace, TraceRequest
from netcheck.report.trace_json import traces
from tests import route_strategies, strategies

CLUSTERS, PIECE = 160, 20
REQUESTS = 12
SCHEMA = json.loads((Path(netcheck.__file__).parent / "report" / "schemas" / "Traces.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
HOMES = dict(zip(strategies.NAMESPACES, route_strategies.NAMESPACES, strict=True))
SENDERS = ("internet", "internet", "203.0.113.7", "2001:db8::7", "10.0.0.1")
PATHS = ("", "/", "/foo", "/foo/bar?q-a=one", "/Foo")


def of_seed(seed: int) -> Cluster:
    """Return the doors and routes of one generated cluster with the pods and policies of another."""
    rng = random.Random(f"trace {seed}")
    doors, inner = route_strategies.of_seed(seed), strategies.of_seed(seed, admin=seed % 3 == 0)
    spaces = {HOMES[item.name]: _renamed(item) for item in inner.namespaces.values()}
    pods = tuple(_moved(one) for one in inner.pods)
    return replace(
        doors,
        namespaces={**doors.namespaces, **spaces},
        pods=pods,
        workloads={
            one.workload: replace(inner.workloads[old.workload], id=one.workload)
            for one, old in zip(pods, inner.pods, strict=True)
        },
        nodes=inner.nodes,
        policies=tuple(replace(one, namespace=HOMES[one.namespace]) for one in inner.policies),
        admin=inner.admin,
        services=tuple(_serving(rng, one) for one in doors.services),
        addressing=inner.addressing,
        whole=rng.random() < 0.3,
    )


def _renamed(one: Namespace) -> Namespace:
    name = HOMES[one.name]
    return replace(one, name=name, labels={**one.labels, NAMESPACE_NAME_LABEL: name})


def _moved(one: Pod) -> Pod:
    home = HOMES[one.namespace]
    return replace(one, namespace=home, workload=replace(one.workload, namespace=home))


def _serving(rng: random.Random, one: Service) -> Service:
    kind = rng.choice(tuple(ServiceType) * 2 + (ServiceType.CLUSTER_IP,) * 4)
    if kind is ServiceType.EXTERNAL_NAME:
        return replace(one, type=kind, external_name=rng.choice(("a.example.com", "db.shop.svc.cluster.local")))
    selector = rng.choice((None, {"app": "a"}, {"app": "b"}, {"env": "a"}, {"app": "none"}))
    headless = kind is ServiceType.CLUSTER_IP and rng.random() < 0.3
    policy = rng.choice(("Cluster", "Local"))
    return replace(one, type=kind, selector=selector, headless=headless, external_traffic_policy=policy)


def asked(rng: random.Random, cluster: Cluster) -> TraceRequest:
    """Return one request from inside or outside, to one of everything that a request can go to."""
    pods = [f"{one.namespace}/{one.name}" for one in cluster.pods]
    service = rng.choice(cluster.services) if cluster.services else None
    named = f"{service.name}.{service.namespace}" if service else "gone.shop"
    host = rng.choice((*route_strategies.REQUEST_HOSTS, named))
    places = ("", host, named, named.partition(".")[0], f"{named}.svc", f"{named}.svc.cluster.local", "gone.shop")
    places += ("github.com", "198.51.100.1", "10.0.0.2", rng.choice(pods) if pods else "")
    places += (f"svc:{service.namespace}/{service.name}" if service else "",)
    gateway = rng.choice(cluster.gateways)
    to = rng.choice(places)
    return request_of(
        source=rng.choice((*SENDERS, *pods, *pods)),
        protocol=rng.choice(("", "", "", *(item.value for item in Scheme))),
        to=to,
        host="" if to and rng.random() < 0.7 else host,
        port=rng.choice((None, None, None, 80, 443, 8080)),
        path=rng.choice(PATHS),
        method=rng.choice(("", "POST")),
        headers=(("h-a", "one"),) if rng.random() < 0.3 else (),
        sni=rng.choice(("", "", "", "a.example.com")),
        gateway=f"{gateway.namespace}/{gateway.name}" if not to or rng.random() < 0.2 else "",
    )


def followed(seed: int) -> list[Trace]:
    """Return the traces of one seed's requests; what cannot be asked is left out.

    Raises:
        InternalError: two parts of netcheck disagree.
    """
    cluster, rng = of_seed(seed), random.Random(seed)
    found: list[Trace] = []
    for _ in range(REQUESTS):
        try:
            found += trace(cluster, [asked(rng, cluster)], default_namespace="shop")
        except UsageError:
            continue
    VALIDATOR.validate(json.loads("".join(traces(Loaded(cluster=cluster), found))))
    return found


def _is_coherent(item: Trace) -> bool:
    """What is delivered has no hop that stops it, and what is not has a hop or a status that tells why."""
    stopped = any(hop.verdict.value == "denied" for hop in item.hops)
    if item.delivered.value == "yes":
        return not item.reasons
    if item.delivered.value == "unknown":
        return bool(item.reasons)
    return stopped or item.status is not None or item.redirect is not None


@pytest.mark.parametrize("first", range(0, CLUSTERS, PIECE))
def test_no_part_of_a_way_is_in_doubt(first):
    for seed in range(first, first + PIECE):
        for item in followed(seed):
            assert _is_coherent(item), (seed, item)


def test_the_family_of_a_proxy_that_is_not_loaded_is_not_that_of_the_pods_of_the_input():
    """Seed 1591: all pod addresses are said to be IPv6, and a pod has one of IPv4."""
    assert any(item.delivered.value == "yes" for item in followed(1591))


def test_ways_of_every_sort_are_drawn():
    found = [item for seed in range(60) for item in followed(seed)]
    assert len(found) > 60 * REQUESTS * 0.6
    delivered = Counter(item.delivered.value for item in found)
    assert all(delivered[word] > 20 for word in ("yes", "no", "unknown")), delivered
    inside = sum("/" in item.request.source for item in found)
    assert len(found) * 0.2 < inside < len(found) * 0.8
    assert sum(item.route is not None for item in found) > 40
