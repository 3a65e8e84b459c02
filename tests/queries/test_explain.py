"""Who blocks a flow, what would open it, what a tie may do: each answer is put to the oracle again here."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from netcheck.errors import UsageError
from netcheck.model.flow import Verdict
from netcheck.model.objects import Node
from netcheck.model.profile import PROFILES, Switch
from netcheck.queries.connections import Resolution, Scope, connections
from netcheck.queries.explain import (
    blockers,
    explained_list,
    opening,
    outcomes,
    smallest_change,
    under_every_profile,
)
from netcheck.queries.reach import query
from netcheck.semantics.completions import OracleLimit
from netcheck.semantics.decide import decide
from tests.spec.builders import (
    ALLOWED,
    DENIED,
    UNKNOWN,
    accept,
    banp,
    beneath,
    block,
    cluster,
    deny,
    everyone,
    flow,
    item,
    namespace,
    opaque,
    over,
    passing,
    pod,
    pods,
    policy,
    rule,
    some,
)
from tests.strategies import of_seed, sample_flows

WEB, DB, FAR = pod("web"), pod("db"), pod("far", ns="other")
CLOSED_DB = policy("closed", on="app=db", ingress=[])
CLOSED_WEB = policy("shut", on="app=web", egress=[])


def blamed(*objects):
    where = cluster(WEB, DB, FAR, *objects)
    return [one.policy for one in blockers(where, flow(WEB, DB))]


def change(*objects, source=WEB, destination=DB):
    found = smallest_change(cluster(WEB, DB, FAR, *objects), flow(source, destination))
    return [edit.text for edit in found.edits] if found else None


class TestBlockers:
    """A minimal set of policies without which the flow is let through."""

    def test_all_policies_that_isolate_block_together(self):
        narrow = policy("narrow", on="app=db", ingress=[rule([pods("app=x")])])
        assert blamed(CLOSED_DB, narrow) == ["NetworkPolicy shop/closed", "NetworkPolicy shop/narrow"]

    def test_both_directions_are_blamed(self):
        assert blamed(CLOSED_DB, CLOSED_WEB) == ["NetworkPolicy shop/shut", "NetworkPolicy shop/closed"]

    def test_an_admin_deny_is_blamed_alone_where_the_rest_lets_through(self):
        assert blamed(
            over("a", ingress=[deny(everyone())]), over("b", priority=1, ingress=[accept(some("app=x"))])
        ) == ["ClusterNetworkPolicy a"]

    def test_what_would_deny_next_is_blamed_too(self):
        three = over("a", ingress=[deny(everyone())]), CLOSED_DB, beneath("b", ingress=[deny(everyone())])
        assert blamed(*three) == ["ClusterNetworkPolicy a", "NetworkPolicy shop/closed", "ClusterNetworkPolicy b"]

    def test_no_policy_is_blamed_for_a_missing_family(self):
        assert blockers(cluster(WEB), flow(pod("six", addresses=("fc00::6",)), WEB)) == ()

    def test_nobody_is_blamed_where_it_would_then_be_unknown(self):
        assert blockers(cluster(WEB, DB, CLOSED_DB, opaque(additive=True)), flow(WEB, DB)) == ()


class TestSmallestChange:
    """The smallest edit that the oracle confirms, in words."""

    def test_a_port_is_added_where_the_peer_matches(self):
        there = policy(on="app=db", ingress=[rule([pods("app=x")], [item(80)]), rule([pods("app=web")], [item(81)])])
        assert change(there) == ["add TCP/80 to the ports of `ingress[1]` of NetworkPolicy shop/p"]

    def test_a_peer_is_added_where_the_port_matches(self):
        there = policy(on="app=db", ingress=[rule([pods("app=x")], [item(80)])])
        assert change(there) == ["add pods app=web to the peers of `ingress[0]` of NetworkPolicy shop/p"]
        far = change(there, source=FAR)
        assert far == ["add pods app=far of namespace other to the peers of `ingress[0]` of NetworkPolicy shop/p"]

    def test_a_rule_is_added_to_the_policy_that_names_its_pods(self):
        everything = policy("all", ingress=[])
        assert change(everything, CLOSED_DB) == [
            "add a rule to `ingress` of NetworkPolicy shop/closed that allows TCP/80 from pods app=web"
        ]

    def test_each_direction_that_denies_is_opened(self):
        assert change(CLOSED_DB, CLOSED_WEB) == [
            "add a rule to `egress` of NetworkPolicy shop/shut that allows TCP/80 to pods app=db",
            "add a rule to `ingress` of NetworkPolicy shop/closed that allows TCP/80 from pods app=web",
        ]

    def test_outside_addresses_are_added_as_blocks(self):
        there = policy(on="app=db", ingress=[rule([block("10.0.0.0/8")], [item(80)])])
        assert change(there, source="8.8.8.8") == [
            "add 8.8.8.8/32 to the peers of `ingress[0]` of NetworkPolicy shop/p"
        ]
        assert change(there, source="2001:db8::1") is None, "the pod has no IPv6 address"

    def test_a_node_is_added_by_its_address(self):
        node = Node(name="n", labels={}, addresses=("10.9.0.1",))
        assert change(CLOSED_DB, node, source=node) == [
            "add a rule to `ingress` of NetworkPolicy shop/closed that allows TCP/80 from 10.9.0.1/32"
        ]

    def test_an_admin_deny_is_passed_rather_than_overruled(self):
        assert change(over("a", ingress=[deny(everyone())])) == [
            "add a rule before `ingress[0]` of ClusterNetworkPolicy a that passes TCP/80 from pods app=web of namespace shop"
        ]

    def test_a_baseline_deny_is_preceded_by_an_accept(self):
        (only,) = change(banp(egress=[deny(everyone())]))
        before, what = only.split(" that ")
        assert before == "add a rule before `egress[0]` of BaselineAdminNetworkPolicy default"
        assert what == "accepts TCP/80 to pods app=db of namespace shop"

    def test_a_pass_that_network_policies_then_deny_takes_two_edits(self):
        there = policy(on="app=db", ingress=[rule([pods("app=web")], [item(81)])])
        assert len(change(over("a", ingress=[deny(everyone())]), there)) == 2

    def test_a_direction_that_is_unknown_is_opened_too(self):
        """Else the flow would be unknown once the other direction lets it through, which is no verified change."""
        somewhere = pod("web", addresses=())
        partly = policy("partly", on="app=db", ingress=[rule([block("10.0.0.0/16")], [item(80)])])
        found = smallest_change(cluster(somewhere, DB, CLOSED_WEB, partly), flow(somewhere, DB))
        assert [edit.text for edit in found.edits] == [
            "add a rule to `egress` of NetworkPolicy shop/shut that allows TCP/80 to pods app=db",
            "add a rule to `ingress` of NetworkPolicy shop/partly that allows TCP/80 from pods app=web",
        ]

    def test_none_is_offered_that_was_not_verified(self):
        assert change(opaque(), over("a", ingress=[deny(everyone())])) is None


@pytest.mark.parametrize("admin", [False, True], ids=["network policies", "all tiers"])
def test_blockers_are_minimal_and_changes_are_verified(admin):
    """On generated clusters: without the blockers it is allowed, with any of them it is not; the change allows it."""
    seen = Counter()
    for seed in range(120):
        drawn = of_seed(seed, admin=admin)
        for asked in sample_flows(Random(seed), drawn, 8):
            try:
                if decide(drawn, asked).verdict is not Verdict.DENIED:
                    continue
            except OracleLimit:
                continue
            seen["denied"] += 1
            labels = {one.policy for one in blockers(drawn, asked)}
            if labels:
                seen["blamed"] += 1
                assert decide(without(drawn, labels), asked).verdict is Verdict.ALLOWED
                assert all(
                    decide(without(drawn, labels - {one}), asked).verdict is not Verdict.ALLOWED for one in labels
                )
            opened = opening(drawn, asked)
            if opened is not None:
                seen["opened"] += 1
                assert decide(opened.cluster, asked).verdict is Verdict.ALLOWED
    assert seen["denied"] > 150
    assert seen["blamed"] > 0.5 * seen["denied"]
    assert seen["opened"] > 0.5 * seen["denied"]


def without(drawn, labels):
    return replace(
        drawn,
        policies=tuple(one for one in drawn.policies if one.label not in labels),
        admin=tuple(one for one in drawn.admin if one.label not in labels),
    )


class TestTies:
    """What each order of policies of equal priority makes of an unknown flow."""

    def test_both_outcomes_are_named(self):
        tied = over("a", ingress=[accept(everyone())]), over("b", ingress=[deny(everyone())])
        found = outcomes(cluster(WEB, DB, *tied), flow(WEB, DB))
        assert [(one.verdict, one.condition) for one in found] == [
            (ALLOWED, "ClusterNetworkPolicy a is applied"),
            (DENIED, "ClusterNetworkPolicy b is applied"),
        ]

    def test_a_tie_in_each_direction_names_the_direction(self):
        tied = [
            over(name, ingress=[act(everyone())], egress=[act(everyone())])
            for name, act in (("a", accept), ("b", deny))
        ]
        found = [one.condition for one in outcomes(cluster(WEB, DB, *tied), flow(WEB, DB))]
        assert found == [
            "ClusterNetworkPolicy a is applied to egress and ClusterNetworkPolicy a is applied to ingress",
            "ClusterNetworkPolicy a is applied to egress and ClusterNetworkPolicy b is applied to ingress",
            "ClusterNetworkPolicy b is applied to egress",
        ]

    def test_a_tied_policy_keeps_its_other_direction(self):
        """Where `a` is applied to ingress, the tied `b` still decides egress."""
        one = over("a", ingress=[deny(everyone())])
        other = over("b", ingress=[accept(everyone())], egress=[passing(everyone())])
        there = cluster(WEB, DB, one, other, policy("open", on="app=web", egress=[rule([pods("app=db")])]))
        assert [item.verdict for item in outcomes(there, flow(WEB, DB))] == [DENIED, ALLOWED]

    def test_a_tie_that_only_some_label_brings_about_is_found(self):
        """Nobody knows the labels of namespace `shop`, so the second policy may or may not match."""
        maybe = over("b", ingress=[deny(everyone("team=x"))])
        there = cluster(WEB, DB, namespace("shop", known=False), over("a", ingress=[accept(everyone())]), maybe)
        assert [(item.verdict, item.condition) for item in outcomes(there, flow(WEB, DB))] == [
            (ALLOWED, "ClusterNetworkPolicy a is applied"),
            (UNKNOWN, "ClusterNetworkPolicy b is applied"),
        ]

    def test_without_a_tie_there_are_none(self):
        assert outcomes(cluster(WEB, DB, CLOSED_DB), flow(WEB, DB)) == ()

    def test_a_query_says_so(self):
        tied = over("a", ingress=[accept(everyone())]), over("b", ingress=[deny(everyone())])
        (pair,) = query(cluster(WEB, DB, *tied), "shop/web", "shop/db", port="80").pairs
        assert (pair.verdict, len(pair.outcomes), pair.walkthrough[-1].outcome) == (UNKNOWN, 2, "unknown")


class TestQueries:
    """What `query` adds to each pair of known ends."""

    def test_a_denial_has_a_walk_blockers_and_a_change(self):
        (pair,) = query(cluster(WEB, DB, CLOSED_DB), "shop/web", "shop/db", port="80").pairs
        assert pair.walkthrough[-1].outcome == "denied"
        assert [one.policy for one in pair.blocked_by] == ["NetworkPolicy shop/closed"]
        assert pair.change is not None

    def test_nothing_is_added_where_it_was_not_asked_for(self):
        (pair,) = query(cluster(WEB, DB, CLOSED_DB), "shop/web", "shop/db", port="80", explain=False).pairs
        assert (pair.walkthrough, pair.blocked_by, pair.change) == ((), (), None)


class TestProfiles:
    """The same question under every profile."""

    def verdicts(self, where, assumed=None):
        found = under_every_profile(where, assumed or {}, lambda other: query(other, "shop/web", "shop/db", port="80"))
        return {one.profile: one for one in found}

    def test_each_profile_answers_with_the_switches_that_differ(self):
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule([block("10.0.0.0/8")])]))
        found = self.verdicts(there)
        assert list(found) == list(PROFILES)
        assert found["generic"].verdict is ALLOWED
        assert found["cilium"].verdict is DENIED
        assert "cidrMatchesPods" in found["cilium"].differs
        assert found["generic"].differs == ()
        assert found["flannel"].decided_by[0].cites == "NP-36"

    def test_an_assumption_counts_under_each(self):
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule([block("10.0.0.0/8")])]))
        found = self.verdicts(there, {"cidr_matches_pods": Switch.NO, "enforced": Switch.YES})
        assert {one.verdict for one in found.values()} == {DENIED}


class TestLists:
    """What decided each row of a list."""

    def test_each_row_names_what_decided_both_directions(self):
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule([pods("app=web")], [item(80)])]))
        found = connections(there, scope=Scope(focus=("shop/db",)))
        rows = list(explained_list(there, found, Resolution.WORKLOAD, focused=True).rows())
        assert len(rows) == len(list(found.rows())) > 3
        assert all({one.direction.value for one in row.decided_by} == {"Ingress", "Egress"} for row in rows)
        ids = [one.id for one in found.endpoints]
        into = next(row for row in rows if (ids[row.source], ids[row.destination]) == ("shop/web[Pod]", "shop/db[Pod]"))
        assert into.decided_by[1].rule == "ingress[0]"

    def test_the_flow_of_a_row_is_allowed_on_generated_clusters(self, monkeypatch):
        """The representative of a row is in it: the oracle allows it (or has too many completions to tell)."""
        decisions = Counter()
        monkeypatch.setattr("netcheck.queries.explain.decide", counting(decisions))
        for seed in range(60):
            drawn = of_seed(seed, admin=True)
            for resolution in Resolution:
                found = connections(drawn, resolution=resolution)
                list(explained_list(drawn, found, resolution, focused=True).rows())
        assert set(decisions) == {Verdict.ALLOWED}
        assert decisions.total() > 500

    def test_a_large_list_without_focus_is_refused(self, monkeypatch):
        monkeypatch.setattr("netcheck.queries.explain.MOST_ROWS", 2)
        there = cluster(WEB, DB)
        with pytest.raises(UsageError, match="--focus"):
            explained_list(there, connections(there), Resolution.WORKLOAD, focused=False)
        assert list(explained_list(there, connections(there), Resolution.WORKLOAD, focused=True).rows())


def counting(decisions):
    def asked(where, one, **more):
        decision = decide(where, one, **more)
        decisions[decision.verdict] += 1
        return decision

    return asked
