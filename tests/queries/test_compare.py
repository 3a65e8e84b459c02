"""`compare`: two policy sets over every cluster that could exist."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from netcheck.engines.separation import Separation
from netcheck.errors import SolverLimit, WitnessMismatch
from netcheck.load.loader import load_text
from netcheck.model.flow import Decision, Verdict
from netcheck.model.profile import Switch
from netcheck.queries import compare as module
from netcheck.queries.compare import CLOSED, OPENED, SHARED, Outcome, Relation, compare
from netcheck.queries.diff import diff
from netcheck.semantics.decide import decide
from tests import strategies

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %s, namespace: shop}
spec: %s
---
"""
SPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: red}}
---
"""


def policy(spec, name="p"):
    return POLICY % (name, spec)


def cluster(*texts):
    return load_text(SPACE + "".join(texts)).cluster


def asked(base, head, relation=Relation.EQUAL, **more):
    return compare(cluster(*base), cluster(*head), relation, **more)


def outcomes(result):
    return {question.text: question.outcome for question in result.questions}


DENY = policy("{podSelector: {}}", "deny")
DB = policy(
    "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], "
    "ports: [{port: 5432, endPort: 5440}]}]}"
)
DB_REWRITTEN = (
    policy(
        "{podSelector: {matchExpressions: [{key: app, operator: In, values: [db]}]}, policyTypes: [Ingress], "
        "ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}], "
        "ports: [{port: 5432}, {port: 5433, endPort: 5436}]}]}",
        "one",
    ),
    policy(
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: "
        "{kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: web}}}], "
        "ports: [{port: 5436, endPort: 5440}]}]}",
        "other",
    ),
)


def test_policies_that_say_the_same_otherwise_are_proved_equal():
    result = asked([DB], DB_REWRITTEN)
    assert result.outcome is Outcome.HOLDS
    assert outcomes(result) == {OPENED: Outcome.HOLDS, CLOSED: Outcome.HOLDS}


def test_no_policies_are_equal_to_policies_that_allow_everything():
    everything = policy("{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}")
    assert asked([], [everything]).outcome is Outcome.HOLDS


def test_a_wider_range_is_told_apart_by_a_port_that_only_it_has():
    result = asked([DB], [DB.replace("5440", "5450")])
    assert outcomes(result) == {OPENED: Outcome.VIOLATED, CLOSED: Outcome.HOLDS}
    (found,) = (question.counterexample for question in result.questions if question.counterexample)
    assert 5440 < found.flow.port <= 5450
    assert (found.before.verdict, found.after.verdict) == (Verdict.DENIED, Verdict.ALLOWED)
    assert found.flow.source_labels == "app=web"
    assert found.flow.destination_labels == "app=db"
    assert found.flow.source == "a pod of namespace shop"


def test_the_witness_has_the_labels_of_the_loaded_namespace():
    red = DB.replace("podSelector: {matchLabels: {app: web}}", "namespaceSelector: {matchLabels: {team: red}}")
    result = asked([red], [DENY, red])
    (found,) = (question.counterexample for question in result.questions if question.counterexample)
    assert "team=red" in found.flow.destination_labels


def test_a_namespace_that_does_not_exist_yet_can_be_the_witness():
    blue = "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}]}"
    result = asked([DENY], [policy(blue)], Relation.CONTAINS)
    (question,) = result.questions
    assert question.outcome is Outcome.VIOLATED
    assert "team=blue" in question.counterexample.flow.source_labels


@pytest.mark.parametrize(
    ("relation", "base", "head", "holds"),
    [
        (Relation.CONTAINS, [], [DENY], True),
        (Relation.CONTAINS, [DENY], [], False),
        (Relation.WITHIN, [DENY], [], True),
        (Relation.WITHIN, [], [DENY], False),
        (Relation.WITHIN, [DB, DENY], [DB], True),
        (Relation.EQUAL, [DB, DENY], [DB], False),
    ],
)
def test_containment_has_a_direction(relation, base, head, holds):
    assert asked(base, head, relation).outcome is (Outcome.HOLDS if holds else Outcome.VIOLATED)


def test_disjoint_sets_allow_no_flow_in_common():
    closed = policy("{podSelector: {}, policyTypes: [Ingress, Egress]}")
    outside = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: all}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
  egress: [{action: Deny, to: [{networks: [0.0.0.0/0, "::/0"]}]}]
"""
    result = asked([closed], [DB], Relation.DISJOINT)
    assert outcomes(result) == {SHARED: Outcome.VIOLATED}
    assert asked([outside], [closed], Relation.DISJOINT).outcome is Outcome.VIOLATED  # outside addresses reach pods


