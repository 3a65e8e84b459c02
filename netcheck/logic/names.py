"""What a name means to a pod: search path, aliases, and the records that the cluster's DNS keeps (DNS-1 to DNS-8).

Promises one `Answer` for a name. Not its job: whether the pod may reach a DNS server at all (DNS-9).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from netcheck.logic.services import find_service, selected, slices_of
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.names import SRV, Answer, AnswerKind
from netcheck.model.objects import EndpointAddress, Pod, PodDNS, Service, ServicePort, ServiceType
from netcheck.values.addresses import address_number

NDOTS = 5
"""Of `ClusterFirst` (DNS-8)."""
_DNS_SERVICES = (("kube-system", "kube-dns"), ("kube-system", "coredns"), ("openshift-dns", "dns-default"))
_ALWAYS_THERE = ("default", "kube-node-lease", "kube-public", "kube-system")
"""Namespaces that every cluster has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolver:
    """Whom a pod asks, and how names that are not complete are completed."""

    searches: tuple[str, ...] = ()
    ndots: int = NDOTS
    cluster_dns: bool | None = True
    """Whether the cluster's DNS answers; None: not known."""
    whole_name: bool = True
    """Whether the name is looked up as it was given, not completed by the search path."""
    maybe_outside: bool = False
    """Whether the name as it was given may be one of another zone."""


def resolve(cluster: Cluster, pod: Pod | None, name: str) -> Answer:
    """Return what `name` resolves to for `pod`; without a pod the cluster's DNS is asked for the name as it is."""
    plain = name.lower().rstrip(".")
    resolver = replace(_resolver_of(cluster, pod), maybe_outside=_is_of_other_zones(cluster, plain))
    tried, elsewhere = plain, None
    for tried in _candidates(name.lower(), resolver):
        answer = _lookup(cluster, replace(resolver, whole_name=tried == plain), tried, ())
        if answer is None:
            continue
        if tried == plain or answer.kind is not AnswerKind.EXTERNAL or answer.aliases:
            return answer
        elsewhere = elsewhere or answer  # in a search domain of another zone: nothing hints that it is there
    return elsewhere or Answer(kind=AnswerKind.NXDOMAIN, name=tried)


def _is_of_other_zones(cluster: Cluster, plain: str) -> bool:
    """Return whether others than the cluster's DNS can know a name: one label nobody does, nor what ends in `svc`."""
    zone = cluster.cluster_domain.lower().strip(".")
    return "." in plain and not plain.endswith((".svc", f".{zone}")) and plain != zone


# ---- the resolver of a pod -------------------------------------------------------------------------------------------


def _resolver_of(cluster: Cluster, pod: Pod | None) -> _Resolver:
    """DNS-7: a host-network pod with `ClusterFirst` has its node's resolver; so has one with `Default`."""
    if pod is None:
        return _Resolver(ndots=0)
    dns = pod.dns or PodDNS()
    ndots = dns.ndots if dns.ndots is not None else NDOTS
    policy = "Default" if dns.policy == "ClusterFirst" and pod.host_network else dns.policy
    if policy == "None":
        asked = _is_cluster_dns(cluster, dns.nameservers)
        return _Resolver(searches=dns.searches, ndots=dns.ndots if dns.ndots is not None else 1, cluster_dns=asked)
    if policy == "Default":
        return _Resolver(searches=dns.searches, ndots=dns.ndots if dns.ndots is not None else 1, cluster_dns=None)
    zone = cluster.cluster_domain
    own = (f"{pod.namespace}.svc.{zone}", f"svc.{zone}", zone)
    return _Resolver(searches=tuple(dict.fromkeys((*own, *dns.searches))), ndots=ndots)


def _is_cluster_dns(cluster: Cluster, nameservers: tuple[str, ...]) -> bool | None:
    for service in cluster.services:
        if (service.namespace, service.name) in _DNS_SERVICES and set(nameservers[:1]) & set(service.cluster_ips):
            return True
    return None


def _candidates(name: str, resolver: _Resolver) -> Iterator[str]:
    """DNS-8: with fewer dots than `ndots` the search path comes first, else the name itself."""
    plain = name.rstrip(".")
    if name.endswith("."):
        yield plain
        return
    first = plain.count(".") >= resolver.ndots
    if first:
        yield plain
    yield from (f"{plain}.{domain.lower().strip('.')}" for domain in resolver.searches)
    if not first:
        yield plain


# ---- one full name ---------------------------------------------------------------------------------------------------


def _lookup(cluster: Cluster, resolver: _Resolver, name: str, aliases: tuple[str, ...]) -> Answer | None:
    """Return what a full name is, or None iff there is no such name."""
    zone = cluster.cluster_domain.lower().strip(".")
    if name != zone and not name.endswith(f".{zone}"):
        return _outside(cluster, name, aliases)
    if resolver.cluster_dns is None:
        return _unknown(name, "DNS-7", f"whether the resolver that the pod has knows `{zone}` is not in the input")
    parts = name.removesuffix(zone).rstrip(".").split(".")
    if parts[-1] == "svc":
        return _in_services(cluster, resolver, name, parts[:-1], aliases)
    if parts[-1] == "pod" and len(parts) == 3 and _is_dashed(parts[0]):
        return _unknown(name, "DNS-4", "whether pods have records depends on the `pods` mode of CoreDNS")
    return None


