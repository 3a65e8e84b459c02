"""A policy or rule that changes nothing.

What it finds: policies and rules that other policies of the namespace make superfluous. Where it says "in any cluster", that
holds whatever pods, namespaces and labels there are; where it says "in this cluster", for what is loaded, and only if the
input is known to be whole.
Why it matters: who reads the rule believes that it decides something; who deletes it later is afraid to.
A policy that denies by default, without rules, is superfluous only beside another such policy.
When to ignore it: the rule documents what is meant, or the wider rule is to go away. What changes nothing only in this
cluster may be needed as soon as a pod comes that is not there yet.
How it is decided: Z3 proves over every cluster that could exist that others allow all that the rule allows, and for a policy
also that others isolate all pods that it isolates; the set engine decides the same for the loaded cluster. All that are
reported as superfluous in any cluster can go together. Where the solver gives up nothing is reported.
Source: SEMANTICS NP-5, NP-40.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netcheck.engines.redundancy import Redundancy, RuleId
from netcheck.lint.examples import matched_by_others
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.shadows import Shadow, shadows
from netcheck.lint.wording import listed
from netcheck.model.policy import NetworkPolicy
from netcheck.model.profile import Switch

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {}}]
  - from: [{podSelector: {matchLabels: {app: client}}}]  # finds: NC125
    ports: [{port: 8080}]
---
apiVersion: networking.k8s.io/v1  # finds: NC125
kind: NetworkPolicy
metadata: {name: deny-web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web, tier: front}}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""

BAD_HERE = """
# whole: true
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {tier: front}}}]
  - from: [{podSelector: {matchLabels: {app: client}}}]  # finds: NC125
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client, tier: front}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: shop, labels: {app: other, tier: front}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
    ports: [{port: 8080}]
  - from: [{podSelector: {matchLabels: {app: client, tier: front}}}]
    ports: [{port: 9090}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}, {containerPort: 9090}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client, tier: front}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: shop}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: web}}}]
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports: [{port: 53}, {port: 53, protocol: UDP}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what can go in any cluster, then what else can go in the loaded one."""
    if snapshot.cluster.profile.enforced is Switch.NO:
        return
    told: set[int] = set()
    for policies in snapshot.policies_in.values():
        yield from _in_any_cluster(snapshot, policies, told)
    if snapshot.whole:
        yield from (_here(found) for found in shadows(snapshot, told))


def _in_any_cluster(snapshot: Snapshot, policies: Sequence[NetworkPolicy], told: set[int]) -> Iterator[Finding]:
    """Yield what can go; `told` gets the identities of the policies and rules that are reported."""
    whole, rules = matched_by_others(policies)
    if not whole and not rules:
        return
    redundancy = Redundancy(snapshot.cluster, policies)
    for gone in redundancy.policies(whole):
        policy = policies[gone.policy]
        told.add(id(policy))
        yield _policy(policy, [policies[number] for number in gone.covered_by])
    for found in redundancy.rules(rules):
        if not found.covered_by:
            continue  # it matches nothing at all, which other rules say
        number, direction, index = found.rule
        told.add(id(policies[number].rules(direction)[index]))
        yield _rule(policies, found.rule, found.covered_by)


def _policy(policy: NetworkPolicy, others: Sequence[NetworkPolicy]) -> Finding:
    one = len(others) == 1
    denies = f"{'denies' if one else 'deny'} the same by default"
    allows = f"{'isolates' if one else 'isolate'} the same pods and {'allows' if one else 'allow'} all that it allows"
    has_rules = any(policy.rules(direction) for direction in policy.types)
    return RULE.finding(
        f"the policy changes nothing in any cluster: {listed(other.label for other in others)} "
        f"{allows if has_rules else denies}",
        about=policy.label,
        place=policy.place,
        related=_related((other, "does what it does") for other in others),
        hint="delete it: no flow changes",
    )


def _rule(policies: Sequence[NetworkPolicy], rule: RuleId, covering: Sequence[RuleId]) -> Finding:
    policy = policies[rule[0]]
    others = [policies[number] for number, _, _ in covering]
    names = listed(
        _path(item) if item[0] == rule[0] else f"{_path(item)} of {policies[item[0]].label}" for item in covering
    )
    return RULE.finding(
        f"{_path(rule)} changes nothing in any cluster: {names} {'allows' if len(covering) == 1 else 'allow'} all that it "
        "allows",
        about=policy.label,
        place=policy.rules(rule[1])[rule[2]].place or policy.place,
        related=_related((other, "allows all that it allows") for other in others if other is not policy),
        hint="delete it: no flow changes",
    )


def _path(rule: RuleId) -> str:
    return f"spec.{rule[1].value.lower()}[{rule[2]}]"


def _here(found: Shadow) -> Finding:
    return RULE.finding(
        f"{found.path} changes nothing in this cluster: other rules for the same pods allow all that it allows",
        about=found.policy.label,
        place=found.rule.place or found.policy.place,
        related=_related((other, "allows part of it or all of it") for other in found.others),
        hint="keep it if it is for pods that come later",
    )


def _related(others: Iterable[tuple[NetworkPolicy, str]]) -> tuple[Related, ...]:
    once = {other.label: (other, message) for other, message in others}
    return tuple(Related(message=message, place=other.place, object=label) for label, (other, message) in once.items())[
        :3
    ]


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.policies)


RULE = Rule(
    code="NC125",
    name="changes-nothing",
    severity="info",
    basis="proved",
    summary="A policy or rule that changes nothing",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD, BAD_HERE),
    good=(GOOD,),
)
