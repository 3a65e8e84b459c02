"""Flows to a domain name are symbolic: what holds for every address it may resolve to, holds for it (ADM-17)."""

from __future__ import annotations

import pytest

from netcheck.errors import UsageError
from netcheck.load.loader import load_text
from netcheck.model.flow import Verdict
from netcheck.queries.domains import name_matches
from netcheck.queries.reach import query

CLUSTER = load_text("""
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: a, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: free, namespace: b}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: some, namespace: c}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: some, namespace: c}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: one}
spec:
  tier: Admin
  priority: 5
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: a}}}
  egress:
  - {action: Accept, to: [{domainNames: ["*.example.com"]}], protocols: [{tcp: {destinationPort: {number: 443}}}]}
  - {action: Deny, to: [{networks: [0.0.0.0/0, "::/0"]}]}
""").cluster


def _verdict(source: str, name: str, port: str) -> Verdict:
    return query(CLUSTER, source, f"domain:{name}", port=port).verdict


def test_a_name_that_a_rule_accepts_is_reached_whatever_it_resolves_to() -> None:
    result = query(CLUSTER, "a/web", "domain:api.example.com", port="443")
    assert result.verdict is Verdict.ALLOWED
    assert [item.rule for item in result.pairs[0].decided_by][:1] == ["egress[0]"]


def test_another_port_of_the_name_is_denied() -> None:
    assert _verdict("a/web", "api.example.com", "80") is Verdict.DENIED


def test_another_name_may_resolve_to_the_same_address() -> None:
    assert _verdict("a/web", "example.org", "443") is Verdict.UNKNOWN
    assert _verdict("a/web", "example.org", "80") is Verdict.DENIED


def test_where_addresses_are_told_apart_the_name_is_unknown_with_the_reason() -> None:
    result = query(CLUSTER, "c/some", "domain:example.org", port="443")
    assert result.verdict is Verdict.UNKNOWN
    assert {item.rule for item in result.reasons} == {"ADM-17"}


def test_a_pod_that_no_policy_selects_reaches_any_name() -> None:
    assert _verdict("b/free", "example.org", "443") is Verdict.ALLOWED


def test_a_name_is_no_source_and_must_be_one() -> None:
    with pytest.raises(UsageError, match="destination only"):
        query(CLUSTER, "domain:example.org", "a/web")
    with pytest.raises(UsageError, match="no domain name"):
        query(CLUSTER, "a/web", "domain:x")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("example.com", "Example.com.", True),
        ("example.com", "api.example.com", False),
        ("*.example.com", "api.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
    ],
)
def test_a_pattern_covers_names_as_the_api_says(pattern: str, name: str, matches: bool) -> None:
    assert name_matches(pattern, name) is matches
