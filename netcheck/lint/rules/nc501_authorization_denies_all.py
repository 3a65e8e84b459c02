"""An AuthorizationPolicy that denies everything, or nothing, against its look.

What it finds: ALLOW policies without rules that cut workloads off which a Service leads to and which no other ALLOW policy lets
anybody into; and DENY policies without rules.
Why it matters: an ALLOW policy without rules matches no request, and once some ALLOW policy covers a workload all that none
matches is denied. In the root namespace that is the whole mesh. A DENY policy without rules matches nothing either: it denies
nothing.
When to ignore it: the workload is meant to be cut off, or its ALLOW policy lies in a repository that is not loaded.
How it is decided: by the policies, Services and pods that are loaded. A deny-all policy beside policies that allow what is
needed is no finding, nor a workload that no Service leads to.
Source: SEMANTICS IST-1, IST-2, IST-3.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Related
from netcheck.lint.mesh import ROOT, concerns, is_plaintext
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import owner, owners
from netcheck.model.foreign import AuthorizationPolicy
from netcheck.model.objects import Pod, Service

BAD = """
apiVersion: security.istio.io/v1  # finds: NC501
kind: AuthorizationPolicy
metadata: {name: lockdown, namespace: istio-system}
spec: {}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""

BAD_DENY = """
apiVersion: security.istio.io/v1  # finds: NC501
kind: AuthorizationPolicy
metadata: {name: deny-all, namespace: shop}
spec: {action: DENY}
"""

GOOD = """
apiVersion: security.istio.io/v1  # netcheck: ignore[NC132] because the mesh's rules are enough here
kind: AuthorizationPolicy
metadata: {name: deny-all, namespace: istio-system}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules: [{from: [{source: {namespaces: [shop]}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {}}]}]
"""

_MOST = 3


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the policies without rules that do other than they seem to."""
    policies = [policy for policy in snapshot.cluster.authorization if not policy.dry_run and not policy.attached]
    for policy in policies:
        if policy.rules:
            continue
        if policy.action == "DENY":
            yield RULE.finding(
                "a DENY policy without rules matches nothing: it denies nothing",
                about=policy.label,
                place=policy.place,
                hint="write `rules: [{}]` to deny everything, or delete it",
            )
        elif policy.action == "ALLOW":
            yield from _cut_off(snapshot, policy, policies)


def _cut_off(snapshot: Snapshot, policy: AuthorizationPolicy, policies: list[AuthorizationPolicy]) -> Iterator[Finding]:
    allowing = [other for other in policies if other.action == "ALLOW" and other.rules]
    found: dict[str, tuple[Pod, Service]] = {}
    for service in snapshot.cluster.services:
        if policy.namespace in (service.namespace, ROOT):
            for position in snapshot.backends(service):
                pod = snapshot.cluster.pods[position]
                if concerns(policy, pod) and not _let_in(snapshot, pod, allowing):
                    found.setdefault(owner(pod), (pod, service))
    if found:
        yield _finding(policy, list(found.values()))


def _let_in(snapshot: Snapshot, pod: Pod, allowing: list[AuthorizationPolicy]) -> bool:
    """Return whether somebody may be let into a pod: it is out of the mesh, or some ALLOW policy concerns it."""
    return is_plaintext(snapshot, pod) or any(concerns(other, pod) for other in allowing)


def _finding(policy: AuthorizationPolicy, found: list[tuple[Pod, Service]]) -> Finding:
    whole = " in the whole mesh" if policy.namespace == ROOT and policy.selector is None else ""
    return RULE.finding(
        f"an ALLOW policy without rules allows nothing{whole}, and no other policy lets anybody into "
        f"{owners(pod for pod, _ in found)}, which Services lead to",
        about=policy.label,
        place=policy.place,
        related=tuple(
            Related(
                message="leads to a workload that is cut off",
                place=service.place,
                object=f"Service {service.namespace}/{service.name}",
            )
            for _, service in found[:_MOST]
        ),
        hint="write `rules: [{}]` to allow everything, or an ALLOW policy for these workloads",
    )


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.authorization)


RULE = Rule(
    code="NC501",
    name="authorization-denies-all",
    severity="warning",
    basis="syntactic",
    summary="An AuthorizationPolicy that denies everything, or nothing, against its look",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD, BAD_DENY),
    good=(GOOD,),
)
