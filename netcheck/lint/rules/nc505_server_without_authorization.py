"""A Linkerd Server that nobody may talk to.

What it finds: Servers whose access policy is to deny, or not given, and to which no loaded AuthorizationPolicy or
ServerAuthorization lets anybody in.
Why it matters: as soon as a Server covers a port of a pod, the default policy no longer holds for that port, and what is not
authorized is denied: usually everybody, from one day to the next.
When to ignore it: the authorization lies in a repository that is not loaded.
How it is decided: by the targets of the loaded policies of the namespace; a policy for a route of the namespace, or one that
chooses Servers by labels, counts for all. Only where a loaded pod is selected.
Source: SEMANTICS LKD-4, LKD-5.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import owners
from netcheck.model.foreign import LinkerdServer
from netcheck.values.labels import LabelSelector

BAD = """
apiVersion: policy.linkerd.io/v1beta3  # finds: NC505
kind: Server
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, port: 8080}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""

_OPEN_TARGETS = ("HTTPRoute", "GRPCRoute", "Namespace", "")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Server."""
    for server in snapshot.cluster.linkerd_servers:
        if server.access in ("", "deny") and not _is_authorized(snapshot, server):
            found = snapshot.index.matching(server.namespace, server.subject or LabelSelector())
            if found:
                yield RULE.finding(
                    f"no loaded policy lets anybody in: its port of {owners(snapshot.cluster.pods[i] for i in found)} is shut",
                    about=f"Server {server.namespace}/{server.name}",
                    place=server.place,
                    hint="write an AuthorizationPolicy with `targetRef` to the Server, or set `accessPolicy`",
                )


def _is_authorized(snapshot: Snapshot, server: LinkerdServer) -> bool:
    return any(
        target.namespace == server.namespace
        and (target.kind in _OPEN_TARGETS or (target.kind, target.name) == ("Server", server.name))
        for target in snapshot.cluster.linkerd_targets
    )


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.linkerd_servers)


RULE = Rule(
    code="NC505",
    name="server-without-authorization",
    severity="warning",
    basis="syntactic",
    summary="A Linkerd Server that nobody may talk to",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
