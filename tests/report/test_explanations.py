"""The walk, the changes, the profiles and the explained rows as people and programs read them."""

from __future__ import annotations

from dataclasses import replace

from netcheck.errors import Place
from netcheck.model.flow import Decider, Tier, Verdict
from netcheck.model.policy import Direction
from netcheck.queries.connections import Resolution, connections
from netcheck.queries.explain import explained_list
from netcheck.queries.reach import query
from netcheck.queries.results import Change, Edit, PairResult, Possible, ProfileVerdict, QueryResult
from netcheck.report.explained_table import explained_table
from netcheck.report.json_v1 import connection_list, query_result
from netcheck.report.layout import Style
from netcheck.report.query_text import query_text
from netcheck.report.walk_text import walk_text
from netcheck.semantics.walk import Step
from tests.report.building import ALL, LOADED, tcp
from tests.report.test_json_v1 import checked
from tests.spec.builders import accept, cluster, deny, everyone, item, over, pod, pods, policy, rule

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
PLACE = Place("p.yaml", 3, 5)
WEB, DB = pod("web"), pod("db")


def rules(*outcomes, tier=Tier.NETWORK_POLICY):
    head = Step(direction=INGRESS, tier=tier, outcome="isolates", policy="NetworkPolicy a/p", note="podSelector {}")
    return (
        head,
        *(
            replace(head, rule=f"ingress[{index}]", outcome=outcome, note="any port from anyone", place=PLACE)
            for index, outcome in enumerate(outcomes)
        ),
        Step(direction=INGRESS, tier=None, outcome="denied"),
        Step(direction=None, tier=None, outcome="denied", note="both directions must allow it"),
    )


def walked(steps, **style):
    return list(walk_text(steps, Style(width=80, **style)))


class TestWalk:
    def test_no_steps_are_no_lines(self):
        assert walked(()) == []

    def test_rules_that_did_not_match_share_a_line(self):
        lines = walked(rules("no match: peer", "no match: port"))
        assert "        no match: ingress[0] (peer), ingress[1] (port)" in lines
        assert not any("p.yaml" in line for line in lines)

    def test_many_of_them_are_counted(self):
        lines = walked(rules(*["no match: peer"] * 4, "no match: peer and port"))
        assert "        no match: 5 rules (4 by peer, 1 by peer and port)" in lines

    def test_all_of_them_are_shown_with_their_places_if_asked_for(self):
        lines = walked(rules("no match: peer", "not reached"), verbose=True)
        assert "        ingress[0] no match: peer (any port from anyone)" in lines
        assert lines.count("            p.yaml:3:5") == 2

    def test_rules_that_were_not_reached_are_counted(self):
        assert "        not reached: 2 rules" in walked(rules("denies", "not reached", "not reached"))

    def test_the_case_of_an_unknown_flow_is_called_supposed(self):
        last = Step(direction=None, tier=None, outcome="unknown", note="it depends on: the weather")
        assert walked((last,)) == [
            "  walkthrough, if each missing fact is as supposed first:",
            "    unknown: it depends on: the weather",
        ]

    def test_no_line_is_wider_than_the_terminal(self):
        rule_of_many = rule([pods(f"app=a-rather-long-name-{index}") for index in range(6)], [item(80)])
        there = cluster(WEB, DB, policy(on="app=db", ingress=[rule_of_many]))
        text = "".join(query_text(LOADED, query(there, "shop/web", "shop/db"), Style(width=80, verbose=True)))
        assert max(map(len, text.splitlines())) <= 80


def denied(**more):
    return PairResult(
        source="a/x", destination="a/y", verdict=Verdict.DENIED, allowed=tcp(), unknown=tcp(), asked=ALL, **more
    )


def result(pair, **more):
    return QueryResult(verdict=pair.verdict, source="a/x", destination="a/y", asked="any port", pairs=(pair,), **more)


DENIAL = Decider(
    direction=INGRESS, tier=Tier.NETWORK_POLICY, action="deny", policy="NetworkPolicy a/p", cites="NP-4", place=PLACE
)
CHANGE = Change(edits=(Edit(text="add TCP/80 to it", policy="NetworkPolicy a/p", rule="ingress[0]", place=PLACE),))