def _outside(cluster: Cluster, name: str, aliases: tuple[str, ...]) -> Answer | None:
    """A name of another zone: the cluster's DNS asks others for what it has not."""
    if not _is_of_other_zones(cluster, name):
        return None
    return Answer(kind=AnswerKind.EXTERNAL, name=name, aliases=aliases)


def _in_services(
    cluster: Cluster, resolver: _Resolver, name: str, parts: list[str], aliases: tuple[str, ...]
) -> Answer | None:
    if not 2 <= len(parts) <= 4 or (len(parts) == 4 and not _is_srv(parts)):
        return None
    namespace, service_name = parts[-1], parts[-2]
    service = find_service(cluster, namespace, service_name)
    if service is None and not resolver.whole_name and (len(parts) > 2 or _is_unlikely(cluster, resolver, namespace)):
        return None  # by the search path `api.example.com` is such a name too, and means one of another zone
    if service is None:
        return _absent(cluster, name, namespace, service_name)
    if len(parts) == 4:
        return _srv(cluster, name, service, (parts[0][1:], parts[1][1:]), aliases)
    if len(parts) == 3:
        return _endpoint(cluster, name, service, parts[0], aliases)
    if service.type is ServiceType.EXTERNAL_NAME:
        return _alias(cluster, resolver, name, service, aliases)
    if service.headless:
        return _headless(cluster, name, service, aliases)
    return Answer(
        kind=AnswerKind.SERVICE,
        name=name,
        service=(service.namespace, service.name),
        aliases=aliases,
        addresses=tuple(sorted(service.cluster_ips)),
    )


def _is_unlikely(cluster: Cluster, resolver: _Resolver, namespace: str) -> bool:
    """Return whether nothing tells of a namespace, and the name makes sense without it."""
    return resolver.maybe_outside and namespace not in cluster.namespaces and namespace not in _ALWAYS_THERE


def _is_srv(parts: list[str]) -> bool:
    return parts[0].startswith("_") and parts[1] in ("_tcp", "_udp", "_sctp")


def _absent(cluster: Cluster, name: str, namespace: str, service: str) -> Answer | None:
    if (namespace, service) == ("default", "kubernetes"):
        return _unknown(name, "SVC-31", "the addresses of the API server are not in the input")
    if cluster.knows_namespace(namespace):
        return None
    message = f"whether there is a Service `{namespace}/{service}` is not in the input"
    return _unknown(name, "DNS-1", message)


def _alias(
    cluster: Cluster, resolver: _Resolver, name: str, service: Service, aliases: tuple[str, ...]
) -> Answer | None:
    """DNS-5, SVC-12: an alias, even if it looks like an address; one that comes back to itself has no answer."""
    target = service.external_name.lower().rstrip(".")
    if target == name or target in aliases:
        return None
    return _lookup(cluster, resolver, target, (*aliases, name))


# ---- endpoints -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoint:
    """A ready endpoint of a headless Service, as DNS knows it."""

    pod: Pod | None
    addresses: tuple[str, ...]
    position: int = -1

    def hostnames(self, service: Service) -> tuple[str, ...]:
        """SVC-36: the names that its pods have within the Service; a template of a StatefulSet stands for several."""
        if self.pod is None or self.pod.dns is None or self.pod.dns.subdomain != service.name:
            return ()
        if self.pod.workload.kind == "StatefulSet" and self.pod.template:
            return tuple(f"{self.pod.workload.name}-{ordinal}" for ordinal in range(self.pod.replicas))
        return (self.pod.dns.hostname,) if self.pod.dns.hostname else ()


def _endpoints(cluster: Cluster, service: Service) -> tuple[_Endpoint, ...]:
    """DNS-1, SVC-4: the ready endpoints, of all ports and of none."""
    if service.selector:
        every = service.publish_not_ready_addresses
        return tuple(
            _Endpoint(pod=pod, addresses=pod.addresses, position=position)
            for position in selected(cluster, service)
            for pod in (cluster.pods[position],)
            if every or (pod.ready and not pod.terminating)
        )
    found: dict[str, _Endpoint] = {}
    for piece in slices_of(cluster, service):
        for item in piece.endpoints:
            if item.ready:
                found.setdefault(item.address, _Endpoint(pod=_owner(cluster, item), addresses=(item.address,)))
    return tuple(found.values())


def _owner(cluster: Cluster, item: EndpointAddress) -> Pod | None:
    for pod in cluster.pods:
        if item.pod == (pod.namespace, pod.name) and (not pod.addresses or item.address in pod.addresses):
            return pod
    for pod in cluster.pods:
        if item.address in pod.addresses and not pod.host_network:
            return pod
    return None


