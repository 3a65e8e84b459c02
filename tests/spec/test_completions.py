"""Completions by representatives equal completions one by one: every address of a small range, every label value.

The control of the oracle's own shortcut: it tries one address for each combination of blocks and one value for all
that no selector names.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations, product

from netcheck.model.flow import OwnNodeEnd, Verdict
from netcheck.model.objects import Node
from netcheck.model.policy import NetworkPolicy
from tests.spec.builders import (
    ALLOWED,
    DENIED,
    UNKNOWN,
    YES,
    absent,
    accept,
    beneath,
    block,
    cluster,
    deny,
    everyone,
    exists,
    is_in,
    namespace,
    networks,
    not_in,
    on_nodes,
    over,
    passing,
    pod,
    pods,
    policy,
    rule,
    select,
    verdict,
)

RANGE = "10.2.0.8/29"
ADDRESSES = tuple(f"10.2.0.{number}" for number in range(8, 16))
BLOCKS = (
    *(
        block(one)
        for one in ("10.2.0.8/30", "10.2.0.12/30", "10.2.0.8/32", "10.2.0.15/32", "10.2.0.0/29", "10.2.0.16/29")
    ),
    *(block("10.2.0.0/24", hole) for hole in ("10.2.0.11/32", "10.2.0.8/31", "10.2.0.12/30", "10.2.0.16/32")),
)
TESTS = (
    is_in("team", "a"),
    is_in("team", "a", "b"),
    not_in("team", "a"),
    not_in("team", "b"),
    exists("team"),
    absent("team"),
)
VALUES = ("", "team=a", "team=b", "team=zebra")


def folded(verdicts: set[Verdict]) -> Verdict:
    """The verdict over completions that were all tried."""
    return verdicts.pop() if len(verdicts) == 1 else UNKNOWN


class TestAddresses:
    """docs/cli.md: a pod without an address lies somewhere in its range."""

    @staticmethod
    def one_by_one(policies: list[NetworkPolicy]) -> Verdict:
        found = set()
        for one, other in product(ADDRESSES, ADDRESSES):
            web, db = pod("web", addresses=(one,)), pod("db", addresses=(other,))
            found.add(verdict(cluster(web, db, *policies), web, db))
        return folded(found)

    def test_representatives_decide_as_all_addresses_of_the_range_do(self) -> None:
        drawn, seen = random.Random(20), set()
        for _ in range(60):
            sides = [[rule(drawn.sample(BLOCKS, drawn.randint(1, 4)))] for _ in range(2)]
            policies = [policy("o", on="app=web", egress=sides[0]), policy("i", on="app=db", ingress=sides[1])]
            web, db = pod("web", addresses=()), pod("db", addresses=())
            answer = verdict(cluster(web, db, *policies, pod_cidrs=(RANGE,)), web, db)
            assert answer is self.one_by_one(policies), policies
            seen.add(answer)
        assert seen == {ALLOWED, DENIED, UNKNOWN}


class TestLabels:
    """WL-3: a label of an undefined namespace may be absent or have any value, the same for both directions."""

    def test_representatives_decide_as_all_values_do(self) -> None:
        web, db = pod("web", ns="dark"), pod("db", ns="dark")
        for out, into in product(product(TESTS, TESTS), TESTS):
            policies = (
                policy("o", ns="dark", on="app=web", egress=[rule([pods(ns=select("", one))]) for one in out]),
                policy("i", ns="dark", on="app=db", ingress=[rule([pods(ns=select("", into))])]),
            )
            known = {verdict(cluster(namespace("dark", one), web, db, *policies), web, db) for one in VALUES}
            dark = cluster(namespace("dark", known=False), web, db, *policies)
            assert verdict(dark, web, db) is folded(known), policies


ACTIONS = (accept, deny, passing)
NETWORKS = ("10.2.0.8/30", "10.2.0.12/30", "10.2.0.8/32", "10.2.0.15/32", "10.2.0.0/29", "10.2.0.16/29")


class TestAdminPolicies:
    """The same for what admin policies ask, and ADM-5: any of tied policies that match may be the one."""

    def test_addresses(self) -> None:
        drawn, seen = random.Random(21), set()
        for _ in range(80):
            rules = [drawn.choice(ACTIONS)(networks(*drawn.sample(NETWORKS, 2))) for _ in range(3)]
            policies = [over(egress=rules), beneath(egress=[deny(networks(drawn.choice(NETWORKS)))])]
            web, db = pod("web", addresses=("10.9.0.1",)), pod("db", addresses=())
            answer = verdict(cluster(web, db, *policies, pod_cidrs=(RANGE,)), web, db)
            placed = [replace(db, addresses=(one,)) for one in ADDRESSES]
            assert answer is folded({verdict(cluster(web, one, *policies), web, one) for one in placed}), policies
            seen.add(answer)
        assert seen == {ALLOWED, DENIED, UNKNOWN}

    def test_labels_of_the_namespaces_of_subjects_and_peers(self) -> None:
        web, db = pod("web", ns="dark"), pod("db", ns="dark")
        for on, into, act in product(TESTS, TESTS, ACTIONS):
            policies = (
                over(on=everyone(select("", on)), ingress=[act(everyone(select("", into)))]),
                beneath(ingress=[deny(everyone())]),
            )
            known = {verdict(cluster(namespace("dark", one), web, db, *policies), web, db) for one in VALUES}
            dark = cluster(namespace("dark", known=False), web, db, *policies)
            assert verdict(dark, web, db) is folded(known), policies

    def test_labels_of_the_own_node(self) -> None:
        for one, other, act in product(TESTS, TESTS, ACTIONS):
            rules = [act(on_nodes(select("", one))), deny(on_nodes(select("", other)))]
            known = set()
            for text in VALUES:
                node = Node(name="n", labels=dict([text.split("=")] if text else []), addresses=("192.168.0.1",))
                on = pod("web", node="n")
                known.add(verdict(cluster(on, node, over(egress=rules)), on, OwnNodeEnd()))
            lost = pod("web")
            assert verdict(cluster(lost, over(egress=rules)), lost, OwnNodeEnd()) is folded(known), rules

    def test_ties(self) -> None:
        """Whichever is taken, it is as if it came first; so every order by name is tried where names break ties."""
        web, db = pod("web"), pod("db")
        closed = policy(on="app=db", ingress=[])
        for acts, below in product(product(ACTIONS, repeat=3), ([], [closed])):
            tied = [over(name, ingress=[act(everyone())]) for name, act in zip("abc", acts, strict=True)]
            orders = [
                [replace(one, name=name) for one, name in zip(order, "abc", strict=True)]
                for order in permutations(tied)
            ]
            known = {verdict(cluster(web, db, *below, *order, equal_priority=YES), web, db) for order in orders}
            assert verdict(cluster(web, db, *below, *tied), web, db) is folded(known), acts
