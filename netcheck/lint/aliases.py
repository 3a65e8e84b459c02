"""What an ExternalName leads to: a Service or pod of the cluster, an address, the client itself, or a name outside."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum

from netcheck.lint.snapshot import Snapshot
from netcheck.model.objects import Service
from netcheck.values.addresses import IPSet


class Leads(Enum):
    """Where an alias leads."""

    SERVICE = "a Service of the cluster"
    POD = "a pod of the cluster"
    ADDRESS = "an address"
    LOOPBACK = "the client itself"
    LINK_LOCAL = "a link-local address"
    OUTSIDE = "a name outside the cluster"


@dataclass(frozen=True, slots=True)
class Alias:
    """Where an alias leads, with the namespace and name of the Service, or of the pod where it is loaded."""

    leads: Leads
    namespace: str = ""
    name: str = ""


LOOPBACK = IPSet.of_cidrs("127.0.0.0/8", "::1/128", "0.0.0.0/32", "::/128")
LINK_LOCAL = IPSet.of_cidrs("169.254.0.0/16", "fe80::/10")
_METADATA = "metadata.google.internal"
_POD_NAME = 3
"""A pod's name by its address has so many parts: `10-0-0-1.shop.pod`."""


def alias_of(snapshot: Snapshot, service: Service) -> Alias:
    """Return where an ExternalName leads, by its text alone (SVC-12, DNS-1, DNS-4)."""
    text = service.external_name.rstrip(".").lower()
    if text == "localhost" or text.endswith((".localhost", "localhost.localdomain")):
        return Alias(Leads.LOOPBACK)
    if text == _METADATA:
        return Alias(Leads.LINK_LOCAL)
    parsed = _address(text)
    if parsed is not None:
        return of_address(snapshot, parsed)
    return _in_cluster(snapshot, text)


def of_address(snapshot: Snapshot, address: str) -> Alias:
    """Return what an address is."""
    held = IPSet.of_cidrs(address)
    if held <= LOOPBACK:
        return Alias(Leads.LOOPBACK)
    if held <= LINK_LOCAL:
        return Alias(Leads.LINK_LOCAL)
    position = snapshot.pod_at.get(address)
    if position is None:
        return Alias(Leads.ADDRESS)
    pod = snapshot.cluster.pods[position]
    return Alias(Leads.POD, pod.namespace, pod.name)


def _in_cluster(snapshot: Snapshot, text: str) -> Alias:
    zone = f".{snapshot.cluster.cluster_domain.lower()}"
    parts = text.removesuffix(zone).split(".")
    if text.endswith(zone) and len(parts) == _POD_NAME and parts[2] == "pod":
        address = _address(parts[0].replace("-", ".")) or _address(parts[0].replace("-", ":")) or ""
        position = snapshot.pod_at.get(address)
        return Alias(Leads.POD, parts[1], snapshot.cluster.pods[position].name if position is not None else "")
    if parts[-1] == "svc" and len(parts) >= _POD_NAME:
        return Alias(Leads.SERVICE, parts[-2], parts[-3])
    return Alias(Leads.OUTSIDE)


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
