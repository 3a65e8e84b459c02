"""A `- {}` rule that opens everything.

What it finds: rules without peers and without ports, in a policy whose name says that it denies. With `--pedantic`, every
such rule.
Why it matters: `ingress: [{}]` allows everything; to deny everything the list must be empty or missing. In a
CiliumNetworkPolicy the same text means the opposite.
When to ignore it: the policy allows everything on purpose, and its name only mentions a denial.
How it is decided: by the text. A name counts if it has the word deny, block, isolate or drop, and names no other
direction than the one that is opened; if it names none, nothing else may be denied by the policy.
Source: SEMANTICS NP-3, CIL-6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.reading import all_rules
from netcheck.lint.rule import Rule, Snapshot
from netcheck.model.policy import Direction, NetworkPolicy

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
  - {}  # finds: NC106
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny-ingress, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress: [{}]
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
"""

_DENIES = re.compile(r"(^|[^a-z])(deny|denies|denied|block|isolate|drop)([^a-z]|$)")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule that allows everything."""
    for policy, direction, rule, path in all_rules(snapshot):
        if rule.peers or rule.ports:
            continue
        field = direction.value.lower()
        contradicts = _says_deny(policy, direction)
        yield RULE.finding(
            f"{path} is an empty rule, which allows all {field} of the selected pods"
            + (", but the policy's name says that it denies" if contradicts else ""),
            about=policy.label,
            place=rule.place,
            severity="warning" if contradicts else "info",
            basis="syntactic" if contradicts else "heuristic",
            hint=f"to deny all {field}, leave `{field}` out or write `{field}: []`",
        )


def _says_deny(policy: NetworkPolicy, direction: Direction) -> bool:
    name = policy.name.lower()
    if not _DENIES.search(name):
        return False
    named = [found for found in Direction if found.value.lower() in name]
    if named:
        return direction in named
    return all(any(not rule.peers and not rule.ports for rule in policy.rules(found)) for found in policy.types)


RULE = Rule(
    code="NC106",
    name="allow-all-rule",
    severity="warning",
    basis="syntactic",
    summary="A `- {}` rule that opens everything",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
