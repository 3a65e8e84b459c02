"""`--cni auto`: which network plugin a cluster runs, by what its objects show, and by which of them (CNI-1, CNI-2).

DaemonSets and what nodes report count first, then annotations of nodes, then installed API groups and CRDs, which may be left
over from a plugin that is gone. Several plugins of one rank are combined: one that enforces beside one that does not counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.load.admit import Admitted
from netcheck.load.check_common import listing, mapping, text
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
_STANDALONE, _ROUTES = _Plugin("kube-network-policies"), _Plugin("routes of the cloud", enforces=False)

_DAEMON_SETS = {
    "calico-node": _CALICO, "canal": _CALICO, "cilium": _CILIUM, "anetd": _CILIUM, "antrea-agent": _ANTREA,
    "ovnkube-node": _OVN, "kube-flannel-ds": _FLANNEL, "kube-flannel": _FLANNEL, "weave-net": _WEAVE, "aws-node": _AWS,
    "azure-npm": _AZURE, "kindnet": _KINDNET, "kube-router": _ROUTER, "kube-network-policies": _STANDALONE,
    "kube-ovn-cni": _KUBE_OVN,
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


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found: the profile, whether it enforces (None: as the profile says), and the evidence in words."""

    profile: str
    enforced: Switch | None
    message: str


def detect(items: Iterable[Admitted | FastPod], groups: Iterable[str]) -> Detection:
    """Return the profile that the objects and the served API groups speak for; `generic` if they speak for none."""
    ranks: tuple[dict[_Plugin, str], ...] = ({}, {}, {})
    switches: set[str] = set()
    for item in items:
        for rank, plugin, evidence in _signs(item):
            ranks[rank].setdefault(plugin, evidence)
        switches.update(_switches(item))
    for group in sorted(set(groups) & set(_GROUPS)):
        ranks[2].setdefault(_GROUPS[group], f"the API group {group}")
    found: dict[_Plugin, str] = next((rank for rank in ranks if rank), {})
    return _decided(found, switches)


def _decided(found: dict[_Plugin, str], switches: set[str]) -> Detection:
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
        return _aws(told, switches)
    if not enforcing:
        if _FLANNEL in found:
            return Detection("flannel", Switch.NO, f"`--cni auto` finds {told}, which enforces no policy")
        return Detection(
            _GENERIC, Switch.UNKNOWN, f"`--cni auto` finds {told}: who enforces policies, if anybody, cannot be told"
        )
    profiles = {plugin.profile for plugin in enforcing}
    profile = profiles.pop() if len(profiles) == 1 else _GENERIC
    return Detection(profile, None, f"`--cni auto` finds {told}: the `{profile}` profile counts")


def _aws(told: str, switches: set[str]) -> Detection:
    """Return what the AWS VPC CNI does: its network policy agent enforces policies only if it is switched on (CNI-1)."""
    if switches == {"true"}:
        return Detection("aws-vpc", None, f"`--cni auto` finds {told} with its network policy agent on")
    if switches:
        return Detection("aws-vpc", Switch.NO, f"`--cni auto` finds {told} with its network policy agent off")
    return Detection(
        "aws-vpc", Switch.UNKNOWN, f"`--cni auto` finds {told}: whether its network policy agent is on is not told"
    )


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
    elif item.kind == "CustomResourceDefinition":
        group = text(mapping(item.value.get("spec")).get("group"))
        if group in _GROUPS:
            yield 2, _GROUPS[group], item.label


def _of_node(item: Admitted) -> Iterator[tuple[int, _Plugin, str]]:
    for condition in map(mapping, listing(mapping(item.value.get("status")).get("conditions"))):
        reason = text(condition.get("reason"))
        if condition.get("type") == "NetworkUnavailable" and reason in _REASONS:
            yield 0, _REASONS[reason], f"{item.label} reports {reason}"
    for key in sorted(mapping(mapping(item.value.get("metadata")).get("annotations"))):
        for prefix, plugin in _ANNOTATIONS:
            if key.startswith(prefix):
                yield 1, plugin, f"{item.label} is annotated {key}"


def _switches(item: Admitted | FastPod) -> Iterator[str]:
    """Yield how the network policy agent of the AWS VPC CNI is switched."""
    if isinstance(item, FastPod) or item.kind != "DaemonSet" or item.name != "aws-node":
        return
    template = mapping(mapping(item.value.get("spec")).get("template"))
    for container in map(mapping, listing(mapping(template.get("spec")).get("containers"))):
        for argument in map(text, listing(container.get("args"))):
            name, _, value = argument.partition("=")
            if name == "--enable-network-policy":
                yield value or "true"
