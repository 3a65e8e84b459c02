"""The generators draw what matters: floors on the share of clusters with each feature, and reproducible seeds."""

from __future__ import annotations

import ipaddress
import random
from dataclasses import replace

import pytest

from netcheck.model.admin import AdminAction, AdminPods
from netcheck.model.flow import AddressEnd, PodEnd, Tier
from netcheck.values.addresses import address_number
from tests import smallscope, strategies

DRAWS = 1_000
BANP = "BaselineAdminNetworkPolicy"
FLOORS = {
    "two policies isolate one pod in one direction": 0.40,
    "named port in a rule": 0.40,
    "named port that some pod declares": 0.25,
    "one port name, two numbers in a pod": 0.08,
    "port range": 0.35,
    "protocol without port": 0.25,
    "UDP or SCTP in a rule": 0.40,
    "rule without peers": 0.30,
    "rule without ports": 0.30,
    "isolation without rules": 0.25,
    "rules of a direction without type": 0.15,
    "policyTypes left to default": 0.25,
    "ipBlock": 0.50,
    "ipBlock with except": 0.35,
    "except that holds a pod": 0.10,
    "ipBlock and a pod without address": 0.25,
    "IPv6": 0.40,
    "both families": 0.40,
    "empty selector": 0.40,
    "negative requirement": 0.40,
    "podSelector with namespaceSelector": 0.30,
    "podSelector alone": 0.30,
    "unknown namespace labels read by a selector": 0.20,
    "host-network pod": 0.25,
    "pod on a known node": 0.30,
    "workload template": 0.40,
    "opaque policy": 0.10,
    "profile other than generic": 0.25,
    "pod or node CIDRs given": 0.10,
    "no policy": 0.01,
}
CEILINGS = {"no policy": 0.08}
ADMIN_FLOORS = {
    "admin policy": 0.45,
    "ClusterNetworkPolicy in tier Admin": 0.20,
    "ClusterNetworkPolicy in tier Baseline": 0.18,
    "AdminNetworkPolicy in tier Admin": 0.15,
    "BaselineAdminNetworkPolicy in tier Baseline": 0.10,
    "admin policies that may be tied": 0.08,
    "a pod in all three tiers": 0.09,
    "subject by pods": 0.17,
    "subject by namespaces": 0.35,
    "unknown namespace labels read by a subject": 0.05,
    "peer: pods": 0.40,
    "peer: nodes": 0.15,
    "peer: networks": 0.20,
    "peer: domain names": 0.08,
    "Pass in tier Admin": 0.15,
    "Pass in tier Baseline": 0.08,
    "admin rule without ports": 0.35,
    "admin named port": 0.18,
    "admin port range": 0.20,
    "nodes peer and a host-network pod": 0.06,
    "switch of admin policies set": 0.12,
}
ADMIN_CEILINGS = {"admin policy": 0.60}


@pytest.fixture(scope="module")
def shares():
    drawn = strategies.distribution(DRAWS, seed=0)
    print(f"\n{DRAWS} clusters, seeds 0 to {DRAWS - 1}\n{strategies.table(drawn)}")
    return drawn


@pytest.mark.parametrize("feature", sorted(strategies.FEATURES))
def test_every_feature_is_drawn_at_least_as_often_as_its_floor(feature, shares):
    assert shares[feature] >= FLOORS[feature], strategies.table(shares)


@pytest.mark.parametrize("feature", sorted(CEILINGS))
def test_an_empty_question_is_drawn_rarely(feature, shares):
    assert shares[feature] < CEILINGS[feature]


@pytest.fixture(scope="module")
def admin_shares():
    drawn = strategies.distribution(DRAWS, seed=0, admin=True)
    print(f"\n{DRAWS} clusters with admin policies, seeds 0 to {DRAWS - 1}\n{strategies.table(drawn)}")
    return drawn


@pytest.mark.parametrize("feature", sorted(strategies.ADMIN_FEATURES))
def test_every_feature_of_admin_policies_is_drawn_at_least_as_often_as_its_floor(feature, admin_shares):
    assert admin_shares[feature] >= ADMIN_FLOORS[feature], strategies.table(admin_shares)


@pytest.mark.parametrize("feature", sorted(ADMIN_CEILINGS))
def test_half_of_the_draws_are_without_admin_policies(feature, admin_shares):
    assert admin_shares[feature] < ADMIN_CEILINGS[feature]


def test_admin_policies_are_laid_over_the_cluster_of_the_seed():
    for seed in range(100):
        plain, mixed = strategies.of_seed(seed), strategies.of_seed(seed, admin=True)
        assert plain.admin == ()
        assert replace(mixed, admin=(), profile=plain.profile) == plain
        assert not mixed.admin or mixed == strategies.of_seed(seed, admin=True)


