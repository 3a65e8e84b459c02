"""`lint` of some namespaces: what is reported, while the whole is analysed."""

from __future__ import annotations

from netcheck.lint.finding import Finding, LintResult, Related
from netcheck.lint.scope import scoped

LABELS = ("NetworkPolicy a/x", "NetworkPolicy b/x", "ClusterNetworkPolicy x", "Namespace a")


def finding(label, *related):
    return Finding(
        rule="NC101", name="n", severity="error", basis="proved", message="m", object=label, place=None,
        related=tuple(Related(message="m", place=None, object=item) for item in related),
    )  # fmt: skip


def left(only=(), without=(), findings=None):
    found = tuple(findings or map(finding, LABELS))
    return [
        item.object
        for item in scoped(LintResult(findings=found, checked_rules=()), frozenset(only), frozenset(without)).findings
    ]


def test_without_a_scope_all_stay():
    assert left() == list(LABELS)


def test_only_some_namespaces_and_what_is_of_none():
    assert left(only=["a"]) == ["NetworkPolicy a/x", "ClusterNetworkPolicy x", "Namespace a"]
    assert left(only=["c"]) == ["ClusterNetworkPolicy x"]


def test_a_related_object_counts_too():
    assert left(only=["a"], findings=[finding("Service b/s", "NetworkPolicy a/x")]) == ["Service b/s"]
    assert left(without=["a"], findings=[finding("Service b/s", "NetworkPolicy a/x")]) == ["Service b/s"]


def test_all_but_some_namespaces():
    assert left(without=["a"]) == ["NetworkPolicy b/x", "ClusterNetworkPolicy x"]
