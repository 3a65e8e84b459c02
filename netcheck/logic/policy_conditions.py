"""Status of BackendTLSPolicies: at which Gateways they matter, and whether they are in force (GW-28)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netcheck.logic.ages import in_order
from netcheck.logic.attachment import Attachments
from netcheck.logic.certificates import first_bad
from netcheck.logic.conditions import FALSE, TRUE, condition, pending
from netcheck.logic.route_conditions import references
from netcheck.model.cluster import Cluster
from netcheck.model.gateway import BackendTLSPolicy, Gateway
from netcheck.model.request import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatus:
    """A policy: the Gateways with routes to what it targets, and its conditions, the same at each of them."""

    policy: BackendTLSPolicy
    ancestors: tuple[Gateway, ...]
    conditions: tuple[Condition, ...]


def policy_statuses(cluster: Cluster, found: Attachments) -> tuple[PolicyStatus, ...]:
    """Return the status of every BackendTLSPolicy, in the order of the cluster."""
    users: dict[tuple[str, str], dict[tuple[str, str], Gateway]] = {}
    for gateway in cluster.gateways:
        for service in _services(found, gateway):
            users.setdefault(service, {})[gateway.namespace, gateway.name] = gateway
    return tuple(_status(found, policy, users) for policy in cluster.backend_tls)


def _services(found: Attachments, gateway: Gateway) -> Iterator[tuple[str, str]]:
    for bound in found.listeners(gateway):
        for binding in found.bindings(bound):
            for ref in references(binding.route):
                if (ref.group, ref.kind) == ("", "Service"):
                    yield (ref.namespace, ref.name)


def _status(
    found: Attachments, policy: BackendTLSPolicy, users: dict[tuple[str, str], dict[tuple[str, str], Gateway]]
) -> PolicyStatus:
    gateways: dict[tuple[str, str], Gateway] = {}
    for target in policy.targets:
        gateways.update(users.get((policy.namespace, target.name), {}))
    return PolicyStatus(
        policy=policy,
        ancestors=tuple(gateways[key] for key in sorted(gateways)),
        conditions=(_accepted(found, policy), _resolved_refs(found, policy)),
    )


def _accepted(found: Attachments, policy: BackendTLSPolicy) -> Condition:
    rivals = found.backends.rivals(policy)
    if len(rivals) > 1 and in_order(rivals) and rivals[0] != policy:
        message = f"{rivals[0].label} has a target of it and is older"
        return condition("Accepted", FALSE, "Conflicted", message)
    authorities = found.backends.authorities(policy)
    if authorities.reason:
        reason = "Invalid" if policy.well_known else "NoValidCACertificate"
        return condition("Accepted", FALSE, reason, authorities.message)
    if len(rivals) > 1 and not in_order(rivals):
        names = " and ".join(item.label for item in rivals)
        return pending("Accepted", f"which of {names} is the older one: they have no creation time")
    return (
        pending("Accepted", authorities.missing)
        if authorities.missing
        else condition("Accepted", TRUE, "Accepted")
    )  # fmt: skip


def _resolved_refs(found: Attachments, policy: BackendTLSPolicy) -> Condition:
    worst = first_bad(found.backends.authority_refs(policy))
    if worst.reason:
        return condition("ResolvedRefs", FALSE, worst.reason, worst.message)
    return pending("ResolvedRefs", worst.missing) if worst.missing else condition("ResolvedRefs", TRUE, "ResolvedRefs")
