"""The cluster's DNS as `trace` and `lint` find it (DNS-9, DNS-10)."""

from __future__ import annotations

from dataclasses import replace

from netcheck.model.cluster import Cluster
from netcheck.model.objects import Pod, Service, ServicePort, WorkloadId
from netcheck.queries.cluster_dns import DnsServer, dns_servers, has_node_local
from netcheck.values.ports import Protocol

SYSTEM = "kube-system"
DNS = Service(
    namespace=SYSTEM,
    name="kube-dns",
    selector={"k8s-app": "kube-dns"},
    ports=(ServicePort(port=53, target_port=1053, protocol="UDP"),),
)


def pod(name: str, **labels: str) -> Pod:
    return Pod(
        namespace=SYSTEM,
        name=name,
        workload=WorkloadId(SYSTEM, "Deployment", name),
        labels={key.replace("_", "-"): value for key, value in labels.items()},
    )


def test_dns_9_the_port_is_the_one_that_the_service_translates_to():
    server = pod("coredns", k8s_app="kube-dns")
    cluster = Cluster(pods=(pod("web"), server, replace(server, ready=False)), services=(DNS,))
    found = dns_servers(cluster, Protocol.UDP)
    assert set(found) == {DnsServer(pod=1, port=1053), DnsServer(pod=2, port=1053, ready=False)}


def test_dns_9_without_a_service_for_the_protocol_labels_tell():
    cluster = Cluster(pods=(pod("coredns", k8s_app="kube-dns"),), services=(DNS,))
    assert dns_servers(cluster, Protocol.TCP) == (DnsServer(pod=0, port=53),)
    assert dns_servers(Cluster(pods=(pod("web"),)), Protocol.TCP) == ()


def test_dns_10_the_cache_of_a_node_is_known_by_its_label_or_its_name():
    assert has_node_local(Cluster(pods=(replace(pod("x", k8s_app="node-local-dns"), host_network=True),)))
    assert has_node_local(Cluster(pods=(replace(pod("node-local-dns"), host_network=True),)))
    assert not has_node_local(Cluster(pods=(pod("node-local-dns"), replace(pod("x"), host_network=True))))
