"""A field or API version that the API does not have.

What it finds: misspelt or misplaced fields, and kinds under an API version that no current server has.
Why it matters: a server that does not validate strictly drops the field. A rule whose `from` is dropped allows everyone.
When to ignore it: fields of a kind that is no policy give a warning only; they may belong to a newer API.
How it is decided: the loader knows the fields of each kind; this rule repeats what it found.
Source: SEMANTICS NP-38, LIVE-13.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.errors import Problem
from netcheck.errors import Severity as HowBad
from netcheck.lint.finding import Finding, Severity
from netcheck.lint.refusals import Fault, fault_of
from netcheck.lint.rule import Rule, Snapshot

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - form: [{podSelector: {}}]  # finds: NC124
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
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each such field or version."""
    for problem in snapshot.loaded.problems:
        if fault_of(problem) is Fault.UNKNOWN_FIELD:
            yield RULE.finding(
                problem.message,
                about=problem.object,
                place=problem.place,
                severity=_severity(problem),
                hint=problem.hint,
            )


def _severity(problem: Problem) -> Severity:
    """Return info for `status`, which is no part of what an author writes: it comes with an exported object."""
    if problem.message.startswith("status"):
        return "info"
    return "error" if problem.severity is HowBad.ERROR else "warning"


RULE = Rule(
    code="NC124",
    name="unknown-field",
    severity="error",
    basis="syntactic",
    summary="A field or API version that the API does not have",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
