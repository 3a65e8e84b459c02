"""Rules for a direction that policyTypes leaves out.

What it finds: `ingress` or `egress` rules of a policy whose `policyTypes` does not list that direction.
Why it matters: such rules are stored and ignored. The direction stays as open as the other policies leave it, while the
manifest reads as if it were restricted.
When to ignore it: never; an info only if the ignored rules would allow everything, so that nothing changes.
Fix: the direction is added to `policyTypes`. Never safe: it isolates the pods, and deleting the rules is as likely meant.
How it is decided: by the text of the policy.
Source: SEMANTICS NP-2, NP-33.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.fix import Fix, restricted
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import counted
from netcheck.model.edits import AppendText
from netcheck.model.policy import Direction, NetworkPolicy

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]  # finds: NC104
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each policy and direction with ignored rules."""
    for policy in snapshot.cluster.policies:
        for direction in Direction:
            rules = policy.rules(direction)
            if direction in policy.types or not rules:
                continue
            field = direction.value.lower()
            types = ", ".join(found.value for found in policy.types)
            harmless = all(not rule.peers and not rule.ports for rule in rules)
            yield RULE.finding(
                f"spec.{field} has {counted(len(rules), 'rule')} without effect: policyTypes is [{types}], so this policy "
                f"does not restrict {field}",
                about=policy.label,
                place=rules[0].place,
                severity="info" if harmless else None,
                fix=_fix(policy, direction),
                hint=f"add `{direction.value}` to policyTypes, or delete the rules",
            )


def _fix(policy: NetworkPolicy, direction: Direction) -> Fix | None:
    if policy.place is None:
        return None
    return Fix(
        title=f"add {direction.value} to policyTypes",
        file=policy.place.file,
        about=policy.label,
        operations=(AppendText(at=policy.place, path=("spec", "policyTypes"), value=direction.value),),
        added=(restricted(policy, direction, policy.rules(direction)),),
        isolates=True,
        is_safe=False,
    )


RULE = Rule(
    code="NC104",
    name="inert-rules",
    severity="error",
    basis="syntactic",
    summary="Rules for a direction that policyTypes leaves out",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
