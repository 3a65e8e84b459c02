"""The walk through the policies that are consulted about a flow."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from netcheck.model.flow import OwnNodeEnd
from netcheck.semantics.completions import OracleLimit
from netcheck.semantics.decide import decide
from netcheck.semantics.walk import steps, walkthrough
from tests.spec.builders import (
    NO,
    YES,
    accept,
    admin_port,
    beneath,
    block,
    cluster,
    deny,
    domains,
    everyone,
    flow,
    item,
    networks,
    on_nodes,
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

WEB, DB = pod("web"), pod("db")
POLICIES = (
    policy("b", on="app=db", ingress=[rule([pods("app=x")]), rule([pods("app=web")])]),
    policy("a", on="app=db", ingress=[]),
    policy("c", on="app=db", egress=[]),
)


class TestWalkthrough:
    """One step for each policy that selects an end in its direction, in order, with what it says on its own."""

    def test_every_policy_of_the_direction_is_a_step(self) -> None:
        steps = walkthrough(cluster(WEB, DB, *POLICIES), flow(WEB, DB))
        assert [(one.action, one.policy, one.rule) for one in steps] == [
            ("allow", "", ""),
            ("deny", "NetworkPolicy shop/a", ""),
            ("allow", "NetworkPolicy shop/b", "ingress[1]"),
        ]

    def test_an_exemption_comes_first(self) -> None:
        steps = walkthrough(cluster(DB, *POLICIES), flow(OwnNodeEnd(), DB))
        assert [one.action for one in steps] == ["allow", "exempt", "deny", "deny"]

    def test_without_enforcement_no_policy_is_consulted(self) -> None:
        steps = walkthrough(cluster(WEB, DB, *POLICIES, enforced=NO), flow(WEB, DB))
        assert [(one.policy, one.cites) for one in steps] == [("", "NP-36")] * 2

    def test_without_a_common_family_nothing_is_consulted(self) -> None:
        assert walkthrough(cluster(DB, *POLICIES), flow(pod("six", addresses=("fc00::6",)), DB)) == ()


def told(where, *ends):
    """(direction, policy, rule, outcome) of every step, with the kind of policy left out."""
    return [
        (one.direction.value if one.direction else "", one.policy.rpartition(" ")[2], one.rule, one.outcome)
        for one in steps(where, flow(*ends))
    ]


class TestSteps:
    """Every rule of every policy that is consulted, and the outcome of each direction and of the flow."""

    def test_each_rule_says_whether_peer_or_port_did_not_match(self) -> None:
        rules = [
            rule([pods("app=x")], [item(80)]),
            rule([pods("app=web")], [item(81)]),
            rule([pods("app=x")], [item(81)]),
            rule([pods("app=web")], [item(80)]),
        ]
        assert told(cluster(WEB, DB, policy(on="app=db", ingress=rules)), WEB, DB) == [
            ("Egress", "", "", "default"),
            ("Egress", "", "", "allowed"),
            ("Ingress", "shop/p", "", "isolates"),
            ("Ingress", "shop/p", "ingress[0]", "no match: peer"),
            ("Ingress", "shop/p", "ingress[1]", "no match: port"),
            ("Ingress", "shop/p", "ingress[2]", "no match: peer and port"),
            ("Ingress", "shop/p", "ingress[3]", "allows"),
            ("Ingress", "", "", "allowed"),
            ("", "", "", "allowed"),
        ]

    def test_admin_rules_after_the_first_match_are_not_reached(self) -> None:
        first = over("a", priority=1, ingress=[deny(some("app=x")), passing(everyone()), deny(everyone())])
        second = beneath("b", ingress=[deny(everyone(), admin_port(80))])
        assert told(cluster(WEB, DB, first, second), WEB, DB)[2:] == [
            ("Ingress", "a", "", "selects"),
            ("Ingress", "a", "ingress[0]", "no match: peer"),
            ("Ingress", "a", "ingress[1]", "passes"),
            ("Ingress", "a", "ingress[2]", "not reached"),
            ("Ingress", "b", "", "selects"),
            ("Ingress", "b", "ingress[0]", "denies"),
            ("Ingress", "", "", "denied"),
            ("", "", "", "denied"),
        ]

    def test_a_skipped_baseline_is_a_step(self) -> None:
        there = (policy(on="app=db", egress=[]), beneath(ingress=[deny(everyone())]))
        skipping = cluster(WEB, DB, *there, baseline_skipped_by_any_np=YES)
        assert [one[3] for one in told(skipping, WEB, DB)[2:]] == ["skipped", "default", "allowed", "allowed"]

    def test_a_tie_makes_the_last_step_unknown(self) -> None:
        tied = over("a", ingress=[accept(everyone())]), over("b", ingress=[deny(everyone())])
        last = steps(cluster(WEB, DB, *tied), flow(WEB, DB))[-1]
        assert (last.outcome, "equal priority" in last.note) == ("unknown", True)

    def test_a_policy_whose_effect_is_not_known_is_a_step(self) -> None:
        assert ("Egress", "shop/c", "", "unclear") in told(cluster(WEB, DB, opaque()), WEB, DB)

    def test_without_a_common_family_the_last_step_says_so(self) -> None:
        (only,) = steps(cluster(DB), flow(pod("six", addresses=("fc00::6",)), DB))
        assert (only.outcome, "NET-2" in only.note) == ("denied", True)

    def test_notes_say_what_a_rule_wants(self) -> None:
        wanted = rule([pods("app=x", "team=a"), block("10.0.0.0/8", "10.1.0.0/16")], [item(80, end=90), item("http")])
        found = steps(cluster(WEB, DB, policy(on="app=db", ingress=[wanted])), flow(WEB, DB))
        assert found[3].note == (
            "TCP/80-90,TCP/http from pods app=x of namespaces team=a or 10.0.0.0/8 except 10.1.0.0/16"
        )

    def test_notes_of_admin_rules_too(self) -> None:
        peers = (on_nodes(), networks("10.0.0.0/8"), domains("a.example"), everyone())
        found = steps(cluster(WEB, DB, over(egress=[deny(peers, admin_port(1, 2))])), flow(WEB, "1.1.1.1"))
        assert found[0].note == "priority 10, subject all pods of all namespaces"
        assert found[1].note == "TCP/1-2 to nodes all or 10.0.0.0/8 or a.example or all pods of all namespaces"


@pytest.mark.parametrize("admin", [False, True], ids=["network policies", "all tiers"])
def test_the_last_step_is_the_verdict_of_the_oracle(admin: bool) -> None:
    """The walk draws its own conclusion from its steps; it never differs from `decide`."""
    seen = Counter()
    for seed in range(150):
        drawn = of_seed(seed, admin=admin)
        for asked in sample_flows(Random(seed), drawn, 12):
            try:
                found, decided = steps(drawn, asked), decide(drawn, asked)
            except OracleLimit:
                continue
            assert found[-1].outcome == decided.verdict.value, (seed, asked)
            seen[decided.verdict] += 1
    assert len(seen) == 3
    assert seen.total() > 1000
