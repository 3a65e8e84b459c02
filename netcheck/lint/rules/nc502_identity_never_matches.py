"""An identity that no client has.

What it finds: sources of AuthorizationPolicies that name a principal with `spiffe://` before it or not in the form
`TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, a service account that no loaded workload of a known namespace uses, or one whose
workloads are all outside the mesh; and identities where mTLS is switched off.
Why it matters: the identity comes from the client's certificate. Where there is none, or another one, an ALLOW rule never
matches and the client is denied, and a DENY rule never denies.
When to ignore it: the workload is created by something that is not loaded, such as an operator.
How it is decided: by the text, the pods' service accounts, the labels of namespaces and pods, and the PeerAuthentications. That
a service account is not used is an error only where the input is known to be whole, else info.
Source: SEMANTICS IST-6, IST-7, IST-16, IST-18.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netcheck.lint.finding import Finding, Severity
from netcheck.lint.mesh import is_plaintext, mtls_mode
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import closest, owners
from netcheck.model.foreign import AuthorizationPolicy, MeshRule

BAD = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - from:  # finds: NC502
    - source: {principals: ["spiffe://cluster.local/ns/shop/sa/client"]}
  - from:  # finds: NC502
    - source: {principals: ["cluster.local/ns/batch/sa/worker"]}
---
apiVersion: v1
kind: Namespace
metadata: {name: batch, labels: {istio-injection: disabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: worker, namespace: batch}
spec: {serviceAccountName: worker, containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: security.istio.io/v1  # netcheck: ignore[NC132] because the mesh's rules are enough here
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - from:
    - source: {principals: ["cluster.local/ns/shop/sa/client", "*/ns/istio-system/sa/*"]}
"""

_PRINCIPAL = re.compile(r"(?P<trust>[^/]+)/ns/(?P<namespace>[^/]+)/sa/(?P<account>[^/]+)\Z")
_Fault = tuple[str, Severity, str]
"""What is wrong, how bad it is, and a hint."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule with a source that matches nobody."""
    accounts = _accounts(snapshot)
    for policy in snapshot.cluster.authorization:
        for rule in policy.rules if not policy.dry_run else ():
            fault = _plaintext_server(snapshot, policy, rule) or _fault(snapshot, policy, rule, accounts)
            if fault is not None:
                message, severity, hint = fault
                yield RULE.finding(message, about=policy.label, place=rule.place, severity=severity, hint=hint)


def _accounts(snapshot: Snapshot) -> dict[tuple[str, str], list[int]]:
    """Return (namespace, service account) -> the loaded pods that have it."""
    found: dict[tuple[str, str], list[int]] = {}
    for position, pod in enumerate(snapshot.cluster.pods):
        found.setdefault((pod.namespace, pod.service_account), []).append(position)
    return found


def _plaintext_server(snapshot: Snapshot, policy: AuthorizationPolicy, rule: MeshRule) -> _Fault | None:
    """Return what is wrong where the policy's workloads take no mTLS (IST-16), so that no client has an identity."""
    asks = any(source.principals or source.service_accounts or source.namespaces for source in rule.sources)
    if not asks or policy.attached or policy.selector is None:
        return None
    pods = [snapshot.cluster.pods[i] for i in snapshot.index.matching(policy.namespace, policy.selector)]
    modes = [mtls_mode(snapshot, pod, port.number) for pod in pods for port in pod.ports]
    if not modes or any(mode != "DISABLE" for mode, _ in modes):
        return None
    culprit = modes[0][1]
    assert culprit is not None
    return (
        f"asks for the identity of clients, but `{culprit.label}` switches mTLS off for {owners(pods)}: no client has one",
        "error",
        "set the mode to STRICT or PERMISSIVE",
    )


def _fault(
    snapshot: Snapshot, policy: AuthorizationPolicy, rule: MeshRule, accounts: dict[tuple[str, str], list[int]]
) -> _Fault | None:
    """Return what is wrong with the first principal or service account of the rule that nobody has."""
    for source in rule.sources:
        for principal in source.principals:
            found = _principal(snapshot, principal, accounts)
            if found is not None:
                return found
        for written in source.service_accounts:
            namespace, _, name = written.rpartition("/")
            found = _account(snapshot, namespace or policy.namespace, name, accounts)
            if found is not None:
                return found
    return None


def _principal(snapshot: Snapshot, principal: str, accounts: dict[tuple[str, str], list[int]]) -> _Fault | None:
    if principal.startswith("spiffe://"):
        bare = principal.removeprefix("spiffe://")
        return f"principal `{principal}` never matches: principals have no `spiffe://`", "error", f"write `{bare}`"
    if "*" in principal:
        return None
    parts = _PRINCIPAL.match(principal)
    if parts is None:
        return (
            f"principal `{principal}` never matches: it is not of the form TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT",
            "error",
            "write e.g. `cluster.local/ns/shop/sa/web`",
        )
    return _account(snapshot, parts["namespace"], parts["account"], accounts)


def _account(
    snapshot: Snapshot, namespace: str, name: str, accounts: dict[tuple[str, str], list[int]]
) -> _Fault | None:
    users = [snapshot.cluster.pods[i] for i in accounts.get((namespace, name), ())]
    if users:
        if not all(is_plaintext(snapshot, pod) for pod in users):
            return None
        return (
            f"service account `{namespace}/{name}` belongs only to {owners(users)}, outside the mesh, without a certificate",
            "error",
            "add it to the mesh, or allow it by address",
        )
    known = sorted(account for home, account in accounts if home == namespace)
    if not known or not snapshot.cluster.knows_namespace(namespace):
        return None
    meant = closest(name, known)
    if not snapshot.whole and not meant:
        return None
    return (
        f"no loaded workload of namespace `{namespace}` has the service account `{name}`",
        "error" if snapshot.whole else "info",
        f"did you mean `{meant}`?" if meant else "",
    )


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.authorization)


RULE = Rule(
    code="NC502",
    name="identity-never-matches",
    severity="error",
    basis="syntactic",
    summary="An identity that no client has",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
