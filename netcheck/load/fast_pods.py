"""Typed decoding of Pod objects by msgspec: only the fields that are read are built."""

from __future__ import annotations

import socket
from typing import Any

import msgspec

from netcheck.errors import Place
from netcheck.load import names
from netcheck.load.build_pod import DNS_POLICIES, Owner, PodFacts, ndots_of, one_per_family, scrape_of
from netcheck.load.ignores import ANNOTATION
from netcheck.load.written import mesh_of
from netcheck.model.objects import ContainerPort, PodDNS

Struct = msgspec.Struct
_SAYS_NO_POLICY = (None, "", "ClusterFirst")


class _Owner(Struct, gc=False):
    apiVersion: str | None = None  # noqa: N815
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None


class _Metadata(Struct, gc=False):
    name: str
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    ownerReferences: list[_Owner] | None = None  # noqa: N815
    deletionTimestamp: str | None = None  # noqa: N815


class _Port(Struct, gc=False):
    containerPort: int  # noqa: N815
    name: str | None = None
    protocol: str | None = None
    hostPort: int | None = None  # noqa: N815


class _Container(Struct, gc=False):
    name: str
    image: str
    ports: list[_Port] | None = None
    restartPolicy: str | None = None  # noqa: N815


class _Option(Struct, gc=False):
    name: str | None = None
    value: str | None = None


class _Dns(Struct, gc=False):
    nameservers: list[str] | None = None
    searches: list[str] | None = None
    options: list[_Option] | None = None


class _Spec(Struct, gc=False):
    containers: list[_Container]
    initContainers: list[_Container] | None = None  # noqa: N815
    hostNetwork: bool | None = None  # noqa: N815
    nodeName: str | None = None  # noqa: N815
    serviceAccountName: str | None = None  # noqa: N815
    serviceAccount: str | None = None  # noqa: N815
    dnsPolicy: str | None = None  # noqa: N815
    dnsConfig: _Dns | None = None  # noqa: N815
    hostname: str | None = None
    subdomain: str | None = None


class _Ip(Struct, gc=False):
    ip: str | None = None


class _Condition(Struct, gc=False):
    type: str | None = None
    status: str | None = None


class _Status(Struct, gc=False):
    phase: str | None = None
    podIP: str | None = None  # noqa: N815
    podIPs: list[_Ip] | None = None  # noqa: N815
    hostIP: str | None = None  # noqa: N815
    hostIPs: list[_Ip] | None = None  # noqa: N815
    conditions: list[_Condition] | None = None


class _Pod(Struct, gc=False):
    metadata: _Metadata
    spec: _Spec
    apiVersion: str | None = None  # noqa: N815
    kind: str | None = None
    status: _Status | None = None


_Clean = tuple[dict[str, str], tuple[ContainerPort, ...]]


class _List(Struct, gc=False):
    apiVersion: str  # noqa: N815
    kind: str
    items: list[msgspec.Raw] | None = None


def head(data: bytes) -> tuple[str, str, list[Any]] | None:
    """Return apiVersion, kind and raw items of a list, or None if the JSON is something else."""
    try:
        found = msgspec.json.decode(data, type=_List)
    except msgspec.ValidationError:
        return None
    if found.items is None or not found.kind.endswith("List") or not found.apiVersion:
        return None
    return found.apiVersion, found.kind, found.items


