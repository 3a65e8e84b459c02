"""`--cni auto`: which network plugin a cluster runs, by what its objects show, and by which of them (CNI-1, CNI-2).

DaemonSets and what nodes report count first, then annotations of nodes, then installed API groups and CRDs, which may be left
over from a plugin that is gone. Several plugins of one rank are combined: one that enforces beside one that does not counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from netcheck.load.admit import Admitted
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.cni_settings import Effect, Setting, effect, settings
from netcheck.load.fast_json import FastPod
from netcheck.model.profile import Switch

_GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class _Plugin:
    """A network plugin: the profile that describes it, and whether it enforces policies."""

    name: str
    profile: str = _GENERIC
    enforces: bool = True


_CALICO, _CILIUM = _Plugin("Calico", "calico"), _Plugin("Cilium", "cilium")
_ANTREA, _OVN = _Plugin("Antrea", "antrea"), _Plugin("OVN-Kubernetes", "ovn-kubernetes")
_AWS, _KINDNET = _Plugin("the AWS VPC CNI", "aws-vpc"), _Plugin("kindnet", "kindnet")
_FLANNEL = _Plugin("Flannel", "flannel", enforces=False)
_WEAVE, _ROUTER = _Plugin("Weave Net"), _Plugin("kube-router")
_AZURE, _KUBE_OVN = _Plugin("Azure NPM"), _Plugin("Kube-OVN")
_SDN, _K3S = _Plugin("OpenShift SDN"), _Plugin("the policy controller of k3s")
_AZURE_CNI = _Plugin("Azure CNI", enforces=False)
_STANDALONE, _ROUTES = _Plugin("kube-network-policies"), _Plugin("routes of the cloud", enforces=False)

_DAEMON_SETS = {
    "calico-node": _CALICO, "canal": _CALICO, "cilium": _CILIUM, "anetd": _CILIUM, "antrea-agent": _ANTREA,
    "ovnkube-node": _OVN, "kube-flannel-ds": _FLANNEL, "kube-flannel": _FLANNEL, "weave-net": _WEAVE, "aws-node": _AWS,
    "azure-npm": _AZURE, "kindnet": _KINDNET, "kube-router": _ROUTER, "kube-network-policies": _STANDALONE,
    "kube-ovn-cni": _KUBE_OVN, "rke2-canal": _CALICO, "azure-cns": _AZURE_CNI,
}  # fmt: skip
_REASONS = {
    "CalicoIsUp": _CALICO, "CiliumIsUp": _CILIUM, "FlannelIsUp": _FLANNEL, "WeaveIsUp": _WEAVE, "RouteCreated": _ROUTES,
}  # fmt: skip
_ANNOTATIONS = (
    ("projectcalico.org/", _CALICO), ("network.cilium.io/", _CILIUM), ("io.cilium.network", _CILIUM),
    ("k8s.ovn.org/node-subnets", _OVN), ("node.antrea.io/", _ANTREA), ("kube-router.io/", _ROUTER),
    ("flannel.alpha.coreos.com/", _FLANNEL),
)  # fmt: skip
_GROUPS = {
    "crd.projectcalico.org": _CALICO, "projectcalico.org": _CALICO, "cilium.io": _CILIUM, "crd.antrea.io": _ANTREA,
    "k8s.ovn.org": _OVN, "networking.k8s.aws": _AWS, "kubeovn.io": _KUBE_OVN,
}  # fmt: skip


_NETWORK_TYPES = {
    "OVNKubernetes": _OVN, "OpenShiftSDN": _SDN, "Calico": _CALICO, "Cilium": _CILIUM, "Kuryr": _Plugin("Kuryr"),
}  # fmt: skip
_SETTINGS_OF = {"calico": "", "cilium": "cilium", "aws-vpc": "aws", "kindnet": "kindnet"}


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found: the profile, whether it enforces (None: as the profile says), and the evidence in words.

    `switches` are what the plugin's settings say otherwise than the profile; `isolates_all` is true iff they isolate pods
    that no policy selects too.
    """

    profile: str
    enforced: Switch | None
    message: str
    switches: tuple[tuple[str, Switch], ...] = ()
    isolates_all: bool = False


def detect(items: Iterable[Admitted | FastPod], groups: Iterable[str]) -> Detection:
    """Return the profile that the objects and the served API groups speak for; `generic` if they speak for none."""
    ranks: tuple[dict[_Plugin, str], ...] = ({}, {}, {})
    said: set[Setting] = set()
    for item in items:
        for rank, plugin, evidence in _signs(item):
            ranks[rank].setdefault(plugin, evidence)
        if isinstance(item, Admitted):
            said.update(settings(item))
    if any(item.plugin == "k3s" for item in said):
        ranks[1].pop(_K3S, None)
    elif _K3S in ranks[1] and _FLANNEL in ranks[0]:
        ranks[0][_K3S] = ranks[1][_K3S]
    for group in sorted(set(groups) & set(_GROUPS)):
        ranks[2].setdefault(_GROUPS[group], f"the API group {group}")
    found: dict[_Plugin, str] = next((rank for rank in ranks if rank), {})
    decided = _decided(found, said)
    if decided.profile == "cilium" and not any(item.plugin == "cilium" for item in said):
        decided = replace(decided, message=f"{decided.message}; of its settings, nothing is in the input")
    return _adjusted(decided, effect(_SETTINGS_OF.get(decided.profile, ""), said))


