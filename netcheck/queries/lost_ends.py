"""Ends of which nothing is known: what was refused in loading, and what could not be read of a cluster (LIVE-6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.model.cluster import Cluster, LostEndpoint, Unread
from netcheck.model.flow import Reason

Kinds = frozenset[tuple[str, str]]
"""Kinds of objects, each as (API group, kind)."""

PODS: Kinds = frozenset({("", "Pod")})
SERVICES: Kinds = frozenset({("", "Service")})
NODES: Kinds = frozenset({("", "Node")})
OWNERS: Kinds = frozenset(
    {
        ("apps", "Deployment"), ("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("batch", "Job"),
        ("batch", "CronJob"), ("", "ReplicationController"), ("argoproj.io", "Rollout"),
        ("apps.openshift.io", "DeploymentConfig"), ("kubevirt.io", "VirtualMachine"),
    }
)  # fmt: skip
"""Kinds that own pods: without them a workload may be known by another name, or not at all."""
FRONTENDS: dict[str, Kinds] = {
    "gateway": frozenset({("gateway.networking.k8s.io", "Gateway")}),
    "ingress": frozenset({("networking.k8s.io", "Ingress")}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An end of which nothing is known, and why."""

    text: str
    reason: Reason


def refused(text: str, item: LostEndpoint) -> Lost:
    """Return an end that was refused in loading."""
    return Lost(text=text, reason=reason_of(item))


def reason_of(item: LostEndpoint) -> Reason:
    """Return why nothing is known of a pod or workload."""
    rule = "LIVE-16" if item.name else "LIVE-6"
    return Reason(rule=rule, message=f"{item.fate}, so nothing is known of it", place=item.place)


def unread(cluster: Cluster, text: str, kinds: Sequence[Kinds], namespaces: Iterable[str] | None) -> Lost | None:
    """Return the end of that text iff objects of some of the kinds were not read that may lie in one of the namespaces.

    `kinds`: those that decide first. `namespaces`: None is any, and is to be given for kinds that lie in none.
    """
    names = None if namespaces is None else sorted(namespaces)
    for wanted in kinds:
        for item in cluster.unread:
            if (item.group, item.kind) in wanted and _is_there(item, names):
                return Lost(text=text, reason=missing(item, text, names))
    return None


def missing(item: Unread, text: str, names: Sequence[str] | None = None) -> Reason:
    """Return why what was not read leaves open what a text names."""
    first = next((name for name in names or () if item.concerns(name)), None)
    return Reason(rule="LIVE-6", message=f"{item.told(first)}, so nothing is known of `{text}`")


def _is_there(item: Unread, names: Sequence[str] | None) -> bool:
    return names is None or any(map(item.concerns, names))
