"""What a name is to a pod that asks for it: SEMANTICS section 5, read plainly.

First which names are tried (DNS-7, DNS-8), then what the cluster's DNS answers for each (DNS-1 to DNS-6).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.names import SRV, Answer, AnswerKind
from netcheck.model.objects import Pod, PodDNS, Service, ServicePort, ServiceType
from netcheck.semantics.backends import find_service
from netcheck.semantics.services import is_ready, pod_at, selected_pods, slices_of, target_number

__all__ = ["resolve"]

PROTOCOLS = ("_tcp", "_udp", "_sctp")
SERVERS = (("kube-system", "kube-dns"), ("kube-system", "coredns"), ("openshift-dns", "dns-default"))
"""DNS-9: the Services of the cluster's DNS, by the names that installations give them."""


def resolve(cluster: Cluster, pod: Pod | None, name: str) -> Answer:
    """Return what `name` is to the pod; None stands for whoever asks the cluster's DNS for full names."""
    wanted = name.lower()
    if _is_address(wanted):
        return Answer(kind=AnswerKind.EXTERNAL, name=wanted)
    tried = names_tried(cluster, pod, wanted)
    found = [look_up(cluster, full, knows_zone=asks_the_cluster(cluster, pod)) for full in tried]
    for full, answer in zip(tried, found, strict=True):
        if _settles(cluster, full, answer, wanted.removesuffix(".")):
            return answer
    elsewhere = [answer for answer in found if answer.kind is AnswerKind.EXTERNAL]
    return elsewhere[0] if elsewhere else _nothing(tried[-1])


def _is_address(*names: str) -> bool:
    """Whether one of the names is an address."""
    for name in names:
        with suppress(ValueError):
            return bool(ipaddress.ip_address(name))
    return False


def _settles(cluster: Cluster, full: str, answer: Answer, written: str) -> bool:
    """DNS-8: what is not there leads to the next name; so does, on the way, what only a fact nobody hints at would make.

    That is a name in a search domain outside the zone, an endpoint's own name of a Service that is not loaded, and one
    in a namespace that nothing tells of: else every name outside would be unknown, as `a.example.com` might be endpoint
    `a` of a Service `example`, and `github.com` a Service in a namespace `com`.
    """
    if written == full or answer.kind not in (AnswerKind.EXTERNAL, AnswerKind.UNKNOWN):
        return answer.kind is not AnswerKind.NXDOMAIN
    labels = _labels_in_zone(cluster, full)
    if labels is None:
        return False
    if not any(reason.rule == "DNS-1" for reason in answer.reasons) or answer.service is not None:
        return True
    return len(labels) == 3 and (_is_told_of(cluster, labels[1]) or outside(cluster, written) == _nothing(written))


def _is_told_of(cluster: Cluster, namespace: str) -> bool:
    """Whether the input has or mentions the namespace, or every cluster has it."""
    return namespace in (*cluster.namespaces, "default", "kube-system", "kube-public", "kube-node-lease")


# ---- which names are tried ------------------------------------------------------------------------------------------


def policy_of(pod: Pod | None) -> str:
    """DNS-7: a host-network pod with ClusterFirst behaves as Default."""
    if pod is None:
        return "ClusterFirst"
    policy = (pod.dns or PodDNS()).policy
    if policy == "ClusterFirst" and pod.host_network:
        return "Default"
    return policy


def asks_the_cluster(cluster: Cluster, pod: Pod | None) -> bool:
    """DNS-7, DNS-9: whether the cluster's DNS is asked: by policy, or as `dnsConfig` first names its Service's address."""
    if policy_of(pod) in ("ClusterFirst", "ClusterFirstWithHostNet"):
        return True
    servers = pod.dns.nameservers if pod is not None and pod.dns is not None else ()
    known = [find_service(cluster, namespace, name) for namespace, name in SERVERS]
    addresses = [address for service in known if service is not None for address in service.cluster_ips]
    return policy_of(pod) == "None" and bool(servers) and servers[0] in addresses


