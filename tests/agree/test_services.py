"""The representation and the oracle read Services each in their own way, and must find the same backends."""

from __future__ import annotations

import random

import pytest

from netcheck.logic.services import targets
from netcheck.model.cluster import Cluster
from netcheck.model.objects import (
    ContainerPort,
    EndpointAddress,
    EndpointPort,
    EndpointSlice,
    Pod,
    Service,
    ServicePort,
    WorkloadId,
)
from netcheck.semantics.services import backends
from netcheck.values.ports import Protocol


def _pod(rng: random.Random, number: int) -> Pod:
    name = f"p{number}"
    ports = tuple(
        ContainerPort(number=rng.choice((80, 8080, 9090)), protocol=rng.choice(("TCP", "UDP")), name=label)
        for label in rng.sample(("http", "metrics", ""), rng.randint(0, 3))
    )
    namespace = rng.choice(("a", "b"))
    return Pod(
        namespace=namespace,
        name=name,
        workload=WorkloadId(namespace, "Pod", name),
        labels={"app": rng.choice(("x", "y")), **({"tier": "t"} if rng.random() < 0.5 else {})},
        addresses=rng.choice(((), (f"10.0.0.{number + 1}",))),
        host_network=rng.random() < 0.2,
        ports=ports,
        ready=rng.random() < 0.7,
        terminating=rng.random() < 0.2,
    )


def _cluster(seed: int) -> Cluster:
    rng = random.Random(seed)
    pods = tuple(_pod(rng, number) for number in range(6))
    names = rng.choice((("",), ("web", "extra")))
    items = tuple(
        ServicePort(
            port=rng.choice((80, 443)) + position,
            target_port=rng.choice((80, 8080, "http", "metrics")),
            protocol=rng.choice(("TCP", "UDP")),
            name=name,
        )
        for position, name in enumerate(names)
    )
    service = Service(
        namespace="a",
        name="s",
        selector=rng.choice((None, {}, {"app": "x"}, {"app": "x", "tier": "t"})),
        ports=items,
        headless=rng.random() < 0.3,
        publish_not_ready_addresses=rng.random() < 0.3,
    )
    slices = tuple(_slice(rng, pods, number) for number in range(rng.randint(0, 3)))
    return Cluster(pods=pods, services=(service,), endpoint_slices=slices)


def _slice(rng: random.Random, pods: tuple[Pod, ...], number: int) -> EndpointSlice:
    endpoints = []
    for _ in range(rng.randint(0, 3)):
        pod = rng.choice(pods)
        named = (pod.namespace, pod.name) if rng.random() < 0.5 else None
        address = pod.addresses[0] if pod.addresses and rng.random() < 0.7 else f"192.0.2.{rng.randint(1, 3)}"
        endpoints.append(EndpointAddress(address=address, ready=rng.random() < 0.7, pod=named))
    ports = tuple(
        EndpointPort(number=rng.choice((0, 80, 8080)), protocol=rng.choice(("TCP", "UDP")), name=name)
        for name in rng.choice((("",), ("web",), ("web", "extra")))
    )
    return EndpointSlice(
        namespace=rng.choice(("a", "a", "b")),
        name=f"s-{number}",
        service="s",
        address_type=rng.choice(("IPv4", "IPv4", "FQDN")),
        endpoints=tuple(endpoints),
        ports=ports,
        legacy=rng.random() < 0.3,
    )


@pytest.mark.parametrize("first", range(0, 2_000, 500))
def test_both_readings_of_a_service_find_the_same_backends(first: int) -> None:
    found_any = 0
    for seed in range(first, first + 500):
        cluster = _cluster(seed)
        service = cluster.services[0]
        for item in service.ports:
            mine = {
                (cluster.pods[t.pod].name if t.pod is not None else t.address, t.number, t.ready)
                for t in targets(cluster, service, item)
            }
            oracle = backends(cluster, service, item.port, Protocol(item.protocol), item.name).backends
            theirs = {(b.pod.name if b.pod is not None else b.address, b.port, b.ready) for b in oracle}
            assert mine == theirs, f"seed {seed} port {item}"
            found_any += len(mine)
    assert found_any > 300
