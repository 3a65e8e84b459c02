"""What must not change a verdict, and what may change it in one direction only, asked of the oracle.

No expected verdicts are needed: each law compares the oracle's answers about a cluster and about its transform.
"""

from __future__ import annotations

import ipaddress
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.model.flow import Verdict
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PolicyRule
from netcheck.model.profile import Switch
from netcheck.values.labels import LabelSelector, Operator, Requirement
from tests import strategies

decide = pytest.importorskip("netcheck.semantics.decide").decide

FLOWS = 12
RANK = {Verdict.DENIED: 0, Verdict.UNKNOWN: 1, Verdict.ALLOWED: 2}
seeds = st.integers(0, 2**32 - 1)
BOTH = (Direction.INGRESS, Direction.EGRESS)
NOBODY = LabelSelector.of(None, [Requirement("app", Operator.IN, ("nobody",))])


def cases(seed):
    """Return a cluster, flows that matter to it, and a generator of random choices."""
    rng = random.Random(seed)
    drawn = strategies.cluster(rng)
    return drawn, strategies.sample_flows(rng, drawn, FLOWS), rng


def verdicts(cluster, flows):
    return [decide(cluster, flow).verdict for flow in flows]


def ranks(cluster, flows):
    return [RANK[verdict] for verdict in verdicts(cluster, flows)]


def with_rules(policy, change):
    """Return the policy with each of its rules replaced by what `change` makes of it."""
    return replace(policy, ingress=tuple(map(change, policy.ingress)), egress=tuple(map(change, policy.egress)))


def with_policies(cluster, change):
    return replace(cluster, policies=tuple(change(policy) for policy in cluster.policies))


def shuffled(rng, parts):
    return tuple(rng.sample(parts, len(parts)))


@settings(max_examples=100)
@given(seeds)
def test_the_order_of_policies_rules_peers_and_ports_does_not_matter(seed):
    cluster, flows, rng = cases(seed)

    def mixed_rule(rule):
        return replace(rule, peers=shuffled(rng, rule.peers), ports=shuffled(rng, rule.ports))

    def mixed_policy(policy):
        changed = with_rules(policy, mixed_rule)
        return replace(changed, ingress=shuffled(rng, changed.ingress), egress=shuffled(rng, changed.egress))

    mixed = with_policies(replace(cluster, policies=shuffled(rng, cluster.policies)), mixed_policy)
    assert verdicts(mixed, flows) == verdicts(cluster, flows)


@settings(max_examples=100)
@given(seeds)
def test_saying_a_policy_twice_changes_nothing(seed):
    cluster, flows, _ = cases(seed)
    again = tuple(replace(policy, name=f"{policy.name}-again") for policy in cluster.policies)
    assert verdicts(replace(cluster, policies=(*cluster.policies, *again)), flows) == verdicts(cluster, flows)


@settings(max_examples=100)
@given(seeds)
def test_one_policy_for_each_rule_and_direction_means_the_same(seed):
    cluster, flows, _ = cases(seed)
    apart = []
    for policy in cluster.policies:
        for direction in policy.types:
            for number, rule in enumerate((None, *policy.rules(direction))):
                rules = () if rule is None else (rule,)
                sides = {"ingress": (), "egress": (), direction.value.lower(): rules}
                name = f"{policy.name}-{direction.value}-{number}"
                apart.append(replace(policy, name=name, types=(direction,), stated_types=True, **sides))
    assert verdicts(replace(cluster, policies=tuple(apart)), flows) == verdicts(cluster, flows)


@settings(max_examples=100)
@given(seeds)
def test_a_policy_that_selects_no_pod_changes_nothing(seed):
    cluster, flows, _ = cases(seed)
    idle = tuple(
        NetworkPolicy(namespace=name, name="idle", pod_selector=NOBODY, types=BOTH) for name in cluster.namespaces
    )
    assert verdicts(replace(cluster, policies=(*cluster.policies, *idle)), flows) == verdicts(cluster, flows)


@settings(max_examples=100)
@given(seeds)
def test_a_rule_more_never_takes_a_flow_away(seed):
    cluster, flows, rng = cases(seed)

    def one_more(policy):
        side = rng.choice(policy.types)
        field = side.value.lower()
        return replace(policy, **{field: (*policy.rules(side), strategies.rule(rng))})

    before, after = ranks(cluster, flows), ranks(with_policies(cluster, one_more), flows)
    assert all(new >= old for old, new in zip(before, after, strict=True))


