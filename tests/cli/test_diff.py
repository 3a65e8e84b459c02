"""`netcheck diff`: its outputs, streams and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import netcheck
from tests.cli.running import CLOSED, NAMESPACE, NOT_MODELLED, PARTLY_IN_A_BLOCK, POD, QUICKSTART, ROOT, TWO_PODS
from tests.report.test_json_v1 import checked

BASE, HEAD = str(ROOT / "testdata" / "diff" / "base"), str(ROOT / "testdata" / "diff" / "head")
SARIF = ROOT / "testdata" / "schemas" / "sarif-2.1.0-rtm.5.json"


@pytest.fixture
def files(tmp_path):
    def write(name, text):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_two_equal_sources_do_not_differ(netcheck):
    done = netcheck("diff", QUICKSTART, QUICKSTART)
    assert done.code == 0
    assert done.out.startswith("no connection differs\n")


@pytest.mark.parametrize(("back", "fail_on", "code"), [(0, "any", 1), (0, "added", 1), (0, "none", 0)])
def test_the_exit_code_is_what_fail_on_says(netcheck, back, fail_on, code):
    del back
    assert netcheck("diff", BASE, HEAD, "--fail-on", fail_on).code == code


def test_access_that_goes_is_not_added(netcheck, files):
    closed, opened = files("closed", TWO_PODS + CLOSED), files("open", TWO_PODS)
    assert netcheck("diff", opened, closed).code == 1
    assert netcheck("diff", opened, closed, "--fail-on", "added").code == 0
    assert netcheck("diff", closed, opened, "--fail-on", "added").code == 1


def test_what_is_not_known_to_be_alike_is_exit_4(netcheck, files):
    one = files("one", TWO_PODS + PARTLY_IN_A_BLOCK)
    other = files("other", TWO_PODS + PARTLY_IN_A_BLOCK.replace("10.1.", "10.2."))
    done = netcheck("diff", one, other)
    assert done.code == 4
    assert "unknown whether it differs: 1 pair" in done.out
    assert netcheck("diff", one, one).code == 0
    assert netcheck("diff", one, other, "--allow-incomplete").code == 1


def test_what_cannot_be_new_access_does_not_leave_the_gate_open(netcheck, files):
    everybody, partly = files("all", TWO_PODS), files("partly", TWO_PODS + PARTLY_IN_A_BLOCK)
    narrowed = netcheck("diff", everybody, partly, "-o", "json")
    assert (narrowed.code, [row["mayOpen"] for row in narrowed.json["unknown"]]) == (4, [False])
    assert netcheck("diff", everybody, partly, "--fail-on", "added").code == 0
    opened = netcheck("diff", partly, everybody, "-o", "json", "--fail-on", "added")
    assert (opened.code, [row["mayOpen"] for row in opened.json["unknown"]]) == (4, [True])


def test_input_that_is_lost_on_the_base_side_is_exit_4(netcheck, files):
    broken = files("broken", TWO_PODS + "apiVersion: v1\nkind: Pod\nmetadata: [\n---\n")
    done = netcheck("diff", broken, files("whole", TWO_PODS))
    assert done.code == 4
    assert "broken.yaml" in done.err


@pytest.mark.parametrize("sources", [[], [QUICKSTART], [QUICKSTART] * 3, ["-", "-"]])
def test_anything_but_two_sources_is_refused(netcheck, sources):
    done = netcheck("diff", *sources)
    assert done.code == 2
    assert done.out == ""


def test_one_side_may_be_stdin(netcheck, files):
    done = netcheck("diff", files("base", TWO_PODS + CLOSED), "-", stdin=TWO_PODS)
    assert done.code == 1
    assert "NetworkPolicy a/closed is removed" in done.out


def test_the_document_is_as_its_schema_says(netcheck, files):
    documents = [
        checked([netcheck("diff", base, head, "-o", "json").out])
        for base, head in (
            (BASE, HEAD),
            (HEAD, BASE),
            (
                files("one", TWO_PODS + PARTLY_IN_A_BLOCK),
                files("other", TWO_PODS + PARTLY_IN_A_BLOCK.replace("10.1.", "10.2.")),
            ),
        )
    ]
    assert documents[0]["summary"] == {"added": 6, "removed": 2, "changed": 1, "opened": 7}
    assert {item["onlyIn"] for item in documents[0]["endpoints"] if "onlyIn" in item} == {"head"}
    (opened,) = (row for row in documents[0]["changes"] if row["destination"].startswith("data/db"))
    assert opened["causes"][0]["detail"] == "labels: with uses-db=true"
    assert opened["witness"]["before"] == "denied"
    assert documents[2]["unknown"][0]["reasons"][0]["rule"] == "NP-20"


def test_sarif_is_valid_and_points_at_the_lines_of_head(netcheck, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = netcheck("diff", "testdata/diff/base", "testdata/diff/head", "-o", "sarif")
    log = json.loads(done.out)
    jsonschema.Draft7Validator(json.loads(SARIF.read_text(encoding="utf-8"))).validate(log)
    places = {
        (where["artifactLocation"]["uri"], where["region"]["startLine"])
        for result in log["runs"][0]["results"]
        for where in [result["locations"][0]["physicalLocation"]]
    }
    assert {uri for uri, _ in places} == {"testdata/diff/head/shop.yaml"}
    assert len({line for _, line in places}) == 5


def test_markdown_shows_what_is_added_first_and_folds_the_rest(netcheck):
    text = netcheck("diff", BASE, HEAD, "-o", "md").out
    assert text.startswith("**netcheck:** connections: 6 added, 2 removed, 1 changed")
    assert text.index("### 6 connections added") < text.index("<details><summary>1 connection changed</summary>")
    assert text.count("<details>") == text.count("</details>") == 3


def test_pods_can_be_compared_one_by_one(netcheck, files):
    done = netcheck("diff", files("b", TWO_PODS + CLOSED), files("h", TWO_PODS), "--resolution", "pod", "-o", "json")
    assert ("a/web[Pod]", "a/db[Pod]") in {(row["source"], row["destination"]) for row in done.json["changes"]}


def test_a_pod_that_is_new_is_told_apart(netcheck, files):
    done = netcheck("diff", files("b", NAMESPACE + POD % ("web", "a", "web")), files("h", TWO_PODS), "-o", "json")
    assert {row["workload"] for row in done.json["changes"]} == {"added"}
    assert {cause["object"] for row in done.json["changes"] for cause in row["causes"]} == {"Pod a/db"}


@pytest.mark.parametrize(
    ("scope", "namespaces"),
    [
        ((), {"shop", "data", ""}),
        (("--only-namespace", "data"), {"shop", "data"}),
        (("--exclude-namespace", "data"), {"shop", ""}),
        (("--exclude-namespace", "shop"), set()),
    ],
)
def test_namespaces_cut_the_report(netcheck, scope, namespaces):
    done = netcheck("diff", BASE, HEAD, "-o", "json", *scope)
    space = {item["id"]: item.get("namespace", "") for item in done.json["endpoints"]}
    ends = [(space[row["source"]], space[row["destination"]]) for row in done.json["changes"]]
    assert {end for pair in ends for end in pair} == namespaces
    if scope[:1] == ("--only-namespace",):
        assert all("data" in pair for pair in ends)


def test_a_namespace_that_only_head_has_can_be_asked_for(netcheck, files):
    sides = (files("b", POD % ("web", "a", "web")), files("h", TWO_PODS + POD % ("new", "b", "new")))
    assert netcheck("diff", *sides, "--only-namespace", "b").code == 1
    assert netcheck("diff", *sides, "--only-namespace", "c").code == 2


def test_the_schema_is_shipped():
    assert (Path(netcheck.__file__).parent / "report" / "schemas" / "ConnectionDiff.json").exists()


# ---- every cluster that could exist --------------------------------------------------------------------------------


def test_open_world_proves_that_policies_are_equal_whatever_the_clusters_hold(netcheck, files):
    done = netcheck("diff", files("b", NAMESPACE + CLOSED), files("h", TWO_PODS + CLOSED), "--open-world")
    assert done.code == 0
    assert done.out.startswith("holds  BASE and HEAD allow the same flows, in every cluster that could exist\n")


def test_open_world_shows_a_pair_of_pods_for_each_way_to_differ(netcheck):
    done = netcheck("diff", BASE, HEAD, "--open-world", "-o", "json")
    assert done.code == 1
    document = checked([done.out])
    assert document["outcome"] == "violated"
    assert [question["outcome"] for question in document["questions"]] == ["violated", "violated"]
    opened = document["questions"][0]["witness"]
    assert (opened["base"]["verdict"], opened["head"]["verdict"]) == ("denied", "allowed")
    assert opened["head"]["decidedBy"]


@pytest.mark.parametrize(("fail_on", "code"), [("any", 1), ("added", 0), ("none", 0)])
def test_open_world_can_gate_new_access_only(netcheck, files, fail_on, code):
    sides = (files("open", TWO_PODS), files("closed", TWO_PODS + CLOSED))
    assert netcheck("diff", *sides, "--open-world", "--fail-on", fail_on).code == code


@pytest.mark.parametrize(("relation", "code"), [("equal", 1), ("contains", 0), ("within", 1), ("disjoint", 1)])
def test_compare_says_how_two_sets_lie(netcheck, files, relation, code):
    sides = (files("open", TWO_PODS), files("closed", TWO_PODS + CLOSED))
    done = netcheck("compare", *sides, "--relation", relation)
    assert done.code == code
    assert done.out.startswith("holds" if code == 0 else "violated")


def test_compare_is_exit_4_where_a_policy_has_no_known_effect(netcheck, files):
    sides = (files("b", TWO_PODS + NOT_MODELLED), files("h", TWO_PODS))
    done = netcheck("compare", *sides, "-o", "json")
    assert done.code == 4
    assert checked([done.out])["outcome"] == "unknown"
    assert netcheck("compare", *sides, "--allow-incomplete").code == 1


def test_compare_as_markdown_is_a_table(netcheck):
    text = netcheck("compare", BASE, HEAD, "-o", "md").out
    assert "| allowed by HEAD and not by BASE | there are such flows |" in text
    assert "denied (NetworkPolicy shop/cart)" in text


NODES_KEPT_FROM = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: nodes}
spec:
  tier: Admin
  priority: %d
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{nodes: {matchLabels: {role: %s}}}]}]
---
"""


def test_open_world_shows_a_node_of_known_labels_rather_than_one_of_which_nothing_is_known(netcheck, files):
    sides = (files("b", TWO_PODS + NODES_KEPT_FROM % (5, "cp")), files("h", TWO_PODS + NODES_KEPT_FROM % (5, "worker")))
    done = netcheck("compare", *sides, "-o", "json")
    assert done.code == 1
    labels = [question["witness"]["flow"]["destinationLabels"] for question in done.json["questions"]]
    assert labels == ["role=cp", "role=worker"]


def test_what_is_unknown_names_the_fact_that_is_missing(netcheck, files):
    sides = (files("b", TWO_PODS + NODES_KEPT_FROM % (5, "cp")), files("h", TWO_PODS + NODES_KEPT_FROM % (6, "cp")))
    assert netcheck("compare", *sides).code == 0
    rows = netcheck("diff", *sides, "-o", "json").json["unknown"]
    assert rows
    assert {reason["rule"] for row in rows for reason in row["reasons"]} == {"ADM-16"}