def _headless(cluster: Cluster, name: str, service: Service, aliases: tuple[str, ...]) -> Answer | None:
    """DNS-1: the addresses of the ready endpoints; none is no such name."""
    found = _endpoints(cluster, service)
    if not found:
        return _no_endpoints(cluster, name, service)
    return _of_endpoints(name, service, found, aliases)


def _of_endpoints(
    name: str, service: Service, found: tuple[_Endpoint, ...], aliases: tuple[str, ...], ports: tuple[SRV, ...] = ()
) -> Answer:
    return Answer(
        kind=AnswerKind.PODS,
        name=name,
        service=(service.namespace, service.name),
        aliases=aliases,
        pods=tuple(sorted({(item.pod.namespace, item.pod.name) for item in found if item.pod is not None})),
        addresses=tuple(sorted({address for item in found for address in item.addresses})),
        ports=ports,
    )


def _no_endpoints(cluster: Cluster, name: str, service: Service) -> Answer | None:
    label = f"Service {service.namespace}/{service.name}"
    if cluster.whole or selected(cluster, service) or slices_of(cluster, service):
        return None
    if service.selector:
        return _unknown(name, "SVC-2", f"no loaded pod serves {label}; other pods may")
    return _unknown(name, "SVC-13", f"{label} selects no pods itself, and the input has no EndpointSlice for it")


def _endpoint(cluster: Cluster, name: str, service: Service, host: str, aliases: tuple[str, ...]) -> Answer | None:
    """DNS-3: the record of one endpoint; what an endpoint without a hostname is called is the implementation's."""
    if not service.headless or service.type is ServiceType.EXTERNAL_NAME:
        return None
    endpoints = _endpoints(cluster, service)
    if not endpoints:
        return _no_endpoints(cluster, name, service)
    named = tuple(item for item in endpoints if host in item.hostnames(service))
    if named:
        return _of_endpoints(name, service, named, aliases)
    # What is written by hand may have any host name, which slices tell and netcheck does not read.
    if not service.selector or any(not item.hostnames(service) and _may_be_called(item, host) for item in endpoints):
        return _unknown(name, "DNS-3", "how an endpoint without a hostname is called is the implementation's choice")
    return None


def _may_be_called(item: _Endpoint, host: str) -> bool:
    if item.pod is not None and (host.startswith(f"{item.pod.name}-") if item.pod.template else host == item.pod.name):
        return True  # the pods of a template have names that begin with its own
    if not item.addresses:
        return _is_dashed(host)
    return any(re.sub(r"[.:]", "-", address) == host for address in item.addresses)


def _is_dashed(text: str) -> bool:
    """Return whether a label may be an address with dashes for its dots or colons."""
    for mark in (".", ":"):
        try:
            address_number(text.replace("-", mark))
        except ValueError:
            continue
        return True
    return False


def _srv(
    cluster: Cluster, name: str, service: Service, asked: tuple[str, str], aliases: tuple[str, ...]
) -> Answer | None:
    """DNS-2: only named ports have SRV records."""
    found = [item for item in service.ports if item.name and (item.name, item.protocol.lower()) == asked]
    if not found or service.type is ServiceType.EXTERNAL_NAME:
        return None
    full = f"{service.name}.{service.namespace}.svc.{cluster.cluster_domain.lower()}"
    if not service.headless:
        return Answer(
            kind=AnswerKind.SERVICE,
            name=name,
            service=(service.namespace, service.name),
            aliases=aliases,
            addresses=tuple(sorted(service.cluster_ips)),
            ports=(SRV(full, found[0].port),),
        )
    endpoints = _endpoints(cluster, service)
    if not endpoints:
        return _no_endpoints(cluster, name, service)
    answers = sorted({answer for item in endpoints for answer in _srv_of(cluster, service, found[0], item, full)})
    return _of_endpoints(name, service, endpoints, aliases, tuple(answers))


def _srv_of(cluster: Cluster, service: Service, item: ServicePort, endpoint: _Endpoint, full: str) -> Iterator[SRV]:
    """SVC-11: the slices of a headless Service hold target ports, and SRV records tell those."""
    for number in _endpoint_numbers(cluster, service, item, endpoint):
        for host in endpoint.hostnames(service) or tuple(re.sub(r"[.:]", "-", text) for text in endpoint.addresses):
            yield SRV(f"{host}.{full}", number)


def _endpoint_numbers(cluster: Cluster, service: Service, item: ServicePort, endpoint: _Endpoint) -> Iterator[int]:
    if endpoint.position >= 0 and endpoint.pod is not None:
        if isinstance(item.target_port, int):
            yield item.target_port
            return
        for port in endpoint.pod.ports:
            if (port.name, port.protocol) == (item.target_port, item.protocol):
                yield port.number
                return
        return
    for piece in slices_of(cluster, service):
        if any(entry.address in endpoint.addresses for entry in piece.endpoints):
            yield from (
                p.number for p in piece.ports if (p.name, p.protocol) == (item.name, item.protocol) and p.number
            )


def _unknown(name: str, rule: str, message: str) -> Answer:
    return Answer(kind=AnswerKind.UNKNOWN, name=name, reasons=(Reason(rule=rule, message=message),))
