"""The walk through the policies that are consulted about a flow."""

from __future__ import annotations

from netcheck.model.flow import OwnNodeEnd
from netcheck.semantics.walk import walkthrough
from tests.spec.builders import NO, cluster, flow, pod, pods, policy, rule

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