def names_tried(cluster: Cluster, pod: Pod | None, name: str) -> list[str]:
    """DNS-8: through the search path first if the name has fewer dots than `ndots`, else last; never with a last dot."""
    if name.endswith("."):
        return [name.removesuffix(".")]
    searched = [f"{name}.{domain}" for domain in search_path(cluster, pod)]
    return [*searched, name] if name.count(".") < ndots(pod) else [name, *searched]


def ndots(pod: Pod | None) -> int:
    """DNS-8: 5 where the cluster's DNS comes first, else the resolver's own 1; `dnsConfig` overrides both."""
    if pod is not None and pod.dns is not None and pod.dns.ndots is not None:
        return pod.dns.ndots
    return 5 if policy_of(pod).startswith("ClusterFirst") else 1


def search_path(cluster: Cluster, pod: Pod | None) -> list[str]:
    """DNS-8: the pod's namespace, all Services, the zone; then those of `dnsConfig`. Those of the node are not known."""
    if pod is None:
        return []
    zone = cluster.cluster_domain.lower()
    own = [f"{pod.namespace}.svc.{zone}", f"svc.{zone}", zone] if policy_of(pod).startswith("ClusterFirst") else []
    added = [item.lower().removesuffix(".") for item in (pod.dns or PodDNS()).searches]
    return list(dict.fromkeys([*own, *added]))


# ---- what a full name is --------------------------------------------------------------------------------------------


def _labels_in_zone(cluster: Cluster, full: str) -> list[str] | None:
    """DNS-6: the labels before the zone, or None outside of it."""
    zone = cluster.cluster_domain.lower()
    if full == zone:
        return []
    return full.removesuffix("." + zone).split(".") if full.endswith("." + zone) else None


def look_up(cluster: Cluster, full: str, *, knows_zone: bool) -> Answer:
    """Return what is known of a full name; outside the zone other servers answer."""
    labels = _labels_in_zone(cluster, full)
    if labels is None:
        return outside(cluster, full)
    if not knows_zone:
        return _unknown(full, "DNS-7", f"whether the resolver that is asked for `{full}` knows the cluster's zone")
    match labels:
        case [_, _, "pod"]:
            return _pod_record(full, labels[0])
        case [service, namespace, "svc"]:
            return _of_service(cluster, full, namespace, service)
        case [port, protocol, service, namespace, "svc"] if port.startswith("_") and protocol in PROTOCOLS:
            return _srv(cluster, full, namespace, service, (port[1:], protocol[1:].upper()))
        case [host, service, namespace, "svc"]:
            return _endpoint(cluster, full, namespace, service, host)
    return _nothing(full)


def _pod_record(full: str, dashed: str) -> Answer:
    """DNS-4: it depends on a mode of the DNS server; what is no address is nobody."""
    if not _is_address(_undashed(dashed, "."), _undashed(dashed, ":")):
        return _nothing(full)
    return _unknown(full, "DNS-4", f"whether the DNS server answers for pods (`pods` mode): it decides about `{full}`")


def _missing(cluster: Cluster, full: str, namespace: str, service: str) -> Answer:
    """DNS-1: no such Service, where the input tells what the namespace holds; SVC-31: one is in every cluster."""
    if (namespace, service) == ("default", "kubernetes"):
        return _unknown(full, "SVC-31", "the addresses of the API server, which every cluster has")
    if cluster.knows_namespace(namespace):
        return _nothing(full)
    what = f"whether namespace `{namespace}`, of which the input does not tell what it holds, has a Service `{service}`"
    return _unknown(full, "DNS-1", what)