def test_an_address_tells_blocks_apart():
    block = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/%s}}]}]}"
    result = asked([policy(block % 24)], [policy(block % 25)])
    assert outcomes(result) == {OPENED: Outcome.HOLDS, CLOSED: Outcome.VIOLATED}
    (found,) = (question.counterexample for question in result.questions if question.counterexample)
    assert found.flow.source_address.startswith("203.0.113.")
    assert int(found.flow.source_address.rpartition(".")[2]) >= 128


def test_a_port_name_tells_policies_apart():
    result = asked([DB.replace("port: 5432, endPort: 5440", "port: pg")], [DB.replace(", endPort: 5440", "")])
    assert outcomes(result) == {OPENED: Outcome.VIOLATED, CLOSED: Outcome.VIOLATED}
    notes = [question.counterexample.flow.note for question in result.questions]
    assert "the port is called pg" in notes


def test_a_policy_of_unknown_effect_leaves_it_unknown_unless_something_else_differs():
    unclear = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: c, namespace: shop}
spec: {endpointSelector: {matchLabels: {app: db}}, ingress: [{}]}
---
"""
    result = asked([DB, unclear], [DB])
    assert result.outcome is Outcome.UNKNOWN
    assert all(question.reasons for question in result.questions)
    assert asked([DB, unclear], [DB, DENY]).outcome is Outcome.VIOLATED


def test_what_hangs_on_a_switch_of_the_profile_is_unknown():
    block = policy("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]}")
    nobody = policy(
        "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}, "
        "{namespaceSelector: {}}]}]}"
    )
    base, head = cluster(block), cluster(nobody)
    found = {}
    for value in Switch:
        sides = [replace(one, profile=one.profile.with_switch("cidr_matches_pods", value)) for one in (base, head)]
        found[value] = compare(*sides, Relation.CONTAINS).outcome
    assert found == {Switch.YES: Outcome.HOLDS, Switch.NO: Outcome.VIOLATED, Switch.UNKNOWN: Outcome.UNKNOWN}


def test_a_solver_that_gives_up_proves_nothing(monkeypatch):
    def gives_up(self, ask, *, swapped=False):
        raise SolverLimit("the solver gave up: timeout")

    monkeypatch.setattr(Separation, "find", gives_up)
    result = asked([DB], [DB])
    assert result.outcome is Outcome.UNKNOWN
    assert [reason.rule for question in result.questions for reason in question.reasons] == ["LIMIT", "LIMIT"]


def test_an_oracle_that_contradicts_the_solver_ends_the_run(monkeypatch):
    monkeypatch.setattr(module, "decide", lambda cluster, flow: Decision(verdict=Verdict.DENIED))
    with pytest.raises(WitnessMismatch):
        asked([DENY], [])


# ---- generated -----------------------------------------------------------------------------------------------------


def drawn(seed):
    rng = random.Random(seed)
    base = replace(strategies.of_seed(seed, size="tiny", admin=bool(seed % 2)), opaque=())
    other = strategies.of_seed(seed + 5_000, size="tiny", admin=bool(seed % 2))
    labels = {item.label for item in base.policies}
    policies = [item for item in base.policies if rng.random() < 0.7]
    policies += [item for item in other.policies if item.label not in labels and item.namespace in base.namespaces]
    admin = tuple(item for item in base.admin if rng.random() < 0.8)
    return rng, base, replace(base, policies=tuple(policies), admin=admin)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_proved_holds_in_generated_clusters(seed):
    rng, base, head = drawn(seed)
    told = outcomes(compare(base, head, Relation.EQUAL))
    for flow in strategies.sample_flows(rng, base, 150):
        verdicts = (decide(base, flow).verdict, decide(head, flow).verdict)
        if verdicts == (Verdict.DENIED, Verdict.ALLOWED):
            assert told[OPENED] is not Outcome.HOLDS, f"seed {seed}: {flow}"
        if verdicts == (Verdict.ALLOWED, Verdict.DENIED):
            assert told[CLOSED] is not Outcome.HOLDS, f"seed {seed}: {flow}"


@pytest.mark.parametrize("seed", range(60, 90))
def test_what_is_equal_everywhere_does_not_differ_in_a_cluster(seed):
    _, base, head = drawn(seed)
    result, found = compare(base, head, Relation.EQUAL), diff(base, head)
    if result.outcome is Outcome.HOLDS:
        assert not found.differs
    if found.opened:
        assert outcomes(result)[OPENED] is not Outcome.HOLDS


@pytest.mark.parametrize("seed", range(30))
def test_a_set_of_policies_is_equal_to_itself(seed):
    one = replace(strategies.of_seed(seed, admin=bool(seed % 2)), opaque=())
    assert compare(one, one, Relation.EQUAL).outcome is Outcome.HOLDS


def test_generated_pairs_are_of_every_kind():
    told = [compare(base, head, Relation.EQUAL).outcome for _, base, head in map(drawn, range(60))]
    assert told.count(Outcome.VIOLATED) >= 20
    assert told.count(Outcome.HOLDS) >= 2
