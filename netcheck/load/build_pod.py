"""Pods and pod templates to plain facts, before owners and nodes are known (SEMANTICS WL-6, SVC-7, NET-9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from netcheck.errors import Place
from netcheck.load.admit import Admitted
from netcheck.load.build_policy import labels_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.cidrs import parse_address
from netcheck.load.written import mesh_of
from netcheck.model.objects import ContainerPort, PodDNS

DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_FINISHED = ("Succeeded", "Failed")
_SCRAPE, _SCRAPE_PORT = "prometheus.io/scrape", "prometheus.io/port"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What a controlling reference names. The kind is `Pod` where the reference leaves it out."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """A pod as it was written: `host_addresses` are those of its node, as its status has them."""

    namespace: str
    name: str
    labels: dict[str, str]
    owner: Owner | None = None
    host_network: bool = False
    addresses: tuple[str, ...] = ()
    host_addresses: tuple[str, ...] = ()
    node: str = ""
    ports: tuple[ContainerPort, ...] = ()
    service_account: str = "default"
    ready: bool = True
    terminating: bool = False
    finished: bool = False
    dns: PodDNS | None = None
    scrape: tuple[int, ...] | None = None
    mesh: tuple[tuple[str, str], ...] = ()
    place: Place | None = None


def owner_of(references: Any) -> Owner | None:
    """Return the controlling owner, or the first, that ownerReferences name (SEMANTICS WL-8)."""
    named = [mapping(item) for item in listing(references) if text(mapping(item).get("name"))]
    if not named:
        return None
    chosen = next((item for item in named if item.get("controller") is True), named[0])
    return Owner(kind=text(chosen.get("kind")) or "Pod", name=chosen["name"])


def container_ports(spec: dict[str, Any]) -> tuple[ContainerPort, ...]:
    """Return the ports of containers and then of restartable init containers (SEMANTICS SVC-7, NP-26)."""
    host_network = spec.get("hostNetwork") is True
    sidecars = [item for item in listing(spec.get("initContainers")) if mapping(item).get("restartPolicy") == "Always"]
    out = []
    for container in [*listing(spec.get("containers")), *sidecars]:
        for entry in listing(mapping(container).get("ports")):
            port = mapping(entry)
            number = port.get("containerPort")
            if isinstance(number, int) and 1 <= number <= 65535:
                out.append(
                    ContainerPort(
                        number=number,
                        protocol=text(port.get("protocol")) or "TCP",
                        name=text(port.get("name")),
                        host_port=port.get("hostPort") or (number if host_network else 0),
                    )
                )
    return tuple(out)


def container_names(spec: dict[str, Any]) -> list[str]:
    """Return the names of a pod's containers, those that start first too."""
    every = [*listing(spec.get("initContainers")), *listing(spec.get("containers"))]
    return [text(mapping(container).get("name")) for container in every]


def dns_of(spec: dict[str, Any], subdomain: str = "") -> PodDNS | None:
    """Return how a pod resolves names, or None if its spec says nothing but the defaults (SEMANTICS DNS-7, DNS-8)."""
    config = mapping(spec.get("dnsConfig"))
    nameservers, searches = (tuple(map(text, listing(config.get(key)))) for key in ("nameservers", "searches"))
    found = PodDNS(
        policy=text(spec.get("dnsPolicy")) or "ClusterFirst",
        nameservers=nameservers,
        searches=searches,
        ndots=ndots_of(
            [(mapping(entry).get("name"), mapping(entry).get("value")) for entry in listing(config.get("options"))]
        ),
        hostname=text(spec.get("hostname")),
        subdomain=text(spec.get("subdomain")) or subdomain,
    )
    return None if found == _SAYS_NOTHING else found


def ndots_of(options: Iterable[tuple[Any, Any]]) -> int | None:
    """Return the last `ndots` of resolver options that is a number, or None."""
    found = [text(value) for name, value in options if name == "ndots"]
    return next((int(value) for value in reversed(found) if value.isdecimal()), None)


_SAYS_NOTHING = PodDNS()


