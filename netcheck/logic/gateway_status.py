"""A Gateway itself: its class, the addresses that it requests, its client certificate (GW-2, GW-35)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from netcheck.logic.certificates import GOOD, Certificates, Reference
from netcheck.logic.conditions import FALSE, TRUE, condition, pending
from netcheck.model.cluster import Cluster
from netcheck.model.gateway import GATEWAY_GROUP, Gateway, GatewayAddress, GrantFrom
from netcheck.model.request import Condition

_STANDARD = ("IPAddress", "Hostname", "NamedAddress")
_RESERVED = ("test", "example", "invalid", "localhost")
"""Top-level names that belong to nobody (RFC 6761): no implementation defines types under them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayHead:
    """What is decided about a Gateway before its listeners; texts are empty where nothing is wrong.

    Attributes:
        controller: of its GatewayClass, empty if that is not loaded.
        no_controller: why nobody takes it.
        unsupported: an address type that no implementation has; `unusable`: an address that cannot be one.
    """

    gateway: Gateway
    controller: str
    no_controller: str
    unsupported: str
    unusable: str
    certificate: Reference

    @property
    def served(self) -> bool:
        """Whether a controller takes the Gateway."""
        return not self.no_controller and not self.unsupported


def gateway_head(cluster: Cluster, certificates: Certificates, gateway: Gateway) -> GatewayHead:
    """Return what is decided about a Gateway before its listeners.

    A GatewayClass that is not loaded is taken to be served, unless the input is all there is.
    """
    found = next((item for item in cluster.gateway_classes if item.name == gateway.class_name), None)
    missing = f"there is no GatewayClass `{gateway.class_name}`, so no controller takes it"
    return GatewayHead(
        gateway=gateway,
        controller=found.controller if found is not None else "",
        no_controller=missing if found is None and cluster.whole else "",
        unsupported=next((item.type for item in gateway.addresses if not _is_supported(item)), ""),
        unusable=next((item.value for item in gateway.addresses if not _is_usable(item)), ""),
        certificate=_client_certificate(certificates, gateway),
    )


def _is_supported(address: GatewayAddress) -> bool:
    if address.type in _STANDARD:
        return True
    domain, slash, _ = address.type.partition("/")
    return bool(slash) and domain.rsplit(".", 1)[-1] not in _RESERVED


def _is_usable(address: GatewayAddress) -> bool:
    """Return whether an address can be one; whether the implementation can assign it is not in the input."""
    if address.type != "IPAddress" or not address.value:
        return True
    try:
        ipaddress.ip_address(address.value)
    except ValueError:
        return False
    return True


def _client_certificate(certificates: Certificates, gateway: Gateway) -> Reference:
    if gateway.backend_certificate is None:
        return GOOD
    source = GrantFrom(group=GATEWAY_GROUP, kind="Gateway", namespace=gateway.namespace)
    return certificates.keypair(source, gateway.backend_certificate, reason="InvalidClientCertificateRef")


def gateway_tail(head: GatewayHead, *, any_listener: bool, all_listeners: bool) -> tuple[Condition, ...]:
    """Return a Gateway's conditions, once it is known whether any and whether all of its listeners are accepted."""
    accepted = _accepted(head, any_listener=any_listener, all_listeners=all_listeners)
    return (accepted, _programmed(head, accepted), _resolved_refs(head.certificate))


def _accepted(head: GatewayHead, *, any_listener: bool, all_listeners: bool) -> Condition:
    if head.no_controller:
        return pending("Accepted", head.no_controller)
    if head.unsupported:
        message = f"addresses of type `{head.unsupported}` are not supported"
        return condition("Accepted", FALSE, "UnsupportedAddress", message)
    if not any_listener:
        return condition("Accepted", FALSE, "ListenersNotValid", "no listener of it is accepted")
    if not all_listeners:
        return condition("Accepted", TRUE, "ListenersNotValid", "not every listener of it is accepted")
    return condition("Accepted", TRUE, "Accepted")


def _programmed(head: GatewayHead, accepted: Condition) -> Condition:
    if head.no_controller:
        return pending("Programmed", head.no_controller)
    if accepted.status == FALSE:
        return condition("Programmed", FALSE, "Invalid", "the Gateway is not accepted")
    if head.unusable:
        return condition("Programmed", FALSE, "AddressNotUsable", f"`{head.unusable}` is not an IP address")
    return condition("Programmed", TRUE, "Programmed")


def _resolved_refs(certificate: Reference) -> Condition:
    if certificate.reason:
        return condition("ResolvedRefs", FALSE, certificate.reason, certificate.message)
    if certificate.missing:
        return pending("ResolvedRefs", certificate.missing)
    return condition("ResolvedRefs", TRUE, "ResolvedRefs")