def _of_service(cluster: Cluster, full: str, namespace: str, name: str) -> Answer:
    """DNS-1, DNS-5: an alias, the endpoints of a headless Service, or the cluster address."""
    service = find_service(cluster, namespace, name)
    if service is None:
        return _missing(cluster, full, namespace, name)
    if service.type is ServiceType.EXTERNAL_NAME:
        return follow(cluster, full, service)
    if service.headless:
        return _of_pods(cluster, full, service, ready_pods(cluster, service), ready_addresses(cluster, service))
    return Answer(
        kind=AnswerKind.SERVICE, name=full, service=(namespace, name), addresses=tuple(sorted(service.cluster_ips))
    )


def follow(cluster: Cluster, full: str, service: Service) -> Answer:
    """DNS-5: alias after alias, each a full name; a circle has no answer."""
    aliases = [full]
    target = _target(service)
    while target not in aliases:
        following = _alias_service(cluster, target)
        if following is None:
            found = look_up(cluster, target, knows_zone=True)
            return replace(found, aliases=tuple(aliases))
        aliases.append(target)
        target = _target(following)
    return replace(_nothing(target), aliases=tuple(aliases))


def _target(service: Service) -> str:
    return service.external_name.lower().removesuffix(".")


def _alias_service(cluster: Cluster, full: str) -> Service | None:
    """The ExternalName Service that has this full name."""
    match _labels_in_zone(cluster, full):
        case [name, namespace, "svc"]:
            service = find_service(cluster, namespace, name)
            return service if service is not None and service.type is ServiceType.EXTERNAL_NAME else None
    return None


def ready_pods(cluster: Cluster, service: Service) -> list[Pod]:
    """DNS-1, SVC-32: the pods behind a headless Service's ready endpoints."""
    if service.selector:
        return [pod for pod in selected_pods(cluster, service) if is_ready(service, pod)]
    endpoints = [item for part in slices_of(cluster, service) for item in part.endpoints if item.ready]
    found = [pod_at(cluster, item) for item in endpoints]
    return list({(pod.namespace, pod.name): pod for pod in found if pod is not None}.values())


def ready_addresses(cluster: Cluster, service: Service) -> list[str]:
    """DNS-1: the addresses of ready endpoints, as far as they are known."""
    if service.selector:
        return [address for pod in ready_pods(cluster, service) for address in pod.addresses]
    return [item.address for part in slices_of(cluster, service) for item in part.endpoints if item.ready]


def _nobody(cluster: Cluster, full: str, service: Service) -> Answer:
    """DNS-1: nobody ready has no name; but where no endpoint is loaded at all there may be others (SVC-2, SVC-13)."""
    loaded = selected_pods(cluster, service) if service.selector else slices_of(cluster, service)
    if loaded or cluster.whole:
        return _nothing(full)
    what = f"which endpoints Service {service.namespace}/{service.name} has, of which none is in the input"
    return _unknown(full, "SVC-2" if service.selector else "SVC-13", what)


def _of_pods(cluster: Cluster, full: str, service: Service, pods: Sequence[Pod], addresses: Sequence[str]) -> Answer:
    """DNS-1: the endpoints that are ready."""
    if not pods and not addresses:
        return _nobody(cluster, full, service)
    return Answer(
        kind=AnswerKind.PODS,
        name=full,
        service=(service.namespace, service.name),
        pods=tuple(sorted({(pod.namespace, pod.name) for pod in pods})),
        addresses=tuple(sorted(set(addresses))),
    )


def _endpoint(cluster: Cluster, full: str, namespace: str, name: str, host: str) -> Answer:
    """DNS-3: one endpoint of a headless Service by its host name; by another id it is up to the DNS server."""
    service = find_service(cluster, namespace, name)
    if service is None:
        return _missing(cluster, full, namespace, name)
    if not service.headless or service.type is ServiceType.EXTERNAL_NAME:
        return _nothing(full)
    pods = ready_pods(cluster, service)
    named = [pod for pod in pods if host in hostnames_of(service, pod)]
    if named:
        return _of_pods(cluster, full, service, named, [address for pod in named for address in pod.addresses])
    if any(_may_be_called(pod, host) for pod in pods if not hostnames_of(service, pod)):
        what = f"by which id the DNS server names endpoints without a host name: it decides about `{full}`"
        return replace(_unknown(full, "DNS-3", what), service=(namespace, name))
    if not service.selector and ready_addresses(cluster, service):
        what = f"the host names of the endpoints of Service {namespace}/{name}, which are written by hand"
        return replace(_unknown(full, "DNS-3", what), service=(namespace, name))
    return _nothing(full) if pods else _nobody(cluster, full, service)