def test_admin_policies_are_such_as_a_server_accepts():
    for seed in range(300):
        drawn = strategies.of_seed(seed, admin=True)
        identities = [(one.kind, one.name) for one in drawn.admin]
        assert identities == sorted(set(identities))
        for one in drawn.admin:
            assert 0 <= one.priority <= 1000
            assert (one.kind == BANP) <= (one.name == "default" and one.tier is Tier.BASELINE)
            for rule in (*one.ingress, *one.egress):
                assert rule.peers
                assert one.kind != BANP or rule.action is not AdminAction.PASS
                outside = [peer for peer in rule.peers if not isinstance(peer, AdminPods)]
                assert not outside or (rule in one.egress and not any(item.name for item in rule.ports))
                assert all((item.protocol is None) == bool(item.name) for item in rule.ports)


def test_a_seed_gives_the_same_cluster_again():
    assert [strategies.of_seed(seed) for seed in range(20)] == [strategies.of_seed(seed) for seed in range(20)]


@pytest.mark.parametrize("size", sorted(strategies.SIZES))
def test_clusters_are_sorted_by_identity_and_have_no_two_pods_on_one_address(size):
    for seed in range(100):
        drawn = strategies.of_seed(seed, size=size)
        pods = [(one.namespace, one.name, one.workload) for one in drawn.pods]
        policies = [(one.namespace, one.name) for one in drawn.policies]
        own = [text for one in drawn.pods if not one.host_network for text in one.addresses]
        assert pods == sorted(set(pods))
        assert policies == sorted(set(policies))
        assert len(own) == len(set(own))
        assert {one.namespace for one in (*drawn.pods, *drawn.policies)} <= set(drawn.namespaces)
        assert {one.workload for one in drawn.pods} == set(drawn.workloads)


def test_ends_hold_every_pod_and_no_outside_address_twice_or_known():
    for seed in range(100):
        drawn = strategies.of_seed(seed)
        asked = strategies.ends(drawn)
        known = {address_number(text) for one in (*drawn.pods, *drawn.nodes) for text in one.addresses}
        outside = [address_number(end.address) for end in asked if isinstance(end, AddressEnd)]
        assert [end.pod for end in asked if isinstance(end, PodEnd)] == list(drawn.pods)
        assert len(outside) == len(set(outside))
        assert not known & set(outside)


def test_boundary_ports_hold_both_sides_of_every_written_number():
    for seed in range(100):
        drawn = strategies.of_seed(seed)
        numbers = set(strategies.boundary_numbers(drawn))
        assert {1, 65535} <= numbers <= set(range(1, 65536))
        for one in drawn.pods:
            for port in one.ports:
                assert {max(port.number - 1, 1), port.number, min(port.number + 1, 65535)} <= numbers


def test_boundaries_of_admin_policies_are_asked_about():
    for seed in range(100):
        drawn = strategies.of_seed(seed, admin=True)
        numbers, addresses = set(strategies.boundary_numbers(drawn)), set(strategies.block_boundaries(drawn))
        for rule in (rule for one in drawn.admin for rule in (*one.ingress, *one.egress)):
            for item in rule.ports:
                assert item.name or {max(item.first - 1, 1), min(item.last + 1, 65535)} <= numbers
            for peer in rule.peers:
                for cidr in getattr(peer, "cidrs", ()):
                    assert str(ipaddress.ip_network(cidr)[0]) in addresses


def test_minimizing_takes_admin_policies_apart_too():
    def has_a_tie(drawn):
        return "admin policies that may be tied" in strategies.features(drawn)

    found = next(one for one in (strategies.of_seed(seed, admin=True) for seed in range(200)) if has_a_tie(one))
    small = strategies.minimize(found, has_a_tie)
    assert (len(small.admin), len(small.pods), small.policies) == (2, 1, ())
    assert sum(len(one.ingress) + len(one.egress) for one in small.admin) == 2


def test_minimizing_keeps_the_fault_and_nothing_else():
    def has_a_range(drawn):
        return "port range" in strategies.features(drawn)

    found = next(one for one in map(strategies.of_seed, range(100)) if has_a_range(one))
    small = strategies.minimize(found, has_a_range)
    assert has_a_range(small)
    assert not any(has_a_range(one) for one in strategies.smaller(small))
    assert (len(small.policies), small.pods, small.nodes) == (1, (), ())


def test_sampled_flows_touch_a_pod():
    rng = random.Random(0)
    for seed in range(20):
        for flow in strategies.sample_flows(rng, strategies.of_seed(seed), 20):
            assert isinstance(flow.source, PodEnd) or isinstance(flow.destination, PodEnd)


def test_the_small_scope_holds_as_many_different_clusters_as_it_promises():
    drawn = list(smallscope.one_policy_clusters())
    assert len(drawn) == smallscope.COUNT
    assert len({repr(one.policies) for one in drawn}) == smallscope.COUNT
    assert 2_000 <= smallscope.COUNT <= 3_000
