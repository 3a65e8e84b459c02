"""An admin rule that earlier rules shadow.

What it finds: rules that can never decide a flow, because earlier rules of their policy, or of policies that come before it
in its tier, match all that they match.
Why it matters: the rule reads as if it allowed or denied something. Its order or the priority of its policy is probably
wrong; if not, it can be deleted.
When to ignore it: never; deleting the rule changes nothing.
How it is decided: Z3 proves over every cluster that could exist that it makes no difference whether the rule accepts or
denies. Rules about which the solver gives up are no finding, nor those behind more than 200 others.
Source: SEMANTICS ADM-3, ADM-6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.lint.admin import (
    AdminRead,
    all_admin_rules,
    are_enforced,
    are_used,
    is_dead,
    matches_example,
    may_meet,
    never_decides,
    precedence,
)
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed
from netcheck.model.flow import Tier
from netcheck.model.policy import Direction

MOST_BEFORE = 200
MOST_NAMED = 3

BAD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress:
  - {action: Deny, from: [{namespaces: {matchExpressions: [{key: tenant, operator: Exists}]}}]}
  - action: Accept  # finds: NC608
    from: [{namespaces: {matchLabels: {tenant: monitoring}}}]
"""

GOOD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {env: prod}}}
  ingress:
  - {action: Accept, from: [{namespaces: {matchLabels: {tenant: monitoring}}}]}
  - {action: Deny, from: [{namespaces: {matchExpressions: [{key: tenant, operator: Exists}]}}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule that is proved never to decide."""
    if not are_enforced(snapshot):
        return
    reads = [read for read in all_admin_rules(snapshot) if not is_dead(read)]
    for tier in (Tier.ADMIN, Tier.BASELINE):
        for direction in Direction:
            yield from _shadowed(snapshot, [r for r in reads if (r.policy.tier, r.direction) == (tier, direction)])


def _shadowed(snapshot: Snapshot, reads: Sequence[AdminRead]) -> Iterator[Finding]:
    for read in reads:
        before = [other for other in reads if _is_before(other, read) and may_meet(read, other)]
        if len(before) > MOST_BEFORE or not any(matches_example(read, other) for other in before):
            continue
        if never_decides(snapshot.cluster, read, before):
            yield _finding(read, _needed(snapshot, read, before))


def _finding(read: AdminRead, needed: Sequence[AdminRead]) -> Finding:
    word = "matches" if len(needed) == 1 else "match"
    return RULE.finding(
        f"{read.path} never decides: {listed(_name(other, read) for other in needed)} {word} before it all that it matches",
        about=read.policy.label,
        place=read.rule.place,
        related=tuple(other.related("matches first") for other in needed[:MOST_NAMED]),
        hint="move it up, or delete it: nothing changes",
    )


def _is_before(other: AdminRead, read: AdminRead) -> bool:
    """Return whether a rule certainly comes first; of policies of equal priority none does."""
    if other.policy is read.policy:
        return other.index < read.index
    return precedence(other.policy) < precedence(read.policy)


def _needed(snapshot: Snapshot, read: AdminRead, before: Sequence[AdminRead]) -> list[AdminRead]:
    """Return a minimal set of rules that together shadow one: those of other subjects and peers fall away."""
    for other in before:
        if never_decides(snapshot.cluster, read, [other]):
            return [other]
    needed = list(before)
    for other in before:
        fewer = [item for item in needed if item is not other]
        if never_decides(snapshot.cluster, read, fewer):
            needed = fewer
    return needed


def _name(other: AdminRead, read: AdminRead) -> str:
    return other.path if other.policy is read.policy else f"{other.path} of {other.policy.label}"


RULE = Rule(
    code="NC608",
    name="shadowed-admin-rule",
    severity="warning",
    basis="proved",
    summary="An admin rule that earlier rules shadow",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
