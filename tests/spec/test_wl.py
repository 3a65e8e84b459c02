"""Namespaces whose labels are not known: SEMANTICS WL-1 and WL-3."""

from __future__ import annotations

from tests.spec.builders import (
    ALLOWED,
    DENIED,
    UNKNOWN,
    absent,
    block,
    cluster,
    decision,
    exists,
    is_in,
    namespace,
    not_in,
    pod,
    pods,
    policy,
    rule,
    select,
    verdict,
)

DB = pod("db")
FAR = pod("web", ns="other")
DARK = namespace("other", known=False)


def into(*selectors: object) -> object:
    """The verdict about a pod of a namespace without known labels, where `db` admits these namespaces."""
    rules = [rule([pods(ns=one)]) for one in selectors]  # type: ignore[arg-type]
    return verdict(cluster(DARK, FAR, DB, policy(on="app=db", ingress=rules)), FAR, DB)


class TestWL1:
    """ "The label kubernetes.io/metadata.name is added by the API server to every namespace and cannot be changed.\""""

    def test_it_is_known_even_of_an_undefined_namespace(self) -> None:
        assert into(select("kubernetes.io/metadata.name=other")) is ALLOWED
        assert into(select("kubernetes.io/metadata.name=shop")) is DENIED
        assert into(select("", exists("kubernetes.io/metadata.name"))) is ALLOWED


class TestWL3:
    """ "Namespace objects missing from the repository: synthesise them and mark their other labels as unknown. A selector
    needing another label is then three-valued.\""""

    def test_every_operator_on_an_unknown_label_is_unknown(self) -> None:
        tests = (is_in("team", "a"), not_in("team", "a"), exists("team"), absent("team"))
        assert {into(select("", one)) for one in tests} == {UNKNOWN}

    def test_the_reason_names_the_namespace_and_the_label(self) -> None:
        answer = decision(cluster(DARK, FAR, DB, policy(ingress=[rule([pods(ns="team=a")])])), FAR, DB)
        assert [one.rule for one in answer.reasons] == ["WL-3"]
        assert "`team`" in answer.reasons[0].message
        assert "`other`" in answer.reasons[0].message

    def test_a_defined_namespace_has_only_its_labels(self) -> None:
        there = cluster(namespace("other"), FAR, DB, policy(on="app=db", ingress=[rule([pods(ns="team=a")])]))
        assert verdict(there, FAR, DB) is DENIED

    def test_a_label_that_is_given_is_known_even_if_others_are_not(self) -> None:
        half = namespace("other", "team=a", known=False)
        for wanted, answer in (("team=a", ALLOWED), ("team=b", DENIED)):
            there = cluster(half, FAR, DB, policy(on="app=db", ingress=[rule([pods(ns=wanted)])]))
            assert verdict(there, FAR, DB) is answer

    def test_a_selector_and_its_contrary_cover_everything(self) -> None:
        assert into(select("", is_in("team", "a")), select("", not_in("team", "a"))) is ALLOWED
        assert into(select("", exists("team")), select("", absent("team"))) is ALLOWED

    def test_two_values_and_absence_leave_other_values(self) -> None:
        parts = (is_in("team", "a"), is_in("team", "b"), absent("team"))
        assert into(*(select("", one) for one in parts)) is UNKNOWN
        assert into(*(select("", one) for one in parts), select("", not_in("team", "a", "b"))) is ALLOWED

    def test_a_selector_that_contradicts_itself_never_matches(self) -> None:
        assert into(select("team=a", not_in("team", "a"))) is DENIED
        assert into(select("team=a", absent("team"))) is DENIED
        assert into(select("team=a,tier=x")) is UNKNOWN

    def test_a_pod_selector_that_does_not_match_makes_the_label_irrelevant(self) -> None:
        there = cluster(DARK, FAR, DB, policy(on="app=db", ingress=[rule([pods("app=none", ns="team=a")])]))
        assert verdict(there, FAR, DB) is DENIED

    def test_both_directions_see_the_same_label_of_one_namespace(self) -> None:
        here, there = pod("web", ns="other"), pod("db", ns="other")
        out = policy("out", ns="other", on="app=web", egress=[rule([pods(ns=select("", is_in("team", "a")))])])
        contrary = policy("in", ns="other", on="app=db", ingress=[rule([pods(ns=select("", not_in("team", "a")))])])
        same = policy("in", ns="other", on="app=db", ingress=[rule([pods(ns=select("", is_in("team", "a")))])])
        assert verdict(cluster(DARK, here, there, out, contrary), here, there) is DENIED
        assert verdict(cluster(DARK, here, there, out, same), here, there) is UNKNOWN

    def test_labels_of_two_namespaces_are_not_correlated(self) -> None:
        here, there = pod("web", ns="one"), pod("db", ns="two")
        dark = (namespace("one", known=False), namespace("two", known=False))
        out = policy("out", ns="one", egress=[rule([pods(ns=select("", is_in("team", "a")))])])
        into_two = policy("in", ns="two", ingress=[rule([pods(ns=select("", not_in("team", "a")))])])
        assert verdict(cluster(*dark, here, there, out, into_two), here, there) is UNKNOWN

    def test_a_label_that_makes_no_difference_is_no_reason(self) -> None:
        here, nowhere = pod("web", ns="shop", addresses=()), pod("db", ns="other")
        every = [rule([pods(ns=select("", one))]) for one in (is_in("team", "a"), not_in("team", "a"))]
        into_db = policy("in", ns="other", ingress=[rule([block("10.0.0.0/8")])])
        answer = decision(cluster(DARK, here, nowhere, policy("out", egress=every), into_db), here, nowhere)
        assert (answer.verdict, [one.rule for one in answer.reasons]) == (UNKNOWN, ["NP-20"])

    def test_a_namespace_that_the_cluster_does_not_list_is_undefined(self) -> None:
        there = cluster(DB, policy(on="app=db", ingress=[rule([pods(ns="team=a")])]))
        assert verdict(there, FAR, DB) is UNKNOWN
