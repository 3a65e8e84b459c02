"""Pods that do not exist yet, one for each way in which a rule's peer could be met: with the fewest labels that meet it.

One that some rule lets in shows that such a pod, once somebody makes it, reaches what the rule protects. That none gets
in proves nothing: labels can be combined in other ways, and that is the solver's question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from netcheck.model.admin import AdminPods
from netcheck.model.cluster import Cluster
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod, WorkloadId
from netcheck.model.policy import IPBlockPeer, PodPeer
from netcheck.model.profile import Switch
from netcheck.values.addresses import IPSet, address_text
from netcheck.values.labels import LabelSelector, Operator, Requirement

MOST_HYPOTHETICAL_PODS = 2_000
"""So many peers are tried with a pod of their own; what further ones let in is left to the solver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a pod must have to be let in. All empty: any new pod in a namespace without policies of its own.

    Attributes:
        namespace: the namespace that it must be made in, or empty: any.
        labels, namespace_labels: of the pod, and of its namespace (without the automatic name label).
        block: the ipBlock that must hold its address, or None.
    """

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    block: IPBlockPeer | None = None

    @property
    def within(self) -> str:
        """The addresses that its own must be one of, as text, or empty."""
        if self.block is None:
            return ""
        excepted = f" except {', '.join(self.block.excepts)}" if self.block.excepts else ""
        return f"{self.block.cidr}{excepted}"

    @property
    def cost(self) -> tuple[int, int, str]:
        """Sorts the weakest first: by how many facts must be so, a given namespace and an address among them."""
        facts = len(self.labels) + len(self.namespace_labels) + bool(self.namespace) + (self.block is not None)
        return facts, self.block is not None, f"{self.namespace} {sorted(self.labels.items())} {self.within}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HypotheticalPod:
    """A pod that could be made, and the namespace that would be made for it, if it is new."""

    pod: Pod
    namespace: Namespace | None
    needs: Needs


def hypothetical_pods(cluster: Cluster) -> tuple[HypotheticalPod, ...]:
    """Return a pod for each different peer of the loaded ingress rules, the weakest first; one needs nothing."""
    wanted: dict[str, Needs] = {"": Needs()}
    for needs in _needs(cluster):
        wanted.setdefault(repr((needs.cost, sorted(needs.namespace_labels.items()))), needs)
    ordered = sorted(wanted.values(), key=lambda needs: (needs.cost, sorted(needs.namespace_labels.items())))
    return tuple(
        _hypothetical(cluster, number, needs) for number, needs in enumerate(ordered[:MOST_HYPOTHETICAL_PODS], 1)
    )


def with_hypothetical_pods(cluster: Cluster, found: tuple[HypotheticalPod, ...]) -> Cluster:
    """Return the cluster in which the hypothetical pods exist, after all its own pods."""
    made = {item.namespace.name: item.namespace for item in found if item.namespace is not None}
    return replace(
        cluster,
        pods=(*cluster.pods, *(item.pod for item in found)),
        namespaces={**cluster.namespaces, **made},
    )


def _needs(cluster: Cluster) -> Iterator[Needs]:
    for policy in cluster.policies:
        for rule in policy.ingress:
            for peer in rule.peers:
                if isinstance(peer, PodPeer):
                    home = policy.namespace if peer.namespace_selector is None else ""
                    yield from _selected(cluster, home, peer.namespace_selector, peer.pod_selector)
                else:
                    yield from _within(cluster, peer)
    for admin in cluster.admin:
        for admin_rule in admin.ingress:
            for subject in admin_rule.peers:
                if isinstance(subject, AdminPods):
                    yield from _selected(cluster, "", subject.namespace_selector, subject.pod_selector)


def _selected(cluster: Cluster, home: str, spaces: LabelSelector | None, pods: LabelSelector | None) -> Iterator[Needs]:
    labels = labels_for(pods or LabelSelector())
    space = labels_for(spaces or LabelSelector())
    if labels is None or space is None:
        return
    name = space.pop(NAMESPACE_NAME_LABEL, home)
    existing = cluster.namespaces.get(name)
    if existing is not None:
        if (spaces or LabelSelector()).matches({NAMESPACE_NAME_LABEL: name, **existing.labels}):
            yield Needs(namespace=name, labels=labels)
        return
    yield Needs(namespace=name, labels=labels, namespace_labels=space)


def _within(cluster: Cluster, peer: IPBlockPeer) -> Iterator[Needs]:
    """NP-20: a block lets in the pods whose addresses it holds, where the plugin matches pods by address at all."""
    if cluster.profile.cidr_matches_pods is Switch.NO:
        return
    if _usable(cluster, peer):
        yield Needs(block=peer)


def _usable(cluster: Cluster, block: IPBlockPeer) -> IPSet:
    """Return the addresses of a block that a pod may have."""
    held = IPSet.of_cidrs(block.cidr) - IPSet.of_cidrs(*block.excepts)
    return held & IPSet.of_cidrs(*cluster.addressing.pods_lie_in())


def labels_for(selector: LabelSelector) -> dict[str, str] | None:
    """Return the fewest labels that a selector matches, or None if there are none."""
    by_key: dict[str, list[Requirement]] = {}
    for requirement in selector.requirements:
        by_key.setdefault(requirement.key, []).append(requirement)
    found: dict[str, str] = {}
    for key, tests in sorted(by_key.items()):
        if all(test.matches(None) for test in tests):
            continue
        value = next((value for value in _values(tests) if all(test.matches(value) for test in tests)), None)
        if value is None:
            return None
        found[key] = value
    return found


def _values(tests: list[Requirement]) -> list[str]:
    """Return values that tell whether some value meets the tests: those named, and one that none of them names."""
    named = sorted({value for test in tests if test.operator is Operator.IN for value in test.values})
    taken = {value for test in tests for value in test.values}
    other = "any"
    while other in taken:
        other += "-other"
    return [*named, other]


def _hypothetical(cluster: Cluster, number: int, needs: Needs) -> HypotheticalPod:
    namespace: Namespace | None = None
    home = needs.namespace
    if not home or home not in cluster.namespaces:
        home = home or _free(cluster, number)
        namespace = Namespace(name=home, labels={**needs.namespace_labels, NAMESPACE_NAME_LABEL: home})
    name = f"some-new-pod-{number}"
    addresses: tuple[str, ...] = ()
    if needs.block is not None:
        held = _usable(cluster, needs.block)
        version = 4 if held.v4 else 6
        addresses = (address_text(version, held.of_family(version)[0][0]),)
    pod = Pod(
        namespace=home,
        name=name,
        workload=WorkloadId(home, "Pod", name),
        labels=dict(needs.labels),
        addresses=addresses,
    )
    return HypotheticalPod(pod=pod, namespace=namespace, needs=needs)


def _free(cluster: Cluster, number: int) -> str:
    name = f"some-new-namespace-{number}"
    while name in cluster.namespaces:
        name += "-x"
    return name
