"""What the oracle reads of a cluster to decide one flow: it looks through all policies, and most are of other namespaces."""

from __future__ import annotations

from dataclasses import replace

from netcheck.model.cluster import Cluster
from netcheck.model.flow import End, PodEnd
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace
from netcheck.model.policy import NetworkPolicy


class Slices:
    """Cuts a cluster down to what can concern two ends. A namespace that is not loaded has its name as its only label."""

    def __init__(self, cluster: Cluster) -> None:
        self._bare = replace(cluster, pods=(), policies=())
        self._policies: dict[str, list[NetworkPolicy]] = {}
        for policy in cluster.policies:
            self._policies.setdefault(policy.namespace, []).append(policy)
        self._found: dict[tuple[str, ...], Cluster] = {}

    def of(self, *ends: End) -> Cluster:
        """Return the cluster with no pods and the NetworkPolicies that can select one of the ends."""
        names = tuple(sorted({end.pod.namespace for end in ends if isinstance(end, PodEnd)}))
        found = self._found.get(names)
        if found is None:
            policies = tuple(policy for name in names for policy in self._policies.get(name, ()))
            missing = [name for name in names if name not in self._bare.namespaces]
            spaces = self._bare.namespaces
            if missing:
                spaces = {**spaces, **{name: _unknown_to_files(name) for name in missing}}
            found = self._found[names] = replace(self._bare, policies=policies, namespaces=spaces)
        return found


def _unknown_to_files(name: str) -> Namespace:
    return Namespace(name=name, labels={NAMESPACE_NAME_LABEL: name})