class Taker:
    """Takes the facts of clean pods; remembers labels and port lists, which pods of one owner share."""

    def __init__(self, file: str, namespace: str) -> None:
        self._decode = msgspec.json.Decoder(_Pod).decode
        self._place = Place(file)
        self._namespace = namespace
        self._labels: set[tuple[str, str]] = set()
        self._names: set[str] = set()
        self._label_sets: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        self._ports: dict[Any, tuple[ContainerPort, ...]] = {}
        self._same: dict[Any, Any] = {}
        self._hosts: dict[Any, tuple[str, ...]] = {}

    def pod(self, raw: Any, list_kind: str) -> PodFacts | None:
        """Return the facts of a clean pod, or None."""
        try:
            pod = self._decode(raw)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None
        kind = pod.kind or (list_kind.removesuffix("List") if list_kind != "List" else "")
        if kind != "Pod" or (pod.apiVersion or "v1") != "v1" or (list_kind == "List" and not pod.apiVersion):
            return None
        metadata, spec = pod.metadata, pod.spec
        if not self._clean_metadata(metadata) or not _clean_containers(spec) or not _clean_names(spec):
            return None
        ports = self._container_ports(spec)
        labels = self._clean_labels(metadata.labels)
        if ports is None or labels is None:
            return None
        return self._facts(metadata, spec, pod.status or _Status(), (labels, ports))

    def _clean_metadata(self, metadata: _Metadata) -> bool:
        if names.dns_subdomain(metadata.name) or not self._known(metadata.namespace or self._namespace):
            return False
        known = self._names
        if metadata.annotations and ANNOTATION in metadata.annotations:
            return False  # the notes of an object are taken from its document
        for key in metadata.annotations or ():
            if key not in known:
                if names.qualified_name(key.lower()):
                    return False
                known.add(key)
        for owner in metadata.ownerReferences or ():
            if not (owner.name and owner.kind and owner.apiVersion and owner.uid):
                return False
        return True

    def _clean_labels(self, labels: dict[str, str] | None) -> dict[str, str] | None:
        """Return the labels, one dict for all pods that have the same, or None if one is not valid."""
        key = tuple(labels.items()) if labels else ()
        found = self._label_sets.get(key)
        if found is None:
            for pair in key:
                if pair not in self._labels:
                    if names.qualified_name(pair[0]) or names.label_value(pair[1]):
                        return None
                    self._labels.add(pair)
            found = {self._shared(name): self._shared(value) for name, value in key}
            self._label_sets[key] = found
        return found

    def _known(self, text: str) -> bool:
        if text not in self._names:
            if names.dns_label(text):
                return False
            self._names.add(text)
        return True

    def _container_ports(self, spec: _Spec) -> tuple[ContainerPort, ...] | None:
        host = spec.hostNetwork is True
        sidecars = [item for item in spec.initContainers or () if item.restartPolicy == "Always"]
        listed = [
            (port.containerPort, port.protocol or "TCP", port.name or "", port.hostPort or 0)
            for container in (*spec.containers, *sidecars)
            for port in container.ports or ()
        ]
        key = (host, tuple(listed))
        found = self._ports.get(key)
        if found is None:
            if not all(_clean_port(*port, host) for port in listed) or _repeats(spec):
                return None
            found = tuple(
                ContainerPort(
                    number=number, protocol=protocol, name=name, host_port=host_port or (number if host else 0)
                )
                for number, protocol, name, host_port in listed
            )
            if len(spec.containers) == 1 and not spec.initContainers:
                self._ports[key] = found
        return found

    def _facts(self, metadata: _Metadata, spec: _Spec, status: _Status, clean: _Clean) -> PodFacts:
        owners = metadata.ownerReferences or ()
        owner = next((item for item in owners if item.controller), owners[0] if owners else None)
        phase = status.phase or ""
        ready = next((item.status == "True" for item in status.conditions or () if item.type == "Ready"), None)
        return PodFacts(
            namespace=self._shared(metadata.namespace or self._namespace),
            name=metadata.name,
            labels=clean[0],
            owner=self._shared(Owner(kind=owner.kind or "Pod", name=owner.name or "")) if owner else None,
            host_network=spec.hostNetwork is True,
            addresses=_addresses(status.podIPs, status.podIP),
            host_addresses=self._host(status),
            node=self._shared(spec.nodeName or ""),
            ports=clean[1],
            service_account=self._shared(spec.serviceAccountName or spec.serviceAccount or "default"),
            ready=ready if ready is not None else phase in ("", "Running"),
            terminating=bool(metadata.deletionTimestamp),
            finished=phase in ("Succeeded", "Failed"),
            dns=self._dns(spec),
            scrape=scrape_of(metadata.annotations),
            mesh=mesh_of(metadata.annotations, (one.name for one in (*spec.containers, *(spec.initContainers or ())))),
            place=self._place,
        )

    def _dns(self, spec: _Spec) -> PodDNS | None:
        config = spec.dnsConfig
        if config is None and not spec.hostname and not spec.subdomain and spec.dnsPolicy in _SAYS_NO_POLICY:
            return None
        config = config or _Dns()
        found = PodDNS(
            policy=spec.dnsPolicy or "ClusterFirst",
            nameservers=tuple(config.nameservers or ()),
            searches=tuple(config.searches or ()),
            ndots=ndots_of((option.name, option.value) for option in config.options or ()),
            hostname=spec.hostname or "",
            subdomain=spec.subdomain or "",
        )
        shared: PodDNS = self._shared(found)
        return shared if found != PodDNS() else None

    def _host(self, status: _Status) -> tuple[str, ...]:
        key = (status.hostIP, *(item.ip for item in status.hostIPs or ()))
        found = self._hosts.get(key)
        if found is None:
            self._hosts[key] = found = _addresses(status.hostIPs, status.hostIP)
        return found

    def _shared(self, value: Any) -> Any:
        return self._same.setdefault(value, value)


def _addresses(several: list[_Ip] | None, single: str | None) -> tuple[str, ...]:
    texts = [item.ip for item in several or () if item.ip]
    if single and single not in texts:
        texts.append(single)
    if len(texts) == 1:
        try:  # inet_pton takes dotted quads in canonical form only
            socket.inet_pton(socket.AF_INET, texts[0])
        except (OSError, ValueError):
            return one_per_family(texts)
        return (texts[0],)
    return one_per_family(texts) if texts else ()


def _clean_containers(spec: _Spec) -> bool:
    seen: set[str] = set()
    for container in (*spec.containers, *(spec.initContainers or ())):
        if container.name in seen or names.dns_label(container.name) or not container.image.strip():
            return False
        seen.add(container.name)
    return bool(spec.containers)


def _clean_names(spec: _Spec) -> bool:
    """Return whether what the pod says of names and their resolution is valid."""
    if spec.dnsPolicy not in _SAYS_NO_POLICY and spec.dnsPolicy not in DNS_POLICIES:
        return False
    return not any(text and names.dns_label(text) for text in (spec.hostname, spec.subdomain))


def _clean_port(number: int, protocol: str, name: str, host_port: int, host: bool) -> bool:
    return (
        1 <= number <= 65535
        and protocol in ("TCP", "UDP", "SCTP")
        and 0 <= host_port <= 65535
        and not (host and host_port and host_port != number)
        and not (name and names.port_name(name))
    )


def _repeats(spec: _Spec) -> bool:
    """Return whether port names repeat in a container, or host ports in the pod: the slow path tells exactly."""
    host_ports: list[int] = []
    sidecars = [item for item in spec.initContainers or () if item.restartPolicy == "Always"]
    for container in (*spec.containers, *sidecars):
        named = [port.name for port in container.ports or () if port.name]
        if len(set(named)) < len(named):
            return True
        host_ports += [port.hostPort for port in container.ports or () if port.hostPort]
    return len(set(host_ports)) < len(host_ports)
