"""The benchmark inputs have the shape that is claimed of them, and the stopwatch does not take a crash for a result."""

from __future__ import annotations

import hashlib
import json
import random
import sys

import pytest

from benchmarks import generate, rewrite, run
from netcheck.load.loader import LoadOptions, load
from netcheck.model.flow import Verdict
from netcheck.queries.compare import Outcome, Relation, compare
from netcheck.queries.exposure import exposure
from netcheck.queries.trace import trace
from netcheck.queries.trace_requests import parse_requests
from netcheck.queries.trace_results import Delivered


def items(folder, name):
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["items"]


def digest(folder):
    made = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            made.update(path.read_bytes())
    return made.hexdigest()


@pytest.mark.parametrize("form", ["json", "yaml", "files"])
@pytest.mark.parametrize("shape", sorted(generate.SHAPES))
def test_a_seed_gives_the_same_bytes_again(tmp_path, form, shape):
    for name in ("a", "b"):
        generate.generate(tmp_path / name, pods=120, policies=30, form=form, shape=shape, seed=7)
    generate.generate(tmp_path / "other", pods=120, policies=30, form=form, shape=shape, seed=8)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "other")


def test_pods_are_as_many_as_large_and_as_different_as_promised(tmp_path):
    generate.generate(tmp_path, pods=1000, policies=100, form="json")
    pods, policies = items(tmp_path, "pods"), items(tmp_path, "policies")
    assert (len(pods), len(policies), len(items(tmp_path, "namespaces"))) == (1000, 100, 10)
    assert len({pod["status"]["podIP"] for pod in pods}) == 1000
    assert len({(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods}) == 1000
    sizes = [len(json.dumps(pod, separators=(",", ":"))) for pod in pods]
    assert 3_300 <= sum(sizes) / len(sizes) <= 3_900
    assert not any("@" in pod["metadata"]["name"] for pod in pods)


def test_workloads_have_the_promised_number_of_replicas():
    made = generate.plan(random.Random(0), 10_000)
    assert sum(workload.replicas for workload in made.workloads) == 10_000
    assert 6 <= 10_000 / len(made.workloads) <= 9
    assert len(made.namespaces) == 100


def test_adversarial_policies_isolate_both_directions_with_ports_of_their_own():
    rng = random.Random(0)
    made = generate.adversarial_policies(rng, generate.plan(rng, 1000), 200)
    specs = [policy["spec"] for policy in made]
    assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in specs)
    ports = {spec[side][0]["ports"][0]["port"] for spec in specs for side in ("ingress", "egress")}
    assert len(ports) > 380


@pytest.mark.parametrize("form", ["json", "yaml", "files"])
@pytest.mark.parametrize("shape", sorted(generate.SHAPES))
def test_the_loader_accepts_all_that_is_generated(tmp_path, form, shape):
    loader = pytest.importorskip("netcheck.load.loader")
    generate.generate(tmp_path, pods=200, policies=60, form=form, shape=shape)
    loaded = loader.load([str(tmp_path)])
    assert not loaded.problems, [str(problem) for problem in loaded.problems[:3]]
    assert loaded.counts["NetworkPolicy"] == len(loaded.cluster.policies) == 60
    assert (loaded.counts.get("Pod", 0) == 200) == (form == "json")


def test_generated_ways_lead_to_pods_through_doors_of_every_sort(tmp_path):
    folder = tmp_path / "cluster"
    generate.generate(folder, pods=200, policies=20, form="json", ways_in=30)
    loaded = load([str(folder)])
    assert not loaded.problems
    found = exposure(loaded.cluster)
    doors = {item.door for one in found.workloads for item in one.openings if item.verdict is Verdict.ALLOWED}
    assert {"LoadBalancer", "NodePort", "externalIP", "Ingress", "Gateway"} <= doors
    asked = parse_requests((tmp_path / "cluster-requests.json").read_text(encoding="utf-8"), "requests.json")
    ended = {item.delivered for item in trace(loaded.cluster, asked[:60])}
    assert Delivered.YES in ended


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("print('done')", "ok"),
        ("pass", "no output"),
        ("print('x'); raise SystemExit(3)", "exit 3"),
        (
            "print('x'); import sys; sys.stderr.write('Traceback (most recent call last)'); raise SystemExit(1)",
            "traceback",
        ),
        ("import time; time.sleep(60)", "timeout"),
    ],
)
def test_the_stopwatch_tells_a_result_from_a_failure(program, outcome):
    case = run.Case(name="x", command=(sys.executable, "-c", program), limit_s=1.5, good=(0, 1, 4))
    assert run.measure(case, 1).outcome == outcome


def test_a_command_that_does_not_exist_is_reported_and_does_not_stop_the_rest(tmp_path):
    result = run.run_case(run.Case(name="x", command=(str(tmp_path / "none"),), budget_s=1.0), tmp_path, 1)
    assert result.outcome == "error"
    assert result.over_budget


def test_the_other_side_of_a_comparison_is_what_its_name_says(tmp_path):
    generate.generate(tmp_path / "one", pods=400, policies=250, form="json")
    before = load((str(tmp_path / "one"),), LoadOptions()).cluster
    for how, outcome in (("rewritten", Outcome.HOLDS), ("changed", Outcome.VIOLATED)):
        rewrite.rewrite(tmp_path / "one", tmp_path / how, how)
        after = load((str(tmp_path / how),), LoadOptions()).cluster
        assert after.policies != before.policies
        assert compare(before, after, Relation.EQUAL).outcome is outcome
