"""What names mean: the production resolver and the oracle agree on small clusters and names, each built from few parts.

Where the answer is unknown both must say so; which facts they name is theirs.
"""

from __future__ import annotations

import itertools
import random

import pytest

from netcheck.errors import Place
from netcheck.logic.names import resolve
from netcheck.model.cluster import Cluster
from netcheck.model.names import Answer, AnswerKind
from netcheck.model.objects import (
    NAMESPACE_NAME_LABEL,
    ContainerPort,
    EndpointAddress,
    EndpointPort,
    EndpointSlice,
    Namespace,
    Pod,
    PodDNS,
    Service,
    ServicePort,
    ServiceType,
    WorkloadId,
)
from netcheck.semantics.names import resolve as oracle

LABELS = (
    "a",
    "b",
    "x",
    "web-0",
    "p0",
    "p0-1",
    "svc",
    "pod",
    "10-0-0-1",
    "0-1-a",
    "fd00--1",
    "_sql",
    "_tcp",
    "cluster",
    "local",
    "com",
    "z",
    "y",
)
WELL_KNOWN = ("kubernetes.default", "gone.kube-system", "github.com", "www.example.com", "kubernetes.default.svc")
SUFFIXES = (
    "",
    ".svc",
    ".svc.cluster.local",
    ".svc.cluster.local.",
    ".cluster.local",
    ".pod.cluster.local",
    ".com",
    ".",
)
ALIASES = (
    "b.y.svc.cluster.local",
    "a.x.svc.cluster.local",
    "api.example.com",
    "10.0.0.1",
    "b.y",
    "gone.x.svc.cluster.local",
)
PORTS = (
    ServicePort(port=80, target_port=8080, name="http"),
    ServicePort(port=5432, target_port="sql", name="sql"),
    ServicePort(port=53, target_port=53, name="sql", protocol="UDP"),
)


def meaning(answer: Answer):
    if answer.kind is AnswerKind.UNKNOWN:
        assert answer.reasons
        return (AnswerKind.UNKNOWN, {reason.rule for reason in answer.reasons})
    assert not answer.reasons
    return (answer.kind, answer.name, answer.service, answer.aliases, answer.pods, answer.addresses, answer.ports)


def pod(name, namespace="x", **more):
    more.setdefault("workload", WorkloadId(namespace, "Pod", name))
    more.setdefault("labels", {"app": "a"})
    return Pod(namespace=namespace, name=name, **more)


def a_pod(chance, name):
    dns = chance.choice(
        (
            None,
            PodDNS(),
            PodDNS(hostname="web-0", subdomain="a"),
            PodDNS(hostname="web-0", subdomain="b"),
            PodDNS(policy="Default"),
            PodDNS(policy="None", nameservers=("10.96.0.10",), searches=("x.svc.cluster.local",)),
            PodDNS(policy="None", nameservers=("192.0.2.53", "10.96.0.10"), ndots=2),
            PodDNS(policy="ClusterFirstWithHostNet", searches=("Example.com.", "z.svc.cluster.local")),
            PodDNS(ndots=chance.choice((0, 1, 2)), searches=chance.choice(((), ("y.svc.cluster.local",)))),
        )
    )
    return pod(
        name,
        namespace=chance.choice(("x", "y")),
        dns=dns,
        addresses=chance.choice(((), ("10.0.0.1",), ("10.0.0.1", "fd00::1"))),
        host_network=chance.random() < 0.1,
        **chance.choice(({}, {}, {"template": True, "replicas": 2, "workload": WorkloadId("x", "StatefulSet", "web")})),
        ready=chance.random() < 0.8,
        ports=chance.choice(((), (ContainerPort(number=5000, name="sql"),))),
    )


def a_service(chance, namespace, name):
    kind = chance.choice(("cluster", "headless", "headless", "external", "none"))
    if kind == "external":
        return Service(
            namespace=namespace, name=name, type=ServiceType.EXTERNAL_NAME, external_name=chance.choice(ALIASES)
        )
    selector = chance.choice(({"app": "a"}, {"app": "z"}, None))
    return Service(
        namespace=namespace,
        name=name,
        selector=selector,
        headless=kind == "headless",
        cluster_ips=() if kind != "cluster" else ("10.96.0.1",),
        ports=chance.choice(((), PORTS[:1], PORTS)),
        publish_not_ready_addresses=chance.random() < 0.3,
    )


def a_cluster(chance):
    place = Place("x.yaml", 1)
    namespaces = {
        name: Namespace(name=name, labels={NAMESPACE_NAME_LABEL: name}, place=chance.choice((None, place)))
        for name in ("x", "y")
    }
    services = [a_service(chance, namespace, name) for namespace in "xy" for name in "ab" if chance.random() < 0.7]
    if chance.random() < 0.5:
        place_of_dns = chance.choice((("kube-system", "kube-dns"), ("openshift-dns", "dns-default"), ("x", "kube-dns")))
        services.append(Service(namespace=place_of_dns[0], name=place_of_dns[1], cluster_ips=("10.96.0.10",)))
    slices = [
        EndpointSlice(
            namespace=item.namespace,
            name=f"{item.name}-1",
            service=item.name,
            endpoints=(
                EndpointAddress(address="10.0.0.1", ready=chance.random() < 0.8),
                *((EndpointAddress(address="192.0.2.1"),) if chance.random() < 0.5 else ()),
            ),
            ports=(EndpointPort(number=5000, name="sql"),),
        )
        for item in services
        if item.selector is None and chance.random() < 0.5
    ]
    return Cluster(
        namespaces=namespaces,
        pods=tuple(a_pod(chance, f"p{number}") for number in range(chance.randrange(4))),
        services=tuple(services),
        endpoint_slices=tuple(slices),
        whole=chance.random() < 0.3,
        cluster_domain=chance.choice(("cluster.local",) * 5 + ("local", "corp.example")),
    )


def a_name(chance):
    if chance.random() < 0.1:
        return chance.choice(WELL_KNOWN) + chance.choice(SUFFIXES)
    head = ".".join(
        chance.choice(LABELS[:8] if chance.random() < 0.8 else LABELS) for _ in range(chance.randrange(1, 5))
    )
    return head + chance.choice(SUFFIXES)


@pytest.mark.parametrize("seed", range(60))
def test_both_resolvers_agree_on_random_clusters(seed):
    chance = random.Random(seed)
    for _ in range(25):
        cluster = a_cluster(chance)
        for _ in range(10):
            name = a_name(chance)
            for who in (None, *cluster.pods):
                assert meaning(resolve(cluster, who, name)) == meaning(oracle(cluster, who, name)), (who, name)


def test_both_resolvers_agree_on_every_short_name():
    chance = random.Random("every short name")
    cluster = a_cluster(chance)
    who = pod("client")
    for length in (1, 2, 3):
        for labels in itertools.product(LABELS[:9], repeat=length):
            for suffix in SUFFIXES[:4]:
                name = ".".join(labels) + suffix
                assert meaning(resolve(cluster, who, name)) == meaning(oracle(cluster, who, name)), name


def test_every_kind_of_answer_is_drawn():
    chance = random.Random(1)
    kinds = set()
    for _ in range(200):
        cluster = a_cluster(chance)
        kinds |= {resolve(cluster, who, a_name(chance)).kind for who in (None, *cluster.pods) for _ in range(20)}
    assert kinds == set(AnswerKind)
