"""How a network plugin is set: what its ConfigMap, its DaemonSet or the nodes say of enforcement (CNI-1, CNI-2).

Only named ConfigMaps are read, of these only the keys that are named here, and nothing depends on their being there (LIVE-3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from netcheck.load.admit import Admitted
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.live_kinds import SETTINGS
from netcheck.model.profile import Switch

_KINDNET_IMAGE = re.compile(r"kindnetd:v(\d{8})-")
_KINDNET_ENFORCES_FROM = "20240813"
"""The first build of kindnet that comes with kind v0.24, and enforces policies."""
_OFF = "--disable-network-policy"


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """What an object says of a plugin: its name as in `detect_cni`, the key and its value, and the object's name."""

    plugin: str
    key: str
    value: str
    where: str

    @property
    def evidence(self) -> str:
        """`enable-policy=never in ConfigMap kube-system/cilium-config`."""
        return f"{self.key}={self.value} in {self.where}"


def settings(item: Admitted) -> Iterator[Setting]:
    """Yield what an object says of how a plugin is set."""
    if item.kind == "ConfigMap":
        yield from _of_config_map(item)
    elif item.kind == "DaemonSet" and item.name == "aws-node":
        yield from _of_aws(item)
    elif item.kind == "DaemonSet" and item.name == "kindnet":
        yield from _of_kindnet(item)
    elif item.kind == "Node" and not item.group:
        annotations = mapping(mapping(item.value.get("metadata")).get("annotations"))
        if _OFF in text(annotations.get("k3s.io/node-args")):
            yield Setting("k3s", "disable-network-policy", "true", item.label)


def _of_config_map(item: Admitted) -> Iterator[Setting]:
    for wanted in SETTINGS:
        if (item.namespace, item.name) == (wanted.namespace, wanted.name):
            data = mapping(item.value.get("data"))
            for key in wanted.keys:
                if isinstance(data.get(key), str):
                    yield Setting(wanted.plugin, key, data[key].strip().lower(), item.label)


def _containers(item: Admitted) -> Iterator[dict[str, object]]:
    template = mapping(mapping(item.value.get("spec")).get("template"))
    yield from map(mapping, listing(mapping(template.get("spec")).get("containers")))


def _of_aws(item: Admitted) -> Iterator[Setting]:
    """Yield how the network policy agent is switched: by an argument, or a variable of the same meaning."""
    for container in _containers(item):
        for argument in map(text, listing(container.get("args"))):
            name, _, value = argument.partition("=")
            if name == "--enable-network-policy":
                yield Setting("aws", "enable-network-policy", (value or "true").lower(), item.label)
        for variable in map(mapping, listing(container.get("env"))):
            if variable.get("name") == "ENABLE_NETWORK_POLICY" and variable.get("value"):
                yield Setting("aws", "ENABLE_NETWORK_POLICY", text(variable["value"]).lower(), item.label)


def _of_kindnet(item: Admitted) -> Iterator[Setting]:
    for container in _containers(item):
        found = _KINDNET_IMAGE.search(text(container.get("image")))
        if found and found[1] < _KINDNET_ENFORCES_FROM:
            yield Setting("kindnet", "image", f"v{found[1]}", item.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What settings do to a profile: its switches, whether every pod is isolated, and the evidence in words."""

    switches: tuple[tuple[str, Switch], ...] = ()
    isolates_all: bool = False
    evidence: str = ""


def effect(plugin: str, found: set[Setting]) -> Effect:
    """Return what the settings of a plugin do."""
    mine = sorted(item for item in found if item.plugin == plugin)
    reader = {"cilium": _cilium, "aws": _aws, "kindnet": _never}.get(plugin)
    if reader is None or not mine:
        return Effect()
    return reader(mine)


def _cilium(mine: list[Setting]) -> Effect:
    switches: dict[str, Switch] = {}
    told: list[str] = []
    isolates_all = False
    for item in mine:
        said = dict(_CILIUM.get((item.key, item.value), ()))
        if item.key == "policy-cidr-match-mode":
            modes = {"nodes": "cidrMatchesNodes", "pods": "cidrMatchesPods"}
            said = {name: Switch.YES for mode, name in modes.items() if mode in re.split(r"[,\s]+", item.value)}
        always = (item.key, item.value) == ("enable-policy", "always")
        isolates_all |= always
        if said or always:
            told.append(item.evidence)
        switches.update(said)
    return Effect(
        switches=tuple(sorted(switches.items(), key=_name)), isolates_all=isolates_all, evidence="; ".join(told)
    )


def _name(item: tuple[str, Switch]) -> str:
    return item[0]


_CILIUM: dict[tuple[str, str], tuple[tuple[str, Switch], ...]] = {
    ("enable-policy", "never"): (("enforced", Switch.NO),),
    ("enable-k8s-networkpolicy", "false"): (("enforced", Switch.NO),),
    ("allow-localhost", "policy"): (("ownNodeIngress", Switch.NO),),
}


def _aws(mine: list[Setting]) -> Effect:
    """The agent enforces only if it and its controller are on; what contradicts itself is not known."""
    values = {item.value for item in mine}
    told = "; ".join(item.evidence for item in mine)
    if values == {"true"}:
        return Effect(evidence=told)
    return Effect(switches=(("enforced", Switch.UNKNOWN if "true" in values else Switch.NO),), evidence=told)


def _never(mine: list[Setting]) -> Effect:
    return Effect(switches=(("enforced", Switch.NO),), evidence="; ".join(item.evidence for item in mine))
