"""Ways in against the oracle: each verdict of `list` about a door is the oracle's about the flow that pods see (NP-22)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Flow, NodeEnd, OwnNodeEnd, PodEnd, Verdict
from netcheck.model.objects import Pod, Service, ServicePort, ServiceType
from netcheck.queries.connections import Resolution, connections
from netcheck.queries.results import Endpoint, EndpointType
from netcheck.semantics.decide import decide
from netcheck.values.addresses import address_text
from netcheck.values.ports import Protocol
from tests import strategies

SEEDS = range(60)


def with_doors(cluster: Cluster, policy: str) -> Cluster:
    """Add a NodePort Service in front of each pod, on a port that some rules know and some do not."""
    services = [
        Service(
            namespace=pod.namespace,
            name=f"s{number}",
            type=ServiceType.NODE_PORT,
            selector={"only": f"p{number}"},
            ports=(ServicePort(port=1, target_port=80 if number % 2 else 443),),
            external_traffic_policy=policy,
        )
        for number, pod in enumerate(cluster.pods)
    ]
    pods = tuple(replace(pod, labels={**pod.labels, "only": f"p{number}"}) for number, pod in enumerate(cluster.pods))
    return replace(cluster, services=tuple(services), pods=pods)


def listed(cluster: Cluster) -> dict[tuple[str, str], Verdict]:
    """Return (source id, Service) -> verdict."""
    found = connections(cluster, resolution=Resolution.POD)
    out: dict[tuple[str, str], Verdict] = {}
    for verdict, rows in ((Verdict.ALLOWED, found.entries), (Verdict.UNKNOWN, found.unknown)):
        for row in rows:
            if row.via:
                out[found.endpoints[row.source].id, row.via] = verdict
    return out


def outside(cluster: Cluster) -> Iterator[tuple[Endpoint, str]]:
    """Yield each endpoint of addresses with one address of it that is no pod's and no node's."""
    taken = {text for item in (*cluster.pods, *cluster.nodes) for text in item.addresses}
    for endpoint in connections(cluster).endpoints:
        if endpoint.type is EndpointType.IP and endpoint.addresses is not None:
            version = 4 if endpoint.addresses.v4 else 6
            first, last = endpoint.addresses.of_family(version)[0]
            texts = (address_text(version, number) for number in range(first, min(last, first + 50) + 1))
            free = next((text for text in texts if text not in taken), None)
            if free is not None:
                yield endpoint, free


def verdict(cluster: Cluster, source: AddressEnd | NodeEnd | OwnNodeEnd, pod: Pod, port: int) -> Verdict:
    flow = Flow(source=source, destination=PodEnd(pod), protocol=Protocol.TCP, port=port)
    return decide(cluster, flow).verdict


@pytest.mark.parametrize("seed", SEEDS)
def test_doors_that_keep_the_clients_address(seed: int) -> None:
    cluster = with_doors(strategies.of_seed(seed, admin=bool(seed % 2)), "Local")
    rows = listed(cluster)
    for endpoint, address in outside(cluster):
        for number, pod in enumerate(cluster.pods):
            via = f"Service {pod.namespace}/s{number} (NodePort)"
            expected = verdict(cluster, AddressEnd(address), pod, 80 if number % 2 else 443)
            assert rows.get((endpoint.id, via), Verdict.DENIED) is expected, (endpoint.id, via)


@pytest.mark.parametrize("seed", SEEDS)
def test_doors_behind_which_the_client_is_a_node(seed: int) -> None:
    cluster = with_doors(strategies.of_seed(seed, admin=bool(seed % 2)), "Cluster")
    if not cluster.nodes:
        return
    rows = listed(cluster)
    for number, pod in enumerate(cluster.pods):
        via = f"Service {pod.namespace}/s{number} (NodePort)"
        port = 80 if number % 2 else 443
        verdicts = {verdict(cluster, NodeEnd(node), pod, port) for node in cluster.nodes}
        at_home = verdict(cluster, OwnNodeEnd(), pod, port)
        own = at_home is Verdict.ALLOWED
        mine = {(name, found) for (_, name), found in rows.items() if name.startswith(via[:-1])}
        shown = {found for _, found in mine} or {Verdict.DENIED}
        expected = verdicts if len(verdicts) == 1 else {Verdict.UNKNOWN}
        expected = {at_home} if expected == {Verdict.DENIED} else expected
        assert shown == ({Verdict.ALLOWED} if own else expected), (via, verdicts)
        limited = own and verdicts != {Verdict.ALLOWED}
        assert all(("through the node that runs the pod" in name) is limited for name, _ in mine)
