"""The mapped queries bite: each counts what it should in sets that are small enough to count by hand."""

from __future__ import annotations

import pytest

from netcheck.load.loader import load_text
from tests.conformance_queries.answers import ANSWERS

PODS = """
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
""" + "".join(
    f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: a, labels: {{app: {name}}}}}
spec: {{containers: [{{name: c, image: i}}]}}
status: {{podIP: 10.0.0.{number}}}
---
"""
    for number, name in enumerate(("web", "db", "job"), 1)
)
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %s, namespace: a}
spec: {podSelector: {matchLabels: {app: %s}}, ingress: [%s]}
---
"""
FROM_WEB = "{from: [{podSelector: {matchLabels: {app: web}}}]}"
FROM_JOB = FROM_WEB.replace("app: web", "app: job")
FROM_NOBODY = FROM_WEB.replace("app: web", "app: nobody")
NONE = ()
WEB = (("p", "db", FROM_WEB),)
JOB = (("p", "db", FROM_JOB),)
BOTH = (("p", "db", f"{FROM_WEB}, {FROM_JOB}"),)
OPEN = (("p", "db", "{}"),)
SPLIT = (("p", "db", FROM_WEB), ("q", "db", FROM_JOB))
TWICE = (*WEB, ("q", "db", FROM_WEB))


def cluster(policies):
    return load_text(PODS + "".join(POLICY % one for one in policies)).cluster


@pytest.mark.parametrize(
    ("query", "sets", "expected"),
    [
        ("equivalence", [WEB, JOB, BOTH], 3),
        ("equivalence", [SPLIT, BOTH, WEB], 2),
        ("strongEquivalence", [SPLIT, BOTH], 1),
        ("strongEquivalence", [WEB, WEB], 0),
        ("containment", [BOTH, WEB, JOB, NONE], 2),
        ("twoWayContainment", [BOTH, WEB], 1),
        ("twoWayContainment", [WEB, BOTH], 2),
        ("twoWayContainment", [SPLIT, BOTH], 3),
        ("twoWayContainment", [WEB, JOB], 0),
        ("interferes", [WEB, BOTH], 1),
        ("interferes", [BOTH, WEB], 0),
        ("pairwiseInterferes", [WEB, JOB], 2),
        ("permits", [JOB, WEB, BOTH], 2),
        ("permits", [BOTH, WEB], 0),
        ("forbids", [JOB, WEB, BOTH], 1),
        ("vacuity", [NONE, OPEN, WEB], 2),
        ("allCaptured", [NONE], 3),
        ("allCaptured", [WEB], 2 + 3),
        ("semanticDiff", [WEB, JOB], 2),
        ("semanticDiff", [NONE, WEB], 2),
        ("semanticDiff", [WEB, WEB], 0),
        ("redundancy", [TWICE], 2),
        ("redundancy", [BOTH], 0),
        ("emptiness", [(("p", "nobody", FROM_WEB), ("q", "db", FROM_NOBODY))], 2),
        ("disjointness", [SPLIT], 1),
        ("disjointness", [WEB, (("p", "web", FROM_JOB),)], 0),
    ],
)
def test_a_query_counts(query, sets, expected):
    assert ANSWERS[query]([cluster(one) for one in sets], {}) == expected
