"""Policies that no network plugin enforces.

What it finds: NetworkPolicies in an input whose only network plugin does not enforce them: Flannel alone, the AWS VPC CNI with
its network policy agent switched off, or what `--cni` or `--assume enforced=no` says.
Why it matters: the API server takes the policies, and nothing else happens: every pod may talk to every other one.
When to ignore it: another plugin is installed beside the one that was found.
How it is decided: by the DaemonSets of network plugins that are loaded. An error where the input is known to be whole or the
profile says so, else a warning. Where no plugin is found there is no finding.
Source: SEMANTICS CNI-1, CNI-2, NP-36.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.errors import Place
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import counted
from netcheck.model.objects import Pod
from netcheck.model.profile import Switch

BAD = """
apiVersion: apps/v1  # finds: NC122
kind: DaemonSet
metadata: {name: kube-flannel-ds, namespace: kube-flannel}
spec:
  selector: {matchLabels: {app: flannel}}
  template:
    metadata: {labels: {app: flannel}}
    spec: {hostNetwork: true, containers: [{name: kube-flannel, image: flannel}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""

BAD_PROFILE = """
# cni: flannel
apiVersion: networking.k8s.io/v1  # finds: NC122
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""

GOOD = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: canal, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: canal}}
  template:
    metadata: {labels: {k8s-app: canal}}
    spec: {hostNetwork: true, containers: [{name: calico-node, image: calico}, {name: kube-flannel, image: flannel}]}
"""

_ENFORCERS = (
    "calico", "canal", "cilium", "anetd", "antrea", "ovnkube", "ovn-", "weave", "kube-router", "azure-npm", "kindnet",
    "network-polic", "kube-ovn", "tigera", "romana", "contiv", "sdn", "nsx", "aws-node",
)  # fmt: skip
_IDLE = ("kube-flannel", "flannel")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield at most one finding."""
    cluster = snapshot.cluster
    if not cluster.policies:
        return
    number = counted(len(cluster.policies), "NetworkPolicy", "NetworkPolicies")
    if cluster.profile.enforced is Switch.NO:
        first = cluster.policies[0]
        yield RULE.finding(
            f"no effect of {number}: the `{cluster.profile.name}` profile enforces none",
            about=first.label,
            place=first.place,
            hint="install a plugin that enforces them, or name the right one with --cni",
        )
        return
    for name, kind, place in _idle(snapshot):
        yield RULE.finding(
            f"no effect of {number}: `{name}` is the only network plugin here, and {kind}",
            about=f"DaemonSet {name}",
            place=place,
            severity="error" if snapshot.whole else "warning",
            related=tuple(
                Related(message="is not enforced", place=policy.place, object=policy.label)
                for policy in cluster.policies[:3]
            ),
            hint="install a plugin that enforces them beside it or instead of it, e.g. Calico or kube-network-policies",
        )


def _idle(snapshot: Snapshot) -> Sequence[tuple[str, str, Place | None]]:
    """Return (name, why, place) of the first plugin that enforces nothing, iff no workload is one that does."""
    names = {pod.workload.name for pod in snapshot.cluster.pods}
    off = [plugin for plugin in snapshot.cluster.plugins if plugin.enforces is Switch.NO]
    others = {name for name in names if any(word in name for word in _ENFORCERS)} - {plugin.name for plugin in off}
    if others:
        return ()
    if off:
        label = f"{off[0].namespace}/{off[0].name}"
        return ((label, "its network policy agent is switched off", off[0].place),)
    found = [pod for pod in snapshot.cluster.pods if _is_idle(pod)]
    if not found:
        return ()
    identity = found[0].workload
    workload = snapshot.cluster.workloads.get(identity)
    place = workload.place if workload is not None else found[0].place
    return ((f"{identity.namespace}/{identity.name}", "Flannel leaves policies to others", place or found[0].place),)


def _is_idle(pod: Pod) -> bool:
    return pod.workload.kind == "DaemonSet" and pod.host_network and pod.workload.name.startswith(_IDLE)


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.policies)


RULE = Rule(
    code="NC122",
    name="policies-not-enforced",
    severity="error",
    basis="syntactic",
    summary="Policies that no network plugin enforces",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD, BAD_PROFILE),
    good=(GOOD,),
)
