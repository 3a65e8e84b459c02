"""Egress isolation that cuts pods off from DNS.

What it finds: pods whose egress is restricted to some peers, none of which is a DNS server on port 53.
Why it matters: lookups time out, and every call by name fails although the rules for the called pods look right.
When to ignore it: the pods use addresses only, or bring their own resolver (`dnsPolicy: None`). Pods without any egress
rule are taken to be cut off on purpose, and pods that may reach single addresses only give an info.
How it is decided: where the DNS pods are loaded (Service `kube-dns` in `kube-system`, `dns-default` in `openshift-dns`, or
pods with their labels) the union of all policies is evaluated exactly, on the port that the Service translates to, and the
witness is replayed. Elsewhere the rules are read: only if no rule can let a UDP or TCP query pass to anything that could
be a DNS server. A rule for NodeLocal DNSCache or for a resolver outside the cluster counts.
Source: SEMANTICS DNS-9, DNS-10, DNS-11, NP-23.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.dns import Dns, needs_names
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects, subjects_text
from netcheck.lint.wording import listed
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.queries.results import FlowText
from netcheck.values.ports import Protocol

BAD = """
apiVersion: networking.k8s.io/v1  # finds: NC102
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5432}]
"""

BAD_PORT = """
apiVersion: networking.k8s.io/v1  # finds: NC102
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: openshift-dns}}}]
    ports: [{port: 53, protocol: UDP}, {port: 53}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: dns, namespace: openshift-dns, labels: {dns.operator.openshift.io/daemonset-dns: default}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 5353, name: dns, protocol: UDP}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: dns-default, namespace: openshift-dns}
spec:
  selector: {dns.operator.openshift.io/daemonset-dns: default}
  ports: [{name: dns, port: 53, protocol: UDP, targetPort: dns}]
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5432}]
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: a, image: a}]}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each policy that lets its pods out, but not to DNS."""
    dns = Dns(snapshot)
    blocked: dict[int, tuple[NetworkPolicy, list[Subjects]]] = {}
    for subjects in snapshot.subjects(Direction.EGRESS):
        if _is_blocked(dns, subjects):
            culprit = _culprit(subjects)
            blocked.setdefault(id(culprit), (culprit, []))[1].append(subjects)
    for policy, groups in blocked.values():
        yield _finding(snapshot, dns, policy, groups)


def _is_blocked(dns: Dns, subjects: Subjects) -> bool:
    if not subjects.certain or not any(policy.egress for policy in subjects.policies):
        return False
    if dns.pods.issuperset(subjects.pods):
        return False
    return not any(dns.can_ask(subjects, protocol) for protocol in (Protocol.UDP, Protocol.TCP))


def _culprit(subjects: Subjects) -> NetworkPolicy:
    return next(policy for policy in subjects.policies if policy.egress)


def _finding(snapshot: Snapshot, dns: Dns, policy: NetworkPolicy, groups: list[Subjects]) -> Finding:
    positions = [position for subjects in groups for position in subjects.pods]
    servers = dns.servers(Protocol.UDP)
    where = (
        f"{listed(f'{snapshot.pods[s.pod].namespace}/{snapshot.pods[s.pod].workload.name}' for s in servers)} on port "
        f"{' or '.join(sorted({str(server.port) for server in servers}))}"
        if servers
        else "any pod of `kube-system` on port 53"
    )
    every = {id(other): other for subjects in groups for other in subjects.policies if other.egress}
    others = [other for other in every.values() if other is not policy]
    port = servers[0].port if servers else 53
    home = snapshot.pods[servers[0].pod].namespace if servers else "kube-system"
    return RULE.finding(
        f"{subjects_text(snapshot, positions)} cannot look up names: egress is restricted, and no rule lets DNS "
        f"queries pass to {where}",
        about=policy.label,
        place=policy.place,
        severity="error" if any(needs_names(subjects.policies) for subjects in groups) else "info",
        basis="proved" if dns.is_loaded else "syntactic",
        related=tuple(
            Related(message="its egress rules do not allow DNS either", place=other.place, object=other.label)
            for other in sorted(others, key=lambda other: other.label)[:5]
        ),
        witness=_witness(snapshot, dns, groups),
        hint=f"allow egress to the DNS pods (namespaceSelector `kubernetes.io/metadata.name: {home}`) on UDP and TCP {port}",
    )


def _witness(snapshot: Snapshot, dns: Dns, groups: list[Subjects]) -> FlowText | None:
    servers = dns.servers(Protocol.UDP)
    pod = snapshot.pods[groups[0].pods[0]]
    if not servers:
        return None
    server = snapshot.pods[servers[0].pod]
    flow = Flow(source=PodEnd(pod), destination=PodEnd(server), protocol=Protocol.UDP, port=servers[0].port)
    return snapshot.witness(flow, Verdict.DENIED, "a DNS query")


RULE = Rule(
    code="NC102",
    name="dns-blocked",
    severity="error",
    basis="syntactic",
    summary="Egress isolation that cuts pods off from DNS",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD, BAD_PORT),
    good=(GOOD,),
)
