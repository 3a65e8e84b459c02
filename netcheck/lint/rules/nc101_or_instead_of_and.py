"""Two peers where one was meant: OR instead of AND.

What it finds: a `from` or `to` with one item that has only a namespaceSelector and one that has only a podSelector.
Why it matters: list items are alternatives. Every pod of the selected namespaces and every selected pod of the policy's
own namespace is allowed, which is far more than the pods of those namespaces that carry the label.
When to ignore it: both alternatives are meant. The finding is only an info where the loaded pods suggest so: some pods of
the policy's own namespace have the label and none in the selected namespaces has.
How it is decided: by the text of the rule. An empty podSelector is never taken for a mistake.
Source: SEMANTICS NP-8, NP-9; NetworkPolicyPeer, k8s.io/api networking/v1.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Related, Severity
from netcheck.lint.reading import all_rules, or_pair
from netcheck.lint.rule import Rule, Snapshot
from netcheck.model.policy import NetworkPolicy, PodPeer

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: web}}
    - podSelector: {matchLabels: {app: client}}  # finds: NC101
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: web}}
      podSelector: {matchLabels: {app: client}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: web, labels: {team: web}}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule with such a pair of peers."""
    for policy, direction, rule, path in all_rules(snapshot):
        pair = or_pair(rule)
        if pair is None:
            continue
        spaces, pods = pair
        field = "from" if direction.value == "Ingress" else "to"
        yield RULE.finding(
            f"{path}.{field} allows every pod of namespaces matching `{spaces.namespace_selector}`, and also every pod "
            f"matching `{pods.pod_selector}` of namespace `{policy.namespace}`: two list items are alternatives",
            about=policy.label,
            place=pods.place,
            severity=_severity(snapshot, policy, spaces, pods),
            related=(Related(message="the other alternative", place=spaces.place, object=policy.label),),
            hint="to require both, put podSelector and namespaceSelector into one list item (remove the second dash)",
        )


def _severity(snapshot: Snapshot, policy: NetworkPolicy, spaces: PodPeer, pods: PodPeer) -> Severity:
    """Return info iff only pods of the own namespace have the label, so that the alternative has a use."""
    meant = PodPeer(pod_selector=pods.pod_selector, namespace_selector=spaces.namespace_selector)
    here = set(snapshot.peers(policy.namespace, pods))
    there = set(snapshot.peers(policy.namespace, meant))
    return "info" if here and not there - here else "warning"


RULE = Rule(
    code="NC101",
    name="or-instead-of-and",
    severity="warning",
    basis="syntactic",
    summary="Two peers where one was meant: OR instead of AND",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
