"""An egress policy without policyTypes that also blocks ingress.

What it finds: policies with egress rules, no ingress rule and no `policyTypes`.
Why it matters: where `policyTypes` is missing, Ingress is always among the types. Such a policy denies all ingress to its
pods, though its text speaks of egress only.
When to ignore it: the pods take no connections, or denying them is meant; then write `policyTypes: [Ingress, Egress]`.
An info where other policies isolate the same pods for ingress anyway.
Fix: `policyTypes: [Egress]` is written. Never safe: it opens ingress, and denying it may have been meant.
How it is decided: by the text of the policy and the loaded pods.
Source: SEMANTICS NP-2; SetDefaults_NetworkPolicy.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Severity
from netcheck.lint.fix import Fix, restricted
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import subjects_text
from netcheck.model.edits import Field, InsertField
from netcheck.model.policy import Direction, NetworkPolicy

BAD = """
apiVersion: networking.k8s.io/v1  # finds: NC105
kind: NetworkPolicy
metadata: {name: job, namespace: shop}
spec:
  podSelector: {matchLabels: {app: job}}
  egress: [{}]
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: job, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress: [{}]
---
{apiVersion: v1, kind: Pod, metadata: {name: job, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each such policy."""
    for policy in snapshot.cluster.policies:
        if policy.stated_types or policy.ingress or not policy.egress:
            continue
        yield RULE.finding(
            "policyTypes is missing and defaults to [Ingress, Egress], and there is no ingress rule: all ingress to "
            f"{subjects_text(snapshot, snapshot.selected(policy))} is denied",
            about=policy.label,
            place=policy.place,
            severity=_severity(snapshot, policy),
            fix=_fix(policy),
            hint="write `policyTypes: [Egress]`, or `[Ingress, Egress]` if denying ingress is meant",
        )


def _severity(snapshot: Snapshot, policy: NetworkPolicy) -> Severity | None:
    """Return info iff some other policy isolates each selected pod for ingress too."""
    selected = set(snapshot.selected(policy))
    for other in snapshot.policies_in[policy.namespace]:
        if other is not policy and Direction.INGRESS in other.types and selected:
            selected.difference_update(snapshot.selected(other))
            if not selected:
                return "info"
    return None


def _fix(policy: NetworkPolicy) -> Fix | None:
    if policy.place is None:
        return None
    field = Field("policyTypes", (Direction.EGRESS.value,))
    return Fix(
        title="write policyTypes: [Egress]",
        file=policy.place.file,
        about=policy.label,
        operations=(InsertField(at=policy.place, path=("spec",), field=field, before=("egress",)),),
        removed=(restricted(policy, Direction.INGRESS, ()),),
        isolates=True,
        is_safe=False,
    )


RULE = Rule(
    code="NC105",
    name="egress-policy-blocks-ingress",
    severity="warning",
    basis="syntactic",
    summary="An egress policy without policyTypes that also blocks ingress",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
