"""A row that another CNI profile would change says which switch it depends on, and no other row does."""

from __future__ import annotations

from netcheck.load.loader import load_text
from netcheck.queries.connections import connections

BASELINE = """
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: a, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
status: {podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: a, labels: {app: db}}
spec: {containers: [{name: c, image: i}]}
status: {podIPs: [{ip: 10.0.0.2}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: a}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: base}
spec:
  tier: Baseline
  priority: 1
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
"""

BLOCK = BASELINE.partition("---\napiVersion: policy")[0].replace(
    "egress: [{}]", "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/24}}]}]"
)


def _marked(text: str) -> dict[tuple[str, str], tuple[str, ...]]:
    found = connections(load_text(text).cluster)
    ids = [endpoint.id for endpoint in found.endpoints]
    return {(ids[row.source], ids[row.destination]): row.depends_on for row in found.rows() if row.depends_on}


def test_an_ip_block_that_matches_a_pod_depends_on_whether_blocks_match_pods() -> None:
    assert _marked(BLOCK) == {
        ("a/db[Pod]", "a/web[Pod]"): ("cidrMatchesPods",),
        ("a/db[Pod]", "own-node"): ("ownNodeEgress",),
    }


def test_what_a_baseline_denies_is_denied_and_so_marks_nothing() -> None:
    assert ("a/web[Pod]", "a/db[Pod]") not in _marked(BASELINE)


def test_marked_rows_are_those_of_all_rows_that_depend() -> None:
    found = connections(load_text(BLOCK).cluster)
    assert list(found.marked_rows()) == [row for row in found.rows() if row.depends_on]