@settings(max_examples=100)
@given(seeds)
def test_a_default_deny_more_never_opens_a_flow(seed):
    cluster, flows, rng = cases(seed)
    deny = NetworkPolicy(namespace=rng.choice(list(cluster.namespaces)), name="deny", types=BOTH)
    before, after = ranks(cluster, flows), ranks(replace(cluster, policies=(*cluster.policies, deny)), flows)
    assert all(new <= old for old, new in zip(before, after, strict=True))


@settings(max_examples=100)
@given(seeds)
def test_allowing_everything_is_the_same_as_not_isolating(seed):
    cluster, flows, _ = cases(seed)
    cluster = replace(cluster, opaque=())  # what such a policy might isolate, an open rule would allow
    open_rule = (PolicyRule(),)
    opened = with_policies(cluster, lambda policy: replace(policy, types=BOTH, ingress=open_rule, egress=open_rule))
    assert verdicts(opened, flows) == verdicts(replace(cluster, policies=()), flows)


@settings(max_examples=100)
@given(seeds)
def test_a_port_range_may_be_split_in_two(seed):
    cluster, flows, rng = cases(seed)
    cluster = replace(cluster, profile=cluster.profile.with_switch("end_port", Switch.YES))

    def halves(item):
        if item.end_port is None or item.end_port == item.port:
            return (item,)
        middle = rng.randrange(item.port, item.end_port)
        return replace(item, end_port=middle), replace(item, port=middle + 1)

    def split(rule):
        return replace(rule, ports=tuple(half for item in rule.ports for half in halves(item)))

    assert verdicts(with_policies(cluster, lambda policy: with_rules(policy, split)), flows) == verdicts(cluster, flows)


def halves_of(block):
    """Return the two halves of a block, each with the excepts that lie in it; a half that is excepted vanishes."""
    network = ipaddress.ip_network(block.cidr)
    if network.prefixlen == network.max_prefixlen:
        return [block]
    made = []
    for half in network.subnets():
        excepts = [ipaddress.ip_network(text) for text in block.excepts]
        if half in excepts:
            continue
        inside = tuple(str(hole) for hole in excepts if hole.subnet_of(half))
        made.append(IPBlockPeer(cidr=str(half), excepts=inside))
    return made or [block]


@settings(max_examples=100)
@given(seeds)
def test_a_block_may_be_split_in_two(seed):
    cluster, flows, _ = cases(seed)

    def split(rule):
        parts = [halves_of(peer) if isinstance(peer, IPBlockPeer) else [peer] for peer in rule.peers]
        return replace(rule, peers=tuple(peer for several in parts for peer in several))

    assert verdicts(with_policies(cluster, lambda policy: with_rules(policy, split)), flows) == verdicts(cluster, flows)


@settings(max_examples=100)
@given(seeds)
def test_a_rule_of_a_direction_without_type_is_inert(seed):
    cluster, flows, rng = cases(seed)

    def cleared(policy):
        inert = {side.value.lower(): () for side in BOTH if side not in policy.types}
        return replace(policy, **inert)

    def filled(policy):
        inert = {side.value.lower(): (strategies.rule(rng),) for side in BOTH if side not in policy.types}
        return replace(policy, **inert)

    wanted = verdicts(cluster, flows)
    assert verdicts(with_policies(cluster, cleared), flows) == wanted
    assert verdicts(with_policies(cluster, filled), flows) == wanted


@settings(max_examples=100)
@given(seeds)
def test_without_an_enforcing_plugin_policies_have_no_effect(seed):
    cluster, flows, _ = cases(seed)
    idle = replace(cluster, profile=cluster.profile.with_switch("enforced", Switch.NO))
    bare = replace(idle, policies=(), opaque=())
    assert verdicts(idle, flows) == verdicts(bare, flows)


@settings(max_examples=100)
@given(seeds)
def test_an_opaque_policy_makes_verdicts_less_known_and_never_other(seed):
    cluster, flows, _ = cases(seed)
    without = verdicts(replace(cluster, opaque=()), flows)
    with_it = verdicts(cluster, flows)
    assert all(new in (old, Verdict.UNKNOWN) for old, new in zip(without, with_it, strict=True))