def scrape_of(annotations: Mapping[str, Any] | None) -> tuple[int, ...] | None:
    """Return the ports that annotations offer to Prometheus: None without them, empty for every declared port."""
    if not annotations or annotations.get(_SCRAPE) != "true":
        return None
    written = text(annotations.get(_SCRAPE_PORT))
    return (int(written),) if written.isdecimal() and 1 <= int(written) <= 65535 else ()


def one_per_family(texts: list[str]) -> tuple[str, ...]:
    """Return the first address of each family in canonical text (SEMANTICS NET-1)."""
    found: dict[int, str] = {}
    for item in texts:
        address = parse_address(item)
        if address is not None:
            found.setdefault(address.version, address.text)
    return tuple(found.values())


def _status_addresses(status: dict[str, Any], several: str, single: str) -> tuple[str, ...]:
    texts = [text(mapping(item).get("ip")) for item in listing(status.get(several))]
    return one_per_family([item for item in (*texts, text(status.get(single))) if item])


def is_ready(phase: str, conditions: list[tuple[str, str]]) -> bool:
    """Return the Ready condition; without one a pod that runs or has no status counts as ready (NET-10)."""
    for kind, state in conditions:
        if kind == "Ready":
            return state == "True"
    return phase in ("", "Running")


def pod_facts(item: Admitted) -> PodFacts:
    """Return the facts of a valid Pod object."""
    metadata, spec, status = (mapping(item.value.get(key)) for key in ("metadata", "spec", "status"))
    conditions = [
        (text(mapping(entry).get("type")), text(mapping(entry).get("status")))
        for entry in listing(status.get("conditions"))
    ]
    phase = text(status.get("phase"))
    return PodFacts(
        namespace=item.namespace,
        name=item.name,
        labels=labels_of(metadata.get("labels")),
        owner=owner_of(metadata.get("ownerReferences")),
        host_network=spec.get("hostNetwork") is True,
        addresses=_status_addresses(status, "podIPs", "podIP"),
        host_addresses=_status_addresses(status, "hostIPs", "hostIP"),
        node=text(spec.get("nodeName")),
        ports=container_ports(spec),
        service_account=text(spec.get("serviceAccountName")) or text(spec.get("serviceAccount")) or "default",
        ready=is_ready(phase, conditions),
        terminating=bool(metadata.get("deletionTimestamp")),
        finished=phase in _FINISHED,
        dns=dns_of(spec),
        scrape=scrape_of(mapping(metadata.get("annotations"))),
        mesh=mesh_of(metadata.get("annotations"), container_names(spec)),
        place=item.place,
    )


def template_of(item: Admitted) -> dict[str, Any] | None:
    """Return the pod template of a workload, or None if it has none."""
    value: Any = item.value
    for key in item.template:
        value = mapping(value).get(key)
    return value if isinstance(value, dict) else None


def template_facts(item: Admitted) -> PodFacts | None:
    """Return the facts of the pods that a workload would create, or None if it has no pod template."""
    template = template_of(item)
    if template is None:
        return None
    spec, metadata = mapping(template.get("spec")), mapping(template.get("metadata"))
    labels = labels_of(metadata.get("labels"))
    if item.kind == "Job":
        labels |= {"job-name": item.name, "batch.kubernetes.io/job-name": item.name}  # WL-6
    return PodFacts(
        namespace=item.namespace,
        name=item.name,
        labels=labels,
        host_network=spec.get("hostNetwork") is True,
        node=text(spec.get("nodeName")),
        ports=container_ports(spec),
        service_account=text(spec.get("serviceAccountName")) or text(spec.get("serviceAccount")) or "default",
        dns=dns_of(spec, subdomain=_governing_service(item)),
        scrape=scrape_of(mapping(metadata.get("annotations"))),
        mesh=mesh_of(metadata.get("annotations"), container_names(spec)),
        place=item.place,
    )


def _governing_service(item: Admitted) -> str:
    """Return the subdomain that a StatefulSet gives its pods (SVC-36)."""
    return text(mapping(item.value.get("spec")).get("serviceName")) if item.kind == "StatefulSet" else ""
