"""Two objects with one identity and different content.

What it finds: objects of the same kind, namespace and name that the input defines twice, differently.
Why it matters: the API server keeps one. Which one depends on the order in which files are applied, so what the cluster does is
not what either file says to its reader.
When to ignore it: the files are alternatives of which only one is ever applied. Name the one that is meant instead.
How it is decided: by the identities; objects that are alike are no finding. netcheck goes by the last one.
Source: SEMANTICS LIVE-15.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.errors import Problem
from netcheck.lint.finding import Finding
from netcheck.lint.refusals import Fault, fault_of
from netcheck.lint.rule import Rule, Snapshot

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1  # finds: NC701
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each later definition."""
    for problem in _problems(snapshot):
        yield RULE.finding(problem.message, about=problem.object, place=problem.place, hint="delete one of the two")


def _problems(snapshot: Snapshot) -> list[Problem]:
    return [problem for problem in snapshot.loaded.problems if fault_of(problem) is Fault.TWICE]


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(_problems(snapshot))


RULE = Rule(
    code="NC701",
    name="defined-twice",
    severity="error",
    basis="syntactic",
    summary="Two objects with one identity and different content",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
