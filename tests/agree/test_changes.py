"""What is proved of an edited policy holds for the oracle: on every flow asked, exactly the stated ones change."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from netcheck.engines.changes import disproof
from netcheck.model.policy import Direction, NetworkPolicy, PolicyPort, PolicyRule
from netcheck.semantics.decide import decide
from tests import strategies

SEEDS = range(60)


def drawn(seed):
    """Return a cluster with certain facts, one of its policies, that policy with one more rule, and what this opens."""
    rng = random.Random(seed)
    cluster = replace(strategies.of_seed(seed), opaque=())
    if not cluster.policies:
        return None
    before = rng.choice(cluster.policies)
    direction = rng.choice(before.types)
    rule = strategies.rule(rng)
    field = direction.value.lower()
    after = replace(before, **{field: (*before.rules(direction), rule)})
    only = {"ingress": (), "egress": (), field: (rule,)}
    return rng, cluster, before, after, replace(before, types=(direction,), **only)


def with_policies(cluster, policies):
    return replace(cluster, policies=tuple(replace(item, name=f"p{i}") for i, item in enumerate(policies)))


def verdicts(cluster, policies, flows):
    judged = with_policies(cluster, policies)
    return [decide(judged, flow).verdict for flow in flows]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rule_that_is_added_opens_what_it_says_and_nothing_less_is_proved(seed):
    made = drawn(seed)
    if made is None:
        return
    rng, cluster, before, after, opened = made
    found = disproof(cluster, before, after, added=[opened])
    assert found is None or found.why == "changes nothing"
    others = [policy for policy in cluster.policies if policy is not before]
    flows = strategies.sample_flows(rng, with_policies(cluster, [*others, before, after]), 40)
    states = [verdicts(cluster, [*others, *more], flows) for more in ([before, opened], [after], [before])]
    assert states[0] == states[1]
    unstated = disproof(cluster, before, after)
    if states[1] != states[2]:
        assert unstated is not None
        assert unstated.why == "changes more"
    if found is not None:
        assert states[1] == states[2]
        assert unstated is None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_statement_that_is_proved_is_never_refuted_by_the_oracle(seed):
    """Any policy in place of another, with any statement: mostly false, and then it must not be proved."""
    made = drawn(seed)
    if made is None:
        return
    rng, cluster, before, _, stated = made
    after = replace(strategies.policy(rng, before.namespace, before.name), place=before.place)
    for added, removed in (([stated], []), ([], [stated]), ([], [])):
        if disproof(cluster, before, after, added=added, removed=removed) is not None:
            continue
        others = [policy for policy in cluster.policies if policy is not before]
        flows = strategies.sample_flows(rng, with_policies(cluster, [*others, before, after, stated]), 40)
        assert verdicts(cluster, [*others, before, *added], flows) == verdicts(
            cluster, [*others, after, *removed], flows
        )


WEB = NetworkPolicy(namespace="shop", name="web", types=(Direction.EGRESS,))
UDP, TCP = (PolicyRule(ports=(PolicyPort(protocol=name, port=53),)) for name in ("UDP", "TCP"))


def test_the_proof_bites():
    cluster = replace(strategies.of_seed(1), policies=(WEB,), opaque=(), admin=())
    one, both = replace(WEB, egress=(UDP,)), replace(WEB, egress=(UDP, TCP))
    cluster = replace(cluster, policies=(one,))
    opens = replace(WEB, egress=(TCP,))
    assert disproof(cluster, one, both, added=[opens]) is None
    assert disproof(cluster, both, one, removed=[opens]) is None
    wrong = {
        "says too little": disproof(cluster, one, both),
        "opens more": disproof(cluster, one, replace(both, egress=(UDP, TCP, PolicyRule())), added=[opens]),
        "says too much": disproof(cluster, one, both, added=[opens, replace(WEB, egress=(PolicyRule(),))]),
        "isolates too": disproof(cluster, one, replace(both, types=tuple(Direction)), added=[opens]),
        "other pods": disproof(cluster, one, both, added=[replace(opens, namespace="other")]),
        "does not do it": disproof(cluster, one, one, added=[opens]),
    }
    assert {name: found.why for name, found in wrong.items() if found} == dict.fromkeys(wrong, "changes more")
    backwards = disproof(cluster, one, both, removed=[opens])
    assert backwards is not None
    vacuous = disproof(cluster, one, both, added=[opens, replace(WEB, egress=(UDP,))])
    assert vacuous is not None
    assert vacuous.why == "changes nothing"
