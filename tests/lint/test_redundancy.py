"""NC125: what is said to change nothing changes nothing for the set engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.engines.redundancy import Redundancy
from netcheck.engines.sets import SetEngine
from netcheck.lint.examples import matched_by_others
from netcheck.lint.finding import LintSettings
from netcheck.lint.run import lint
from netcheck.load.loader import LoadOptions, load_text
from netcheck.model.cluster import Loaded
from netcheck.model.policy import Direction
from tests import strategies


def with_twins(cluster, seed):
    """Return the cluster with copies and narrower forms of its policies, so that there is something to find."""
    added = []
    for number, policy in enumerate(cluster.policies):
        if (number + seed) % 2:
            rules = {name: tuple(replace(rule) for rule in getattr(policy, name)[:1]) for name in ("ingress", "egress")}
            added.append(replace(policy, name=f"{policy.name}-again", **rules))
    return replace(cluster, policies=(*cluster.policies, *added))


def without(cluster, policies, rules):
    """Return the cluster without policies and rules, by identity."""
    kept = []
    for policy in cluster.policies:
        if id(policy) not in policies:
            fields = {
                name: tuple(rule for rule in getattr(policy, name) if id(rule) not in rules)
                for name in ("ingress", "egress")
            }
            kept.append(replace(policy, **fields))
    return replace(cluster, policies=tuple(kept))


def pairs(engine):
    """Return what is allowed and unknown between all elements of which one is a pod."""
    pods, size = engine.universe.pod_count, engine.universe.size
    return [(engine.pair(one, other)) for one in range(size) for other in range(size) if min(one, other) < pods]


def gone_in_any_cluster(cluster):
    policies, rules = set(), set()
    by_namespace = {}
    for policy in cluster.policies:
        by_namespace.setdefault(policy.namespace, []).append(policy)
    for members in by_namespace.values():
        whole, candidates = matched_by_others(members)
        redundancy = Redundancy(cluster, members)
        policies |= {id(members[found.policy]) for found in redundancy.policies(whole)}
        for found in redundancy.rules(candidates):
            number, direction, index = found.rule
            rules.add(id(members[number].rules(direction)[index]))
    return policies, rules


@pytest.mark.parametrize("seed", range(60))
def test_what_can_go_in_any_cluster_changes_no_pair_of_a_drawn_one(seed):
    cluster = with_twins(strategies.of_seed(seed), seed)
    policies, rules = gone_in_any_cluster(cluster)
    universe = SetEngine(cluster).universe
    less = without(cluster, policies, rules)
    assert pairs(SetEngine(cluster, universe=universe)) == pairs(SetEngine(less, universe=universe))


def test_copies_are_found_in_the_drawn_clusters():
    found = [gone_in_any_cluster(with_twins(strategies.of_seed(seed), seed)) for seed in range(12)]
    assert sum(len(policies) for policies, _ in found) >= 5
    assert sum(len(rules) for _, rules in found) >= 1


@pytest.mark.parametrize("seed", range(12))
def test_no_example_hides_what_can_go(seed):
    """Every policy and rule is a candidate: the cheap test must leave out none that Z3 finds."""
    cluster = with_twins(strategies.of_seed(seed), seed)
    by_namespace = {}
    for policy in cluster.policies:
        by_namespace.setdefault(policy.namespace, []).append(policy)
    for members in by_namespace.values():
        whole, rules = matched_by_others(members)
        every = [
            (number, direction, index)
            for number, policy in enumerate(members)
            for direction in policy.types
            for index in range(len(policy.rules(direction)))
        ]
        assert {found.policy for found in Redundancy(cluster, members).policies(range(len(members)))} <= set(whole)
        found = Redundancy(cluster, members).rules(every)
        assert {item.rule for item in found if item.covered_by} <= set(rules)


@pytest.mark.parametrize("seed", range(30))
def test_what_can_go_in_this_cluster_changes_no_pair(seed):
    cluster = replace(with_twins(strategies.of_seed(seed), seed), whole=True)
    found = lint(Loaded(cluster=cluster), LintSettings(select=frozenset({"NC125"}))).findings
    by_label = {policy.label: policy for policy in cluster.policies}
    policies, rules = set(), set()
    for item in found:
        policy = by_label[item.object]
        path = item.message.split(" ")[0]
        if path == "the":
            policies.add(id(policy))
        else:
            field, _, index = path.removeprefix("spec.").rstrip("]").partition("[")
            rules.add(id(policy.rules(Direction(field.capitalize()))[int(index)]))
    universe = SetEngine(cluster).universe
    less = without(cluster, policies, rules)
    assert pairs(SetEngine(cluster, universe=universe)) == pairs(SetEngine(less, universe=universe))


def policies_of(text):
    return load_text(text, options=LoadOptions()).cluster


COVERED_TOGETHER = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/25}}]
  - from: [{ipBlock: {cidr: 10.0.0.128/25}}]
  - from: [{ipBlock: {cidr: 10.0.0.0/24}}]
    ports: [{port: 80, endPort: 90}]
"""


def test_rules_that_only_together_allow_all_of_another_are_named():
    found = lint(Loaded(cluster=policies_of(COVERED_TOGETHER)), LintSettings(select=frozenset({"NC125"}))).findings
    assert [item.message for item in found] == [
        "spec.ingress[2] changes nothing in any cluster: `spec.ingress[0]` and `spec.ingress[1]` allow all that it allows"
    ]