def hostnames_of(service: Service, pod: Pod) -> tuple[str, ...]:
    """SVC-36: where `subdomain` is the Service: the pod's, or those of the pods that a StatefulSet makes."""
    dns = pod.dns or PodDNS()
    if dns.subdomain != service.name:
        return ()
    if pod.template and pod.workload.kind == "StatefulSet":
        return tuple(f"{pod.workload.name}-{number}" for number in range(pod.replicas))
    return (dns.hostname,) if dns.hostname else ()


def _may_be_called(pod: Pod, host: str) -> bool:
    """DNS-3: by its dashed address, which may not be known, or its name, of which a template is the beginning."""
    if host.startswith(f"{pod.name}-") if pod.template else host == pod.name:
        return True
    return (
        host in map(_dashed, pod.addresses)
        if pod.addresses
        else _is_address(_undashed(host, "."), _undashed(host, ":"))
    )


def _undashed(host: str, mark: str) -> str:
    return host.replace("-", mark)


def _dashed(address: str) -> str:
    return address.replace(".", "-").replace(":", "-")


def _srv(cluster: Cluster, full: str, namespace: str, name: str, wanted: tuple[str, str]) -> Answer:
    """DNS-2: named ports only."""
    service = find_service(cluster, namespace, name)
    if service is None:
        return _missing(cluster, full, namespace, name)
    port = next((item for item in service.ports if (item.name.lower(), item.protocol) == wanted), None)
    if service.type is ServiceType.EXTERNAL_NAME or port is None:
        return _nothing(full)
    host = f"{name}.{namespace}.svc.{cluster.cluster_domain.lower()}"
    answer = _of_service(cluster, host, namespace, name)
    if answer.kind in (AnswerKind.NXDOMAIN, AnswerKind.UNKNOWN):
        return replace(answer, name=full)
    ports = _srv_answers(cluster, service, port, host) if service.headless else {SRV(host, port.port)}
    return replace(answer, name=full, ports=tuple(sorted(ports)))


def _srv_answers(cluster: Cluster, service: Service, port: ServicePort, host: str) -> set[SRV]:
    """DNS-2, DNS-3: one for each endpoint, at its host name or else the id that CoreDNS makes of its address."""
    if not service.selector:
        parts = [item for part in slices_of(cluster, service) for item in part.ports]
        return {SRV(host, item.number) for item in parts if (item.name, item.protocol) == (port.name, port.protocol)}
    found = set()
    for pod in ready_pods(cluster, service):
        number = target_number(port, pod)
        ids = hostnames_of(service, pod) or tuple(map(_dashed, pod.addresses[:1]))
        names = [f"{item}.{host}" for item in ids] or [host]
        found |= {SRV(item, number) for item in names if number is not None}
    return found


# ---- the rest -------------------------------------------------------------------------------------------------------


def outside(cluster: Cluster, name: str) -> Answer:
    """A name that others answer for; a single label is nobody there, and `svc` no zone; nor is the cluster's zone."""
    if "." not in name or name.endswith(".svc") or _labels_in_zone(cluster, name) is not None:
        return _nothing(name)
    return Answer(kind=AnswerKind.EXTERNAL, name=name)


def _nothing(name: str) -> Answer:
    return Answer(kind=AnswerKind.NXDOMAIN, name=name)


def _unknown(name: str, rule: str, what: str) -> Answer:
    return Answer(kind=AnswerKind.UNKNOWN, name=name, reasons=(Reason(rule=rule, message=f"not known: {what}"),))
