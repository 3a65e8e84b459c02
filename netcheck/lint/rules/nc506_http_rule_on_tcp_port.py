"""A rule about HTTP for a port that is not HTTP.

What it finds: rules of AuthorizationPolicies that ask for paths, methods, hosts, headers or tokens, for workloads with a sidecar
whose ports, as far as the rule speaks of them, Services declare as TCP.
Why it matters: the proxy reads no HTTP there. An ALLOW rule with such an attribute never matches; a DENY rule is enforced
without it, so it denies more than it says: without `ports` all TCP.
When to ignore it: never; name the port `http-...` if it is HTTP.
How it is decided: by `appProtocol` and the port names of the loaded Services that lead to the workload. A port without either is
detected when it is used, and left out here.
Source: SEMANTICS IST-10, IST-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.lint.finding import Finding, Related
from netcheck.lint.mesh import concerns, has_sidecar
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed, owner
from netcheck.logic.services import target_number
from netcheck.model.foreign import AuthorizationPolicy, MeshRule
from netcheck.model.objects import Pod, Service, ServicePort

BAD = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  action: DENY
  rules:
  - to:  # finds: NC506
    - operation: {methods: [DELETE]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{name: tcp-db, port: 5432}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 5432}]}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""

_TCP = ("tcp", "tls", "mongo", "mysql", "redis")

_Port = tuple[Service, ServicePort, int]
"""A Service's port, and the number of the pod's port that it leads to."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule that speaks of TCP ports only."""
    policies = [p for p in snapshot.cluster.authorization if p.action in ("ALLOW", "DENY") and not p.dry_run]
    ports = _ports(snapshot) if any(rule.http for policy in policies for rule in policy.rules) else {}
    for policy in policies:
        concerned = [] if policy.attached else [item for item in ports.values() if concerns(policy, item[0])]
        for rule in policy.rules if concerned else ():
            found = _tcp_only(rule, concerned) if rule.http else None
            if found is not None:
                yield _finding(policy, rule, *found)


def _ports(snapshot: Snapshot) -> dict[int, tuple[Pod, list[_Port]]]:
    """Return for each pod with a sidecar that Services lead to the ports that they lead to."""
    found: dict[int, tuple[Pod, list[_Port]]] = {}
    for service in snapshot.cluster.services:
        for position in snapshot.backends(service):
            pod = snapshot.cluster.pods[position]
            if has_sidecar(snapshot, pod):
                numbered = ((service, item, target_number(pod, item)) for item in service.ports)
                known = [(one, item, number) for one, item, number in numbered if number is not None]
                found.setdefault(position, (pod, []))[1].extend(known)
    return found


def _tcp_only(rule: MeshRule, concerned: Sequence[tuple[Pod, list[_Port]]]) -> tuple[Pod, _Port] | None:
    """Return a pod and a port iff every port that the rule speaks of, on every pod, is declared as TCP."""
    first = None
    for pod, ports in concerned:
        spoken = [port for port in ports if not rule.ports or str(port[2]) in rule.ports]
        if not spoken or not all(_is_tcp(item) for _, item, _ in spoken):
            return None
        first = first or (pod, spoken[0])
    return first


def _is_tcp(item: ServicePort) -> bool:
    """Return whether a port is declared as one that is not HTTP (IST-11)."""
    protocol = item.app_protocol.lower() or item.name.partition("-")[0]
    return item.protocol == "TCP" and protocol in _TCP


def _finding(policy: AuthorizationPolicy, rule: MeshRule, pod: Pod, port: _Port) -> Finding:
    service, item, number = port
    denies = "it is enforced without them, and denies " + ("these ports" if rule.ports else "all TCP")
    effect = "it never matches" if policy.action == "ALLOW" else denies
    return RULE.finding(
        f"asks for {listed(rule.http)}, but port {number} of `{owner(pod)}` is TCP: {effect}",
        about=policy.label,
        place=rule.place,
        related=(
            Related(
                message=f"declares port {item.port} as TCP",
                place=item.place or service.place,
                object=f"Service {service.namespace}/{service.name}",
            ),
        ),
        hint="name the Service's port `http-...` if it is HTTP, else ask for ports and identities only",
    )


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.authorization)


RULE = Rule(
    code="NC506",
    name="http-rule-on-tcp-port",
    severity="warning",
    basis="syntactic",
    summary="A rule about HTTP for a port that is not HTTP",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
