"""What `exposure` says of doors that need no Service, against the oracle flow by flow; and doors of Services and proxies."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod, WorkloadId
from netcheck.model.profile import Switch
from netcheck.queries.exposure import exposure
from netcheck.queries.openings import (
    METADATA,
    NODES,
    OTHER_NAMESPACES,
    OWN_NODE,
    POD_ADDRESS,
    UNKNOWN_PODS,
    Exposed,
    Opening,
)
from netcheck.semantics.decide import OracleLimit, decide
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol
from tests import strategies

ALLOWED, DENIED, UNKNOWN = Verdict.ALLOWED, Verdict.DENIED, Verdict.UNKNOWN
SHOP = Path(__file__).resolve().parents[2] / "testdata" / "scenarios" / "doors-to-a-shop" / "cluster.yaml"
OUTSIDE = ("8.8.8.8", "10.0.0.200", "203.0.113.9", "255.255.255.255", "2001:db8::1", "fd00::99")


# ---- against the oracle ----------------------------------------------------------------------------------------------


def worst(verdicts: Iterator[Verdict]) -> Verdict:
    """The door is open iff it is for some source, closed iff for none."""
    found = set(verdicts)
    return ALLOWED if ALLOWED in found else UNKNOWN if UNKNOWN in found else DENIED


def said(openings: list[Opening], protocol: Protocol, port: int) -> Verdict:
    """What the openings together say of one port."""
    for verdict in (ALLOWED, UNKNOWN):
        if any(item.verdict is verdict and port in item.connections.of_protocol(protocol) for item in openings):
            return verdict
    return DENIED


def doors_of(one: Exposed, *names: str) -> list[Opening]:
    return [item for item in one.openings if item.door in names]


def ports_of(cluster: Cluster) -> list[tuple[Protocol, int]]:
    return [(protocol, port) for protocol, found in strategies.boundary_ports(cluster).items() for port in found]


def verdict_of(cluster: Cluster, source: End, destination: End, protocol: Protocol, port: int) -> Verdict:
    return decide(cluster, Flow(source=source, destination=destination, protocol=protocol, port=port)).verdict


def pod_of(cluster: Cluster, one: Exposed) -> Pod:
    """The pod that stands for a workload, where its pods are told apart by the id one that the id names."""
    endpoint = one.endpoint
    wanted = WorkloadId(endpoint.namespace, endpoint.kind, endpoint.name)
    return next(pod for pod in cluster.pods if pod.workload == wanted)


def checked(cluster: Cluster, one: Exposed) -> None:
    pod = pod_of(cluster, one)
    here = PodEnd(pod)
    for protocol, port in ports_of(cluster):
        for name in sorted({item.namespace for item in cluster.pods} - {pod.namespace}):
            found = [item for item in doors_of(one, OTHER_NAMESPACES) if name in item.clients.namespaces]
            sources = (PodEnd(item) for item in cluster.pods if item.namespace == name)
            expected = worst(verdict_of(cluster, source, here, protocol, port) for source in sources)
            assert said(found, protocol, port) is expected, (one.endpoint.id, name, protocol, port)
        for node in cluster.nodes:
            if node.name != pod.node or cluster.profile.own_node_ingress is Switch.NO:
                found = [item for item in doors_of(one, NODES) if node.name in item.clients.nodes]
                expected = verdict_of(cluster, NodeEnd(node), here, protocol, port)
                assert said(found, protocol, port) is expected, (one.endpoint.id, node.name, protocol, port)
        if cluster.profile.own_node_ingress is not Switch.NO:
            expected = verdict_of(cluster, OwnNodeEnd(), here, protocol, port)
            assert said(doors_of(one, OWN_NODE), protocol, port) is expected, (one.endpoint.id, protocol, port)
        for address in OUTSIDE:
            within = IPSet.of_cidrs(address)
            found = [
                item
                for item in doors_of(one, POD_ADDRESS, "hostNetwork")
                if item.clients.addresses is not None and within <= item.clients.addresses
            ]
            expected = verdict_of(cluster, AddressEnd(address), here, protocol, port)
            assert said(found, protocol, port) is expected, (one.endpoint.id, address, protocol, port)


def check_metadata(cluster: Cluster, one: Exposed) -> None:
    here = PodEnd(pod_of(cluster, one))
    for address in ("169.254.169.254", "fd00:ec2::254"):
        found = [item for item in doors_of(one, METADATA) if address in item.clients.reaches]
        expected = verdict_of(cluster, here, AddressEnd(address), Protocol.TCP, 80)
        assert said(found, Protocol.TCP, 80) is expected, (one.endpoint.id, address)


def newcomers(cluster: Cluster, count: int, seed: int) -> Iterator[tuple[Cluster, Pod]]:
    """Some pods that do not exist, each in a cluster in which it does: in loaded namespaces and in new ones."""
    rng = random.Random(seed)
    for number in range(count):
        labels = dict(strategies.labels(rng))
        namespaces = dict(cluster.namespaces)
        name = rng.choice([*sorted(namespaces), "new"])
        if name == "new":
            namespaces["new"] = Namespace(name="new", labels={**strategies.labels(rng), NAMESPACE_NAME_LABEL: "new"})
        pod = Pod(namespace=name, name=f"n{number}", workload=WorkloadId(name, "Pod", f"n{number}"), labels=labels)
        yield replace(cluster, pods=(*cluster.pods, pod), namespaces=namespaces), pod


def check_newcomers(cluster: Cluster, one: Exposed, seed: int) -> None:
    """Where no new pod gets in none of a sample does; where one does, such a pod does on each port that is named."""
    here = PodEnd(pod_of(cluster, one))
    found = doors_of(one, UNKNOWN_PODS)
    if found[0].verdict is DENIED:
        for bigger, pod in newcomers(cluster, 12, seed):
            for protocol, port in itertools.islice(ports_of(cluster), 0, None, 3):
                assert verdict_of(bigger, PodEnd(pod), here, protocol, port) is DENIED, (one.endpoint.id, pod)
    for item in found:
        needs = item.clients.needs
        if item.verdict is not ALLOWED or needs is None or needs.block is not None:
            continue
        name = needs.namespace or "a-new-one"
        made = Namespace(name=name, labels={**needs.namespace_labels, NAMESPACE_NAME_LABEL: name})
        namespaces = {name: made, **cluster.namespaces}
        pod = Pod(namespace=name, name="n", workload=WorkloadId(name, "Pod", "n"), labels=needs.labels)
        bigger = replace(cluster, pods=(*cluster.pods, pod), namespaces=namespaces)
        for protocol, port in ports_of(cluster):
            if port in item.connections.of_protocol(protocol):
                assert verdict_of(bigger, PodEnd(pod), here, protocol, port) is ALLOWED, (one.endpoint.id, needs)


def agree(seed: int, *, admin: bool) -> int:
    """Compare one cluster; return how many workloads were."""
    cluster = strategies.of_seed(seed, admin=admin)
    compared = 0
    for one in exposure(cluster).workloads:
        if "{" in one.endpoint.id:  # pods of one owner that policies tell apart: `pod_of` would have to know which
            continue
        try:
            checked(cluster, one)
            check_metadata(cluster, one)
            check_newcomers(cluster, one, seed)
        except OracleLimit:
            continue
        compared += 1
    return compared


@pytest.mark.parametrize("admin", [False, True], ids=["NetworkPolicy", "admin"])
def test_every_door_without_a_service_agrees_with_the_oracle(admin):
    assert sum(agree(seed, admin=admin) for seed in range(12)) > 12
