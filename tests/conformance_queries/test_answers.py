"""The mapped queries bite: each counts what it should in sets that are small enough to count by hand."""

from __future__ import annotations

import json

import pytest

from netcheck.load.loader import load_text
from tests.conformance_queries.__main__ import judged
from tests.conformance_queries.answers import ANSWERS, map_differences

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
        ("sanity", [NONE], 1),
        ("sanity", [WEB], 0),
        ("sanity", [TWICE], 2),
        ("sanity", [BOTH, OPEN], 1),
        ("sanity", [(*WEB, ("q", "nobody", FROM_WEB))], 1),
        ("sanity", [(("p", "db", f"{FROM_WEB}, {FROM_WEB}, {FROM_NOBODY}"),)], 3),
        ("forbids", [WEB, JOB, NONE], 0),
        ("forbids", [NONE, JOB, BOTH], 2),
        ("disjointness", [SPLIT], 1),
        ("disjointness", [(*SPLIT, ("r", "web", FROM_JOB))], 1),
        ("disjointness", [WEB, SPLIT], 2),
        ("disjointness", [WEB, (("p", "web", FROM_JOB),)], 0),
    ],
)
def test_a_query_counts(query, sets, expected):
    assert ANSWERS[query]([cluster(one) for one in sets], {}) == expected


def test_a_printed_map_is_compared_pair_by_pair():
    peers = ["a/web", "a/db", "a/job", "0.0.0.0-9.255.255.255", "10.0.0.0-255.255.255.255"]
    conns = ["all", {"TCP": [[80, 80]]}]
    rows = [[0, 0, [1, 2, 3, 4]], [1, 0, [0, 2, 3, 4]], [2, 0, [0, 3, 4]], [3, 0, [0, 2]], [4, 0, [0, 2]]]
    assert map_differences(cluster(WEB), {"peers": peers, "conns": conns, "rows": rows}) == []
    wrong = [[0, 1, [1]], [0, 0, [2, 3, 4]], *rows[1:4], [4, 0, [0, 1, 2]]]
    found = map_differences(cluster(WEB), {"peers": peers, "conns": conns, "rows": wrong})
    assert found == [("a/web", "a/db"), (((167772160, 4294967295),), "a/db")]


CORPUS = {
    "suite": "own",
    "case": "forbids",
    "configs": {name: {"resources": [f"{name}.yaml"]} for name in ("first", "shut", "open")},
    "queries": [
        {"name": "none", "type": "forbids", "args": ["first", "shut"], "expected": 0},
        {"name": "one", "type": "forbids", "args": ["first", "shut", "open"], "expected": 1},
        {"name": "wrong", "type": "forbids", "args": ["first", "open"], "expected": 0},
        {"name": "common", "type": "disjointness", "args": ["first", "open"], "expected": 1},
        {"name": "apart", "type": "disjointness", "args": ["first/a/p"], "expected": 0},
    ],
}


def test_a_case_in_the_form_of_the_corpus_is_judged(tmp_path):
    sets = {"first": WEB, "shut": (("p", "db", FROM_NOBODY),), "open": OPEN}
    for name, policies in sets.items():
        text = PODS + "".join(POLICY % one for one in policies)
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    path = tmp_path / "expect.json"
    path.write_text(json.dumps(CORPUS), encoding="utf-8")
    outcomes = [outcome for _, outcome, _ in judged(path, {})]
    assert outcomes == ["agree", "agree", "differ", "agree", "agree"]
    assert [outcome for _, outcome, _ in judged(path, {"query:own/forbids/wrong": "argued"})][2] == "justified"
