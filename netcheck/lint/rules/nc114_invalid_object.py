"""An object that the API server refuses.

What it finds: values that fail the validation of the API servers 1.30 to 1.36, one finding each.
Why it matters: the object cannot be applied. A refused policy protects nothing, and what it would have done is unknown to
every other verdict.
When to ignore it: never. A warning if only the newest servers refuse the value.
How it is decided: the loader checks each object as the API server does; this rule repeats what it found.
Source: SEMANTICS NP-13, NP-14, NP-17, NP-19, NP-28, NP-29, NP-37; validation.go of each API group.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.errors import Severity
from netcheck.lint.finding import Finding
from netcheck.lint.refusals import Fault, fault_of
from netcheck.lint.rule import Rule, Snapshot

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from:
    - {}  # finds: NC114
    ports:
    - port: "80"  # finds: NC114
    - {port: 8000, endPort: 7000}  # finds: NC114
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 80}, {port: 8000, endPort: 8010}]
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each refused value."""
    for problem in snapshot.loaded.problems:
        if fault_of(problem) is Fault.REFUSED:
            yield RULE.finding(
                problem.message,
                about=problem.object,
                place=problem.place,
                severity="error" if problem.severity is Severity.ERROR else "warning",
                hint=problem.hint,
            )


RULE = Rule(
    code="NC114",
    name="invalid-object",
    severity="error",
    basis="syntactic",
    summary="An object that the API server refuses",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
