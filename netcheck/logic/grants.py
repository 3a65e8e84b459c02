"""ReferenceGrants: which object may refer to one of another namespace (GW-26)."""

from __future__ import annotations

from netcheck.model.cluster import Cluster
from netcheck.model.gateway import GrantFrom, ObjectRef


class Grants:
    """The grants of a cluster, indexed by the namespace that gives them."""

    def __init__(self, cluster: Cluster) -> None:
        self._given: dict[tuple[str, GrantFrom], set[tuple[str, str, str]]] = {}
        self._cluster = cluster
        self._knows: dict[str, bool] = {}
        for grant in cluster.grants:
            targets = {(target.group, target.kind, target.name) for target in grant.targets}
            for source in grant.sources:
                self._given.setdefault((grant.namespace, source), set()).update(targets)

    def permits(self, source: GrantFrom, target: ObjectRef) -> bool | None:
        """Return whether `source` may refer to `target`: in its own namespace, or if a grant says so.

        None iff no grant says so and the input does not tell what the target's namespace holds.
        """
        if source.namespace == target.namespace:
            return True
        given = self._given.get((target.namespace, source), ())
        if any((target.group, target.kind, name) in given for name in ("", target.name)):
            return True
        return False if self.knows(target.namespace) else None

    def knows(self, namespace: str) -> bool:
        """Return `Cluster.knows_namespace`, asked once for each namespace."""
        if namespace not in self._knows:
            self._knows[namespace] = self._cluster.knows_namespace(namespace)
        return self._knows[namespace]
