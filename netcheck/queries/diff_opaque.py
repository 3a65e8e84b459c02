"""What policies of unknown effect may read, on two sides: such a policy does the same on both iff nothing of it differs.

A label can be read only by its key, and an address only by a range, that stands in the text of a policy or of an object
that policies read; Services only where they are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.objects import Namespace, Node, Pod
from netcheck.model.policy import UNREADABLE, Companion, OpaquePolicy, PolicyFamily

_OWN_KEYS = re.compile(r"(istio\.io|linkerd\.io|ovn\.org|cilium\.io|projectcalico\.org|antrea\.io)(/|$)")
"""Labels that plugins and meshes read unasked."""
_SERVICES = re.compile(r'"(?!serviceAccount)(\w*[sS]ervices?|\w*[sS]erviceReference\w*)"')
_V4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?")
_V6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:/\d{1,3})?")
_RANGE = re.compile(r"\d\s*-\s*\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]+:\s*-\s*[0-9A-Fa-f]+:")
_READ_BY_SERVICE = frozenset({PolicyFamily.MESH})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    """Something that policies of one family (None: any) may read and that differs."""

    family: PolicyFamily | None
    label: str


class Surroundings:
    """Both sides as policies of unknown effect may see them."""

    def __init__(self, base: Cluster, head: Cluster) -> None:
        self._clusters = (base, head)
        self._keys: dict[str, bool] = {}

    @cached_property
    def changed(self) -> frozenset[str]:
        """The labels of the policies of unknown effect that are not known to do the same on both sides."""
        before, after = self._labelled
        families = {item.family for item in self._differences}
        found = set()
        for label in {*before, *after}:
            old, new = before.get(label, ()), after.get(label, ())
            blind = any(not policy.text for policy in (*old, *new))
            if old != new or blind or any({None, policy.family} & families for policy in new):
                found.add(label)
        return frozenset(found)

    def reasons(self, labels: Iterable[str]) -> Iterator[Reason]:
        """Yield which of the policies with these labels differ, and what of what they may read besides the two ends."""
        wanted = set(labels)
        before, after = self._labelled
        for label in sorted(wanted):
            old, new = before.get(label, ()), after.get(label, ())
            if old != new:
                whose = (old or new)[0].family.value
                yield Reason(rule="NET-18", message=f"{label}{f' of {whose}' if whose else ''} differs")
        families = {item.family for label in wanted for side in self._labelled for item in side.get(label, ())}
        for item in self._differences:
            if item.family is None or item.family in families:
                message = f"{item.label} differs, which policies of unknown effect may read"
                yield Reason(rule="NET-18", message=message)

    @cached_property
    def _labelled(self) -> tuple[dict[str, tuple[OpaquePolicy, ...]], ...]:
        return tuple(_by_label(cluster.opaque) for cluster in self._clusters)

    @cached_property
    def _differences(self) -> tuple[_Difference, ...]:
        return tuple(dict.fromkeys((*self._of_companions(), *self._of_services())))

    def _of_companions(self) -> Iterator[_Difference]:
        before, after = (_companions(cluster) for cluster in self._clusters)
        for label in sorted({*before, *after}):
            old, new = before.get(label, ()), after.get(label, ())
            if old != new:
                for one in {item.family for item in (*old, *new)}:
                    yield _Difference(family=None if one is PolicyFamily.BUILT_IN else one, label=label)

    def _of_services(self) -> Iterator[_Difference]:
        base, head = self._clusters
        if (base.services, base.endpoint_slices) == (head.services, head.endpoint_slices):
            return
        before, after = (
            {f"Service {item.namespace}/{item.name}": item for item in one.services} for one in self._clusters
        )
        names = [label for label in sorted({*before, *after}) if before.get(label) != after.get(label)]
        for family in {policy.family for policy in self._policies} - {PolicyFamily.BUILT_IN}:
            texts = self._texts_of(family)
            if family in _READ_BY_SERVICE or any(_SERVICES.search(text) for text in texts):
                for label in names or ("an EndpointSlice",):
                    yield _Difference(family=family, label=label)

    # ---- ends --------------------------------------------------------------------------------------------------

    def pod(self, number: int, pod: Pod, *, at_node: bool) -> object:
        """Return what of a pod may be read on a side (0: BASE); `at_node`: also where it runs."""
        space = self._clusters[number].namespaces.get(pod.namespace)
        return (
            self._labels(pod.labels),
            pod.namespace,
            self._space(space),
            pod.service_account,
            pod.host_network,
            tuple((port.name, port.protocol, port.number) for port in pod.ports),
            self._addresses(pod.addresses),
            pod.mesh,
            (pod.node, pod.node_address, self._nodes[number].get(pod.node)) if at_node or pod.host_network else (),
        )

    def node(self, node: Node) -> object:
        """Return what of a node may be read."""
        return (node.name, tuple(sorted(node.labels.items())), node.addresses)

    @cached_property
    def _nodes(self) -> list[dict[str, object]]:
        return [{node.name: self.node(node) for node in cluster.nodes} for cluster in self._clusters]

    def _space(self, space: Namespace | None) -> object:
        return None if space is None else (self._labels(space.labels), space.labels_known)

    def _labels(self, labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((key, value) for key, value in labels.items() if self._reads(key)))

    def _reads(self, key: str) -> bool:
        found = self._keys.get(key)
        if found is None:
            own = bool(_OWN_KEYS.search(key.partition("/")[0] + "/"))
            found = self._keys[key] = self._reads_all or own or any(key in text for text in self._texts)
        return found

    def _addresses(self, addresses: tuple[str, ...]) -> object:
        """Return the ranges that hold each address; the address itself where ranges are written in other ways."""
        return addresses if self._reads_whole_addresses else tuple(sorted(map(self._ranges, addresses)))

    def _ranges(self, written: str) -> tuple[int, tuple[str, ...]]:
        address = ip_address(written)
        held = tuple(str(one) for one in self._networks if one.version == address.version and address in one)
        return address.version, held

    @cached_property
    def _reads_whole_addresses(self) -> bool:
        return self._reads_all or any(_RANGE.search(text) for text in self._texts)

    @cached_property
    def _networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        found = set()
        for text in self._texts:
            for written in (*_V4.findall(text), *_V6.findall(text)):
                try:
                    found.add(ip_network(written, strict=False))
                except ValueError:
                    continue
        return tuple(sorted(found, key=str))

    @cached_property
    def _policies(self) -> tuple[OpaquePolicy, ...]:
        return tuple(policy for cluster in self._clusters for policy in cluster.opaque)

    @cached_property
    def _companions(self) -> tuple[Companion, ...]:
        return tuple(item for cluster in self._clusters for item in cluster.companions)

    @cached_property
    def _reads_all(self) -> bool:
        return any(policy.text.startswith(UNREADABLE) for policy in self._policies)

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        texts = [policy.text for policy in self._policies]
        return tuple(dict.fromkeys(texts + [item.text for item in self._companions]))

    def _texts_of(self, family: PolicyFamily) -> list[str]:
        texts = [policy.text for policy in self._policies if policy.family is family]
        return texts + [item.text for item in self._companions if item.family is family]


def _by_label(policies: Iterable[OpaquePolicy]) -> dict[str, tuple[OpaquePolicy, ...]]:
    found: dict[str, tuple[OpaquePolicy, ...]] = {}
    for policy in policies:
        found[policy.label] = (*found.get(policy.label, ()), policy)
    return found


def _companions(cluster: Cluster) -> dict[str, tuple[Companion, ...]]:
    found: dict[str, tuple[Companion, ...]] = {}
    for item in cluster.companions:
        found[item.label] = (*found.get(item.label, ()), item)
    return found
