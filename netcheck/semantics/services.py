"""Which pods and addresses a port of a Service leads to, and at which port: SEMANTICS 4.1, read plainly.

Not its job: which backend a proxy would pick (traffic policies, affinity), and whether a policy lets the flow pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.model.cluster import Cluster
from netcheck.model.objects import EndpointAddress, EndpointPort, EndpointSlice, Pod, Service, ServicePort, ServiceType
from netcheck.semantics.matching import same_address, same_protocol
from netcheck.values.ports import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One place a Service port leads to: a known pod, or an address of no known pod."""

    pod: Pod | None = None
    address: str = ""
    port: int
    protocol: Protocol
    ready: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """What a Service port leads to: backends, or for an ExternalName Service another name (SVC-12)."""

    external_name: str = ""
    backends: tuple[Backend, ...] = ()


def backends(
    cluster: Cluster, service: Service, port: int | None, protocol: Protocol, name: str | None = None
) -> Backends:
    """Return where a client ends that uses the Service's `port` (a number) or the port of this `name`.

    A headless Service asked for by number is used at the pods' own addresses, where the number stays what it is
    (SVC-10, SVC-11); asked for by name it is used as SRV records tell, with the target port.
    """
    if service.type is ServiceType.EXTERNAL_NAME:
        return Backends(external_name=service.external_name)
    if service.headless and port is not None:
        return Backends(backends=_at_the_same_port(cluster, service, port, protocol))
    found = [item for item in service.ports if _is_asked_for(item, port, protocol, name)]
    if not found:
        return Backends()
    return Backends(backends=_of_port(cluster, service, found[0], protocol))


def _is_asked_for(item: ServicePort, port: int | None, protocol: Protocol, name: str | None) -> bool:
    """SVC-8, SVC-9: a number and protocol, or a name, tells one port of a Service from the others."""
    return (
        same_protocol(item.protocol, protocol)
        and (port is None or item.port == port)
        and (name is None or item.name == name)
    )


def _of_port(cluster: Cluster, service: Service, item: ServicePort, protocol: Protocol) -> tuple[Backend, ...]:
    if service.selector:
        return tuple(_selected(cluster, service, item, protocol))
    return _merged(_from_slices(cluster, service, item, protocol))


def selected_pods(cluster: Cluster, service: Service) -> list[Pod]:
    """SVC-2, SVC-3: pods of the Service's namespace with all the labels; an empty or missing selector selects none."""
    wanted = service.selector or {}
    if not wanted:
        return []
    return [
        pod
        for pod in cluster.pods
        if pod.namespace == service.namespace and all(pod.labels.get(key) == wanted[key] for key in wanted)
    ]


def is_ready(service: Service, pod: Pod) -> bool:
    """SVC-4: readiness is a condition of an endpoint, not a test of membership."""
    return service.publish_not_ready_addresses or (pod.ready and not pod.terminating)


def _selected(cluster: Cluster, service: Service, item: ServicePort, protocol: Protocol) -> Iterator[Backend]:
    """SVC-7: a pod on which the target port does not resolve has no endpoint for this port."""
    for pod in selected_pods(cluster, service):
        number = target_number(item, pod)
        if number is not None:
            yield Backend(pod=pod, port=number, protocol=protocol, ready=is_ready(service, pod))


def target_number(item: ServicePort, pod: Pod) -> int | None:
    """SVC-7: a number is itself, declared or not; a name is the first container port with it and the protocol."""
    if isinstance(item.target_port, int):
        return item.target_port
    for port in pod.ports:
        if port.name == item.target_port and port.protocol == item.protocol:
            return port.number
    return None


def _at_the_same_port(cluster: Cluster, service: Service, port: int, protocol: Protocol) -> tuple[Backend, ...]:
    """SVC-10, SVC-11: DNS gives the endpoints' addresses; no port need be declared and none is translated."""
    if service.selector:
        return tuple(
            Backend(pod=pod, port=port, protocol=protocol, ready=is_ready(service, pod))
            for pod in selected_pods(cluster, service)
        )
    return _merged(
        _backend(cluster, endpoint, port, protocol)
        for item in slices_of(cluster, service)
        for endpoint in item.endpoints
    )


def slices_of(cluster: Cluster, service: Service) -> list[EndpointSlice]:
    """SVC-13, SVC-14, SVC-15: all slices of the Service but FQDN ones; legacy Endpoints only where there is no slice."""
    mine = [
        item
        for item in cluster.endpoint_slices
        if (item.namespace, item.service) == (service.namespace, service.name) and item.address_type != "FQDN"
    ]
    return [item for item in mine if not item.legacy] or mine


def _from_slices(cluster: Cluster, service: Service, item: ServicePort, protocol: Protocol) -> Iterator[Backend]:
    """SVC-13: hand-made endpoints; the slice says the port, whatever the Service's targetPort."""
    for part in slices_of(cluster, service):
        for port in part.ports:
            if _joins(port, item):
                for endpoint in part.endpoints:
                    yield _backend(cluster, endpoint, port.number, protocol)


def _joins(port: EndpointPort, item: ServicePort) -> bool:
    """SVC-8: by name, the empty one joining the unnamed port. kube-proxy passes over a port without a number."""
    return port.name == item.name and port.protocol == item.protocol and port.number != 0


def _backend(cluster: Cluster, endpoint: EndpointAddress, port: int, protocol: Protocol) -> Backend:
    """SVC-5, SVC-13: the pod that has the address, else the bare address."""
    pod = pod_at(cluster, endpoint)
    address = "" if pod else endpoint.address
    return Backend(pod=pod, address=address, port=port, protocol=protocol, ready=endpoint.ready)


def pod_at(cluster: Cluster, endpoint: EndpointAddress) -> Pod | None:
    """Return the pod that the endpoint names, unless it is known to live elsewhere, else the one with its address."""
    for pod in cluster.pods:
        if endpoint.pod == (pod.namespace, pod.name) and not pod.template and _may_have(pod, endpoint.address):
            return pod
    for pod in cluster.pods:
        # The address of a host-network pod is its node's: it does not tell which pod is meant (NET-3).
        if not pod.host_network and any(same_address(text, endpoint.address) for text in pod.addresses):
            return pod
    return None


def _may_have(pod: Pod, address: str) -> bool:
    return not pod.addresses or any(same_address(text, address) for text in pod.addresses)


def _merged(found: Iterable[Backend]) -> tuple[Backend, ...]:
    """SVC-14: without repetition; what some slice calls ready is ready."""
    merged: dict[tuple[str, str, str, int], Backend] = {}
    for backend in found:
        namespace, name = (backend.pod.namespace, backend.pod.name) if backend.pod else ("", "")
        key = (namespace, name, backend.address, backend.port)
        if key not in merged or (backend.ready and not merged[key].ready):
            merged[key] = backend
    return tuple(merged.values())