def _adjusted(found: Detection, change: Effect) -> Detection:
    """Return what was found as the settings of the plugin have it."""
    if found.profile == "aws-vpc" or not change.evidence:
        return found
    enforced = dict(change.switches).get("enforced", found.enforced)
    told = ", which enforces no NetworkPolicy" if enforced is Switch.NO else ""
    if change.isolates_all:
        told = ", which isolates pods that no policy selects, too"
    return replace(
        found,
        enforced=enforced,
        switches=tuple((name, value) for name, value in change.switches if name != "enforced"),
        isolates_all=change.isolates_all,
        message=f"{found.message}; it is set otherwise by {change.evidence}{told}",
    )


def _decided(found: dict[_Plugin, str], said: set[Setting]) -> Detection:
    if not found:
        text_ = (
            "`--cni auto` finds no network plugin: the `generic` profile counts, and who enforces policies is not known"
        )
        return Detection(_GENERIC, None, text_)
    told = "; ".join(
        f"{plugin.name} ({evidence})" for plugin, evidence in sorted(found.items(), key=lambda one: one[0].name)
    )
    enforcing = [plugin for plugin in found if plugin.enforces]
    if _AWS in enforcing and len(enforcing) > 1:
        enforcing.remove(_AWS)  # its policy agent is off where another plugin enforces
    if enforcing == [_AWS]:
        return _aws(told, effect("aws", said))
    if not enforcing:
        if _FLANNEL in found:
            return Detection("flannel", Switch.NO, f"`--cni auto` finds {told}, which enforces no policy")
        return Detection(
            _GENERIC, Switch.UNKNOWN, f"`--cni auto` finds {told}: who enforces policies, if anybody, cannot be told"
        )
    profiles = {plugin.profile for plugin in enforcing}
    profile = profiles.pop() if len(profiles) == 1 else _GENERIC
    return Detection(profile, None, f"`--cni auto` finds {told}: the `{profile}` profile counts")


def _aws(told: str, change: Effect) -> Detection:
    """Return what the AWS VPC CNI does: its network policy agent enforces policies only if it is switched on (CNI-1)."""
    if not change.evidence:
        return Detection(
            "aws-vpc", Switch.UNKNOWN, f"`--cni auto` finds {told}: whether its network policy agent is on is not told"
        )
    enforced = dict(change.switches).get("enforced")
    word = {None: "on", Switch.NO: "off"}.get(enforced, "on and off, as what sets it disagrees")
    message = f"`--cni auto` finds {told} with its network policy agent {word} ({change.evidence})"
    return Detection("aws-vpc", enforced, message)


def _signs(item: Admitted | FastPod) -> Iterator[tuple[int, _Plugin, str]]:
    """Yield (rank, plugin, evidence) of each sign of a plugin in an object."""
    if isinstance(item, FastPod):
        owner = item.facts.owner
        if owner is not None and owner.kind == "DaemonSet" and owner.name in _DAEMON_SETS:
            yield 0, _DAEMON_SETS[owner.name], f"DaemonSet {item.namespace}/{owner.name}"
    elif item.kind == "DaemonSet" and item.name in _DAEMON_SETS:
        yield 0, _DAEMON_SETS[item.name], item.label
    elif item.kind == "Node" and not item.group:
        yield from _of_node(item)
    elif item.kind == "Installation" and item.group == "operator.tigera.io":
        yield 0, _CALICO, item.label
    elif item.kind == "Network" and item.group == "config.openshift.io":
        kind = text(mapping(item.value.get("status")).get("networkType"))
        kind = kind or text(mapping(item.value.get("spec")).get("networkType"))
        if kind:
            yield 0, _NETWORK_TYPES.get(kind, _Plugin(kind, enforces=False)), f"{item.label} says {kind}"
    elif item.kind == "CustomResourceDefinition":
        group = text(mapping(item.value.get("spec")).get("group"))
        if group in _GROUPS:
            yield 2, _GROUPS[group], item.label


def _of_node(item: Admitted) -> Iterator[tuple[int, _Plugin, str]]:
    for condition in map(mapping, listing(mapping(item.value.get("status")).get("conditions"))):
        reason = text(condition.get("reason"))
        if condition.get("type") == "NetworkUnavailable" and reason in _REASONS:
            yield 0, _REASONS[reason], f"{item.label} reports {reason}"
    version = text(mapping(mapping(item.value.get("status")).get("nodeInfo")).get("kubeletVersion"))
    if "+k3s" in version:
        yield 1, _K3S, f"{item.label} runs {version}"
    for key in sorted(mapping(mapping(item.value.get("metadata")).get("annotations"))):
        for prefix, plugin in _ANNOTATIONS:
            if key.startswith(prefix):
                yield 1, plugin, f"{item.label} is annotated {key}"
