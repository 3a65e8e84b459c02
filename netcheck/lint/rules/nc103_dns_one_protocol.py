"""DNS allowed on one of its two protocols only.

What it finds: pods that are isolated for egress and may send DNS queries by TCP or by UDP, but not by both.
Why it matters: with TCP only (the default where `protocol` is missing) nearly every lookup fails, for resolvers ask by
UDP first. With UDP only, answers that are too long for a datagram fail, often months later.
When to ignore it: with UDP only, if no answer is ever truncated.
Fix: the port is allowed by the other protocol too, to the same peers.
How it is decided: as in NC102, once for each protocol.
Source: SEMANTICS NP-25, DNS-9.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.errors import Place
from netcheck.lint.dns import Dns, names_dns
from netcheck.lint.finding import Finding
from netcheck.lint.fix import Fix, stated
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects, subjects_text
from netcheck.model.edits import Field, InsertItem
from netcheck.model.policy import Direction, NetworkPolicy, PolicyPort, PolicyRule
from netcheck.values.ports import Protocol

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports:
    - port: 53  # finds: NC103
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each policy whose pods may ask by one protocol only."""
    dns = Dns(snapshot)
    found: dict[tuple[int, Place | None, Protocol], tuple[NetworkPolicy, list[Subjects]]] = {}
    for subjects in snapshot.subjects(Direction.EGRESS):
        missing = _missing(dns, subjects)
        if missing is not None:
            policy, place = _where(subjects, missing)
            found.setdefault((id(policy), place, missing), (policy, []))[1].append(subjects)
    for (_, place, missing), (policy, groups) in found.items():
        positions = [position for subjects in groups for position in subjects.pods]
        other = Protocol.TCP if missing is Protocol.UDP else Protocol.UDP
        loses = "lookups, which start by UDP, fail" if missing is Protocol.UDP else "answers too long for UDP fail"
        yield RULE.finding(
            f"{subjects_text(snapshot, positions)} may send DNS queries by {other.value} but not by {missing.value}: {loses}",
            about=policy.label,
            place=place,
            basis="proved" if dns.is_loaded else "syntactic",
            fix=_fix(policy, place, missing),
            hint="list both protocols: `{port: 53, protocol: UDP}` and `{port: 53, protocol: TCP}`",
        )


def _missing(dns: Dns, subjects: Subjects) -> Protocol | None:
    """Return the protocol by which isolated pods certainly cannot ask, if they may ask by the other."""
    if not subjects.certain or not any(policy.egress for policy in subjects.policies):
        return None
    if dns.pods.issuperset(subjects.pods):
        return None
    by_udp, by_tcp = (dns.can_ask(subjects, protocol) for protocol in (Protocol.UDP, Protocol.TCP))
    if by_udp == by_tcp:
        return None
    return Protocol.TCP if by_udp else Protocol.UDP


def _where(subjects: Subjects, missing: Protocol) -> tuple[NetworkPolicy, Place | None]:
    """Return the policy and place of the port item that allows DNS, or of the first policy with egress rules."""
    for policy in subjects.policies:
        for rule in policy.egress:
            for item in rule.ports:
                if names_dns(item) and item.protocol != missing.value:
                    return policy, item.place
    policy = next(policy for policy in subjects.policies if policy.egress)
    return policy, policy.place


def _fix(policy: NetworkPolicy, place: Place | None, missing: Protocol) -> Fix | None:
    """Return the fix that allows a port number by the missing protocol too, to the same peers."""
    found = next(((rule, item) for rule, item in _items(policy) if item.place == place), None)
    if found is None or place is None or not isinstance(found[1].port, int) or found[1].end_port is not None:
        return None
    rule, item = found
    also = PolicyPort(protocol=missing.value, port=item.port)
    fields = (Field("port", found[1].port), Field("protocol", missing.value))
    return Fix(
        title=f"allow {missing.value} {item.port} too",
        file=place.file,
        about=policy.label,
        operations=(InsertItem(at=place, item=fields),),
        added=(stated(policy, Direction.EGRESS, rule.peers, (also,)),),
    )


def _items(policy: NetworkPolicy) -> Iterator[tuple[PolicyRule, PolicyPort]]:
    return ((rule, item) for rule in policy.egress for item in rule.ports)


RULE = Rule(
    code="NC103",
    name="dns-one-protocol",
    severity="warning",
    basis="syntactic",
    summary="DNS allowed on one of its two protocols only",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
