"""Translation of Services: from a Service port to the pods or addresses and target ports behind it.

Policies see the backend, never the virtual address (SEMANTICS SVC-23), so a question about a Service is a question
about each of its targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from netcheck.model.cluster import Cluster
from netcheck.model.objects import (
    EndpointAddress,
    EndpointSlice,
    Pod,
    Service,
    ServicePort,
    ServiceType,
)
from netcheck.values.ports import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One backend of a Service port: a pod (its position in `cluster.pods`) or an address, and the port there."""

    pod: int | None = None
    address: str = ""
    number: int
    protocol: Protocol
    service_port: str
    ready: bool = True


def find_service(cluster: Cluster, namespace: str, name: str) -> Service | None:
    """Return the Service with that identity, or None."""
    for service in cluster.services:
        if service.namespace == namespace and service.name == name:
            return service
    return None


def ports_asked(service: Service, port: str | None, protocol: Protocol | None) -> tuple[ServicePort, ...]:
    """Return the Service's ports that a question means: by number or name; all of them if it names none."""
    return tuple(
        item
        for item in service.ports
        if (protocol is None or item.protocol == protocol.value)
        and (port is None or port in (str(item.port), item.name))
    )


Near = Mapping[str, Sequence[int]]
"""The positions of the pods of each namespace: who asks about many Services gives it, and no pods are walked in vain."""


def pods_near(cluster: Cluster) -> Near:
    """Return the positions of the pods by namespace."""
    found: dict[str, list[int]] = {}
    for position, pod in enumerate(cluster.pods):
        found.setdefault(pod.namespace, []).append(position)
    return found


def selected(cluster: Cluster, service: Service, near: Near | None = None) -> tuple[int, ...]:
    """Return the positions of the pods that the selector matches (SVC-2): of none if it has no selector."""
    if not service.selector or service.type is ServiceType.EXTERNAL_NAME:
        return ()
    wanted = service.selector.items()
    return tuple(
        position
        for position in (range(len(cluster.pods)) if near is None else near.get(service.namespace, ()))
        if (pod := cluster.pods[position]).namespace == service.namespace
        and all(pod.labels.get(key) == value for key, value in wanted)
    )


def target_number(pod: Pod, item: ServicePort) -> int | None:
    """Return the pod's port for a Service port, or None if it declares no port of that name and protocol (SVC-7)."""
    if isinstance(item.target_port, int):
        return item.target_port
    for port in pod.ports:
        if port.name == item.target_port and port.protocol == item.protocol:
            return port.number
    return None


def targets(cluster: Cluster, service: Service, item: ServicePort, near: Near | None = None) -> tuple[Target, ...]:
    """Return the backends of one Service port, without repetition, pods first in their order."""
    if service.selector:
        return _ready_wins(_from_selector(cluster, service, item, near))
    return _ready_wins(_from_slices(cluster, service, item))


def _from_selector(cluster: Cluster, service: Service, item: ServicePort, near: Near | None) -> Iterator[Target]:
    for position in selected(cluster, service, near):
        pod = cluster.pods[position]
        number = item.port if service.headless else target_number(pod, item)  # SVC-11: nothing translates the port
        if number is not None:
            ready = service.publish_not_ready_addresses or (pod.ready and not pod.terminating)
            yield Target(
                pod=position,
                number=number,
                protocol=Protocol(item.protocol),
                service_port=_shown(item),
                ready=ready,
            )


def slices_of(cluster: Cluster, service: Service) -> tuple[EndpointSlice, ...]:
    """Return the EndpointSlices of a Service, or its legacy Endpoints if it has no slice (SVC-13, SVC-15)."""
    named = (service.namespace, service.name)
    mine = [item for item in cluster.endpoint_slices if (item.namespace, item.service) == named]
    usable = [item for item in mine if item.address_type != "FQDN"]
    return tuple(item for item in usable if not item.legacy) or tuple(item for item in usable if item.legacy)


def _from_slices(cluster: Cluster, service: Service, item: ServicePort) -> Iterator[Target]:
    for piece in slices_of(cluster, service):
        for number in _numbers(service, piece, item):
            for endpoint in piece.endpoints:
                position = _pod_of(cluster, endpoint)
                yield Target(
                    pod=position,
                    address="" if position is not None else endpoint.address,
                    number=number,
                    protocol=Protocol(item.protocol),
                    service_port=_shown(item),
                    ready=endpoint.ready,  # SVC-5: what the slice says; publishNotReadyAddresses is for its writer
                )


def _numbers(service: Service, piece: EndpointSlice, item: ServicePort) -> Iterator[int]:
    """Yield the ports at a slice's endpoints that a Service port leads to: joined by name (SVC-8), if it is set."""
    if service.headless:  # SVC-10: clients talk to the addresses themselves, whatever ports the slice lists
        yield item.port
        return
    for port in piece.ports:
        if (port.name, port.protocol) == (item.name, item.protocol) and port.number:
            yield port.number


def _pod_of(cluster: Cluster, endpoint: EndpointAddress) -> int | None:
    """Return the pod that an endpoint names or whose address it is; host-network pods share theirs with the node."""
    for position, pod in enumerate(cluster.pods):
        named = endpoint.pod == (pod.namespace, pod.name)
        if named and (not pod.addresses or endpoint.address in pod.addresses):
            return position
    for position, pod in enumerate(cluster.pods):
        if endpoint.address in pod.addresses and not pod.host_network:
            return position
    return None


def _shown(item: ServicePort) -> str:
    return f"{item.name or item.port}"


def _ready_wins(found: Iterable[Target]) -> tuple[Target, ...]:
    kept: dict[tuple[int | None, str, int, Protocol], Target] = {}
    for target in found:
        key = (target.pod, target.address, target.number, target.protocol)
        if key not in kept or (target.ready and not kept[key].ready):
            kept[key] = target
    return tuple(kept.values())
