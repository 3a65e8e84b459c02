"""A peer of the cluster mesh that is looked for in the own cluster only.

What it finds: peers of Cilium policies that select the backends of a global Service, without saying in which cluster.
Why it matters: from Cilium 1.19 on a selector without `io.cilium.k8s.policy.cluster` means pods of the own cluster. Backends in
other clusters, which the global Service has too, are not allowed; older versions allow those of all clusters.
When to ignore it: only the own cluster is meant.
How it is decided: by the annotation `service.cilium.io/global: "true"`, the Service's selector and the peer's labels.
Source: SEMANTICS MC-8, MC-9.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.model.objects import Service

BAD = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
  - toEndpoints:
    - matchLabels: {app: db}  # finds: NC607
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop, annotations: {service.cilium.io/global: "true"}}
spec: {selector: {app: db}, ports: [{port: 5432}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""

_GLOBAL = ("service.cilium.io/global", "io.cilium/global-service")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each peer."""
    shared = [service for service in snapshot.cluster.services if _is_global(service)]
    for policy in snapshot.cluster.cilium if shared else ():
        for peer in policy.peers:
            found = next(
                (s for s in shared if s.selector and peer.namespace == s.namespace and peer.labels.matches(s.selector)),
                None,
            )
            if found is not None and not peer.names_cluster and peer.labels.requirements:
                yield RULE.finding(
                    f"selects the backends of global Service `{found.namespace}/{found.name}` without a cluster: from Cilium "
                    "1.19 on that means the own cluster only",
                    about=policy.label,
                    place=peer.place,
                    related=(
                        Related(
                            message="has backends in other clusters",
                            place=found.place,
                            object=f"Service {found.namespace}/{found.name}",
                        ),
                    ),
                    hint="add the label `io.cilium.k8s.policy.cluster`, or a peer for each cluster",
                )


def _is_global(service: Service) -> bool:
    return any(service.annotations.get(name) == "true" for name in _GLOBAL)


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.cilium) and any(map(_is_global, snapshot.cluster.services))


RULE = Rule(
    code="NC607",
    name="cluster-mesh-peer",
    severity="warning",
    basis="syntactic",
    summary="A peer of the cluster mesh that is looked for in the own cluster only",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