class TestDenials:
    pair = denied(blocked_by=(DENIAL, DENIAL), change=CHANGE, walkthrough=rules("no match: peer"))

    def test_are_told_with_what_blocks_and_what_opens(self):
        text = "".join(query_text(LOADED, result(self.pair), Style(width=80)))
        assert "  it would pass without: NetworkPolicy a/p\n" in text
        assert "  to allow it (the smallest change, verified):\n    add TCP/80 to it\n      p.yaml:3:5\n" in text

    def test_without_a_verified_change_none_is_mentioned(self):
        text = "".join(query_text(LOADED, result(replace(self.pair, change=None)), Style(width=80)))
        assert "to allow it" not in text

    def test_walks_of_several_pairs_are_shown_on_request_only(self):
        both = replace(result(self.pair), pairs=(self.pair, self.pair))
        assert "walkthrough" not in "".join(query_text(LOADED, both, Style()))
        assert "".join(query_text(LOADED, both, Style(verbose=True))).count("walkthrough") == 2

    def test_in_json(self):
        (pair,) = checked(query_result(LOADED, result(self.pair)))["pairs"]
        assert [step["outcome"] for step in pair["walkthrough"]] == ["isolates", "no match: peer", "denied", "denied"]
        assert "direction" not in pair["walkthrough"][-1]
        assert pair["blockedBy"][0]["policy"] == "NetworkPolicy a/p"
        assert pair["smallestChange"] == {
            "text": "add TCP/80 to it",
            "verified": True,
            "edits": [
                {
                    "text": "add TCP/80 to it",
                    "policy": "NetworkPolicy a/p",
                    "rule": "ingress[0]",
                    "file": "p.yaml",
                    "line": 3,
                    "column": 5,
                }
            ],
        }


def test_outcomes_of_a_tie_are_told():
    possible = Possible(verdict=Verdict.ALLOWED, condition="ClusterNetworkPolicy a is applied")
    pair = replace(denied(outcomes=(possible,)), verdict=Verdict.UNKNOWN)
    assert "  allowed if ClusterNetworkPolicy a is applied\n" in "".join(query_text(LOADED, result(pair), Style()))
    document = checked(query_result(LOADED, result(pair)))
    assert document["pairs"][0]["outcomes"] == [{"verdict": "allowed", "if": "ClusterNetworkPolicy a is applied"}]


class TestProfiles:
    profiles = (
        ProfileVerdict(profile="generic", verdict=Verdict.DENIED, decided_by=(DENIAL,)),
        ProfileVerdict(profile="calico", verdict=Verdict.DENIED, decided_by=(DENIAL,), differs=("ownNodeEgress",)),
        ProfileVerdict(profile="cilium", verdict=Verdict.UNKNOWN, differs=("endPort",)),
    )

    def test_switches_are_shown_where_the_answer_differs(self):
        text = "".join(query_text(LOADED, result(denied(), profiles=self.profiles), Style(width=80)))
        assert "generic         denied   ingress: NetworkPolicy a/p\n" in text
        assert "calico          denied   the same\n" in text
        assert "ownNodeEgress" not in text
        assert f"cilium          unknown\n{'':25}differs in endPort\n" in text

    def test_in_json(self):
        document = checked(query_result(LOADED, result(denied(), profiles=self.profiles)))
        assert [item["verdict"] for item in document["profiles"]] == ["denied", "denied", "unknown"]
        assert document["profiles"][1]["differs"] == ["ownNodeEgress"]


class TestRows:
    there = cluster(
        WEB,
        DB,
        pod("api"),
        policy(on="app=db", ingress=[rule([pods("app=web"), pods("app=api")], [item(80)])]),
        over("a", ingress=[accept(everyone()), deny(everyone())], on=everyone("x=y")),
    )

    def found(self):
        return explained_list(self.there, connections(self.there), Resolution.WORKLOAD, focused=False)

    def test_an_explanation_is_printed_once_with_its_connections(self):
        text = "".join(explained_table(self.found(), Style(width=80)))
        assert text.count("allowed by NetworkPolicy shop/p ingress[0] (NP-7)") == 1
        assert "    to shop/db on TCP/80\n      from shop/api, shop/web\n" in text
        assert max(map(len, text.splitlines())) <= 80

    def test_a_list_without_explanations_has_none(self):
        assert list(explained_table(connections(self.there), Style())) == []

    def test_rows_tell_it_in_json(self):
        document = checked(connection_list(LOADED, self.found()))
        assert all(
            {one["direction"] for one in row["decidedBy"]} == {"Ingress", "Egress"} for row in document["connections"]
        )
        bare = checked(connection_list(LOADED, connections(self.there)))
        assert all("decidedBy" not in row for row in bare["connections"])
