"""The cluster's DNS as far as it is loaded: the pods that answer, on which ports, and NodeLocal DNSCache (DNS-9, DNS-10)."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.logic.services import targets
from netcheck.model.cluster import Cluster
from netcheck.model.objects import Service
from netcheck.values.ports import Protocol

NODE_LOCAL = "169.254.20.10"
"""The link-local address at which NodeLocal DNSCache usually listens."""
SYSTEM, OPENSHIFT = "kube-system", "openshift-dns"
HOMES = (SYSTEM, OPENSHIFT)
"""The namespaces in which DNS pods run."""
OPENSHIFT_LABEL = "dns.operator.openshift.io/daemonset-dns"

_APP = "k8s-app"
_NAMES = ("kube-dns", "coredns")
_SERVICES = ((SYSTEM, "kube-dns"), (SYSTEM, "coredns"), (OPENSHIFT, "dns-default"))
_USUAL = ((SYSTEM, _APP, "kube-dns", 53), (SYSTEM, _APP, "coredns", 53), (OPENSHIFT, OPENSHIFT_LABEL, "default", 5353))
_CACHE = "node-local-dns"


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsServer:
    """A DNS pod (its position), the port on which it listens, and whether its Service sends it queries now (SVC-25)."""

    pod: int
    port: int
    ready: bool = True


def dns_servers(cluster: Cluster, protocol: Protocol) -> tuple[DnsServer, ...]:
    """Return the loaded DNS pods with the port that their Service translates 53 to (DNS-9); none iff none is loaded.

    Without such a Service they are found by their usual labels.
    """
    found = tuple(
        DnsServer(pod=target.pod, port=target.number, ready=target.ready)
        for service in cluster.services
        if _is_dns_service(service)
        for item in service.ports
        if item.port == 53 and item.protocol == protocol.value
        for target in targets(cluster, service, item)
        if target.pod is not None
    )
    return found or tuple(
        DnsServer(pod=position, port=port)
        for namespace, key, value, port in _USUAL
        for position, pod in enumerate(cluster.pods)
        if pod.namespace == namespace and pod.labels.get(key) == value
    )


def _is_dns_service(service: Service) -> bool:
    named = (service.namespace, service.name) in _SERVICES
    return named or (service.namespace in HOMES and service.labels.get(_APP) in _NAMES)


def has_node_local(cluster: Cluster) -> bool:
    """Return whether NodeLocal DNSCache is loaded (DNS-10)."""
    return any(
        pod.namespace == SYSTEM
        and pod.host_network
        and _CACHE in (pod.labels.get(_APP), pod.labels.get("app"), pod.workload.name)
        for pod in cluster.pods
    )
