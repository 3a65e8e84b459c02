"""The complete world in which one flow is judged: its two ends, and every fact about them that a rule may read.

A fact that the input holds is read from it; a missing one is settled by the `Completion`. So the rules, which
see only a `World`, never meet an unknown. What a policy means is not decided here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from netcheck.errors import InternalError
from netcheck.model.admin import AdminNetworks, AdminNodes, AdminPeer, AdminPods, AdminPolicy
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, OwnNodeEnd, PodEnd
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Node, Pod
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, OpaquePolicy, Peer, PodPeer
from netcheck.model.profile import Switch
from netcheck.semantics.completions import Completion, Fact
from netcheck.semantics.matching import Labels, address_in, family_of
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol

T = TypeVar("T")


class Kind(Enum):
    """What an end of a flow is. `ADDRESS` is one that is no known pod and no known node."""

    POD = "pod"
    NODE = "node"
    OWN_NODE = "own node"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of the flow.

    Attributes:
        role: `source` or `destination`.
        pod: the pod, iff the kind is POD.
        node: the loaded node that it is, or whose addresses it has as a host-network pod, or None.
        name: how messages call it.
        addresses: the addresses it is known to have.
        lies_in: the CIDRs in which its address lies when it is known to have none.
    """

    role: str
    kind: Kind
    name: str
    pod: Pod | None = None
    node: Node | None = None
    addresses: tuple[str, ...] = ()
    lies_in: tuple[str, ...] = ()

    @property
    def families(self) -> tuple[int, ...]:
        """NET-2: those of its known addresses, else those in which it may lie."""
        return tuple(sorted({family_of(text) for text in self.addresses or self.lies_in}))

    @property
    def host_network(self) -> bool:
        """NET-3: whether this is a pod that uses its node's addresses."""
        return self.pod is not None and self.pod.host_network


def party(cluster: Cluster, role: str, end: End, other: End) -> Party:
    """Describe an end; an own-node end is the node of the pod at the other end."""
    nodes = cluster.addressing.nodes_lie_in()
    match end:
        case PodEnd(pod):
            lies_in = nodes if pod.host_network else cluster.addressing.pods_lie_in()
            name = f"pod `{pod.namespace}/{pod.name}`"
            node = node_of(cluster, pod) if pod.host_network else None
            return Party(
                role=role, kind=Kind.POD, name=name, pod=pod, node=node, addresses=pod.addresses, lies_in=lies_in
            )
        case NodeEnd(node):
            name = f"node `{node.name}`"
            return Party(role=role, kind=Kind.NODE, name=name, node=node, addresses=node.addresses, lies_in=nodes)
        case AddressEnd(address):
            return Party(role=role, kind=Kind.ADDRESS, name=f"address `{address}`", addresses=(address,))
        case OwnNodeEnd():
            if not isinstance(other, PodEnd):
                raise InternalError("an own-node end needs a pod at the other end")
            name = f"the node of pod `{other.pod.namespace}/{other.pod.name}`"
            # A row of the own node speaks of every pod of a workload, and these run on different nodes (docs/cli.md).
            return Party(role=role, kind=Kind.OWN_NODE, name=name, node=node_of(cluster, other.pod), lies_in=nodes)


def node_of(cluster: Cluster, pod: Pod) -> Node | None:
    """ADM-16: return the loaded node that a pod names, or else, for a host-network pod, one that has its address."""
    named = (node for node in cluster.nodes if node.name == pod.node)
    sharing = (node for node in cluster.nodes if pod.host_network and set(node.addresses) & set(pod.addresses))
    return next(named, None) or next(sharing, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What stays the same in every completion.

    `policies` are those that select one of the two ends, `admin` those that may (see WL-3).
    """

    cluster: Cluster
    flow: Flow
    source: Party
    destination: Party
    policies: tuple[NetworkPolicy, ...]
    admin: tuple[AdminPolicy, ...] = ()


_SWITCHES = {
    "enforced": ("CNI-1", "whether the CNI enforces NetworkPolicies (`enforced`)"),
    "cidr_matches_pods": ("NP-20", "whether an ipBlock matches pod addresses (`cidrMatchesPods`)"),
    "cidr_matches_nodes": ("NP-20", "whether an ipBlock matches node addresses (`cidrMatchesNodes`)"),
    "host_net_subject": ("NET-3", "whether policies apply to host-network pods (`hostNetSubject`)"),
    "host_net_peer": ("NET-3", "whether selectors match host-network pods (`hostNetPeer`)"),
    "own_node_ingress": ("NET-4", "whether a pod's own node may always reach it (`ownNodeIngress`)"),
    "own_node_egress": ("NET-5", "whether a pod may always reach its own node (`ownNodeEgress`)"),
    "baseline_skipped_by_any_np": (
        "ADM-10",
        "whether any NetworkPolicy of a pod makes it skip the baseline tier (`baselineSkippedByAnyNP`)",
    ),
    "end_port": ("NP-28", "whether endPort is supported (`endPort`)"),
}


class OpaqueEffect(Enum):
    """What a policy whose effect is not known may do to a flow in one direction."""

    NOTHING = "nothing"
    ISOLATE = "isolate"
    ALLOW = "allow"
    DENY = "deny"


class World:
    """A setting with every missing fact settled by `completion`."""

    def __init__(self, setting: Setting, completion: Completion) -> None:
        self.setting = setting
        self.cluster = setting.cluster
        self._completion = completion

    def settle(self, fact: Fact, answers: Sequence[T]) -> T:
        """Return the answer that the completion gives to a fact that is missing."""
        return self._completion.settle(fact, answers)

    def subject(self, direction: Direction) -> Party:
        """Return the end whose policies are asked in `direction`."""
        return self.setting.destination if direction is Direction.INGRESS else self.setting.source

    def peer(self, direction: Direction) -> Party:
        """Return the end that the rules of `direction` speak about."""
        return self.setting.source if direction is Direction.INGRESS else self.setting.destination

    def switch(self, name: str) -> bool:
        """Appendix A: a switch is on or off; one that is unknown may be either."""
        value: Switch = getattr(self.cluster.profile, name)
        if value is not Switch.UNKNOWN:
            return value is Switch.YES
        rule, question = _SWITCHES[name]
        message = f"the profile `{self.cluster.profile.name}` does not tell {question}"
        return self._completion.settle(Fact(key=("switch", name), rule=rule, message=message), (True, False))

    def namespace_labels(self, name: str) -> Labels:
        """Return the labels of a namespace: its name label (NP-15), those given, and any others if not all are known (WL-3)."""
        namespace = self.cluster.namespaces.get(name) or Namespace(name=name, labels={}, labels_known=False)
        return lambda key: self._namespace_label(namespace, key)

    def _namespace_label(self, namespace: Namespace, key: str) -> str | None:
        if key == NAMESPACE_NAME_LABEL:
            return namespace.name
        if key in namespace.labels or namespace.labels_known:
            return namespace.labels.get(key)
        message = f"the label `{key}` of namespace `{namespace.name}` is not known"
        fact = Fact(key=("label", namespace.name, key), rule="WL-3", message=message, place=namespace.place)
        return self._completion.settle(fact, possible_values(namespace_selectors(self.setting), key))

    def node_labels(self, end: Party) -> Labels:
        """Return the labels of the node that an end is or uses (ADM-16); they may be any if it is not loaded."""
        if end.node is not None:
            return end.node.labels.get
        return lambda key: self._node_label(end, key)

    def _node_label(self, end: Party, key: str) -> str | None:
        node = end.name if end.kind is Kind.OWN_NODE else f"the node of {end.name}"
        message = f"the label `{key}` of {node} is not known"
        fact = Fact(key=("node label", end.role, key), rule="ADM-16", message=message)
        return self._completion.settle(fact, possible_values(node_selectors(self.setting), key))

    def resolves(self, name: str) -> bool:
        """ADM-17: whether the destination is among the addresses to which a domain name resolves."""
        message = f"whether the name `{name}` resolves to {self.setting.destination.name} is not known"
        key = ("domain", name.lower().rstrip("."))
        return self._completion.settle(Fact(key=key, rule="ADM-17", message=message), (True, False))

    def address(self, end: Party, version: int) -> str:
        """Return the end's address in a family, or anything in its CIDRs if none is known."""
        known = tuple(text for text in end.addresses if family_of(text) == version)
        if known:  # of a node with several the first, its InternalIP: what it sends from and is known by in the cluster
            return known[0]
        message = f"the IPv{version} address of {end.name} is not known"
        fact = Fact(key=("address", end.role, version), rule="NP-20", message=message)
        return self._completion.settle(fact, possible_addresses(self.setting, end, version))

    def named_port_has(self, pod: Pod, name: str, protocol: Protocol, number: int) -> bool:
        """NP-26: whether the pod's port of this name and protocol is `number`.

        Where several containers share the name, a plugin may take any of their numbers, or all: so each of several
        numbers may be taken or not.
        """
        numbers = {item.number for item in pod.ports if item.name == name and item.protocol == protocol.value}
        if number not in numbers or len(numbers) == 1:
            return number in numbers
        message = f"several containers of pod `{pod.namespace}/{pod.name}` name a {protocol.value} port `{name}`"
        fact = Fact(key=("named port", name), rule="NP-26", message=message, place=pod.place)
        return self._completion.settle(fact, (True, False))

    def opaque_effect(self, policy: OpaquePolicy, direction: Direction) -> OpaqueEffect:
        """NET-18 and others: an additive policy may isolate and allow (NP-5); any other may do what it likes."""
        effects = (OpaqueEffect.NOTHING, OpaqueEffect.ISOLATE, OpaqueEffect.ALLOW)
        if not policy.additive:
            effects = (OpaqueEffect.NOTHING, OpaqueEffect.ALLOW, OpaqueEffect.DENY)
        message = policy.message or f"the effect of {policy.label} is not known"
        fact = Fact(key=("opaque", policy, direction), rule=policy.rule, message=message, place=policy.place)
        return self._completion.settle(fact, effects)


def peers_of(policies: tuple[NetworkPolicy, ...]) -> Iterator[Peer]:
    """Yield every peer that the policies name."""
    for policy in policies:
        for rule in (*policy.ingress, *policy.egress):
            yield from rule.peers


def admin_peers_of(policies: tuple[AdminPolicy, ...]) -> Iterator[AdminPeer]:
    """Yield every peer that the admin policies name."""
    for policy in policies:
        for rule in (*policy.ingress, *policy.egress):
            yield from rule.peers


def namespace_selectors(setting: Setting) -> list[LabelSelector]:
    """Return every selector that may be asked about the labels of a namespace."""
    peers = [peer.namespace_selector for peer in peers_of(setting.policies) if isinstance(peer, PodPeer)]
    opaque = [policy.namespace_selector for policy in setting.cluster.opaque]
    subjects = [policy.subject.namespace_selector for policy in setting.admin]
    admin = [peer.namespace_selector for peer in admin_peers_of(setting.admin) if isinstance(peer, AdminPods)]
    return [selector for selector in (*peers, *opaque, *subjects, *admin) if selector is not None]


def node_selectors(setting: Setting) -> list[LabelSelector]:
    """Return every selector that may be asked about the labels of a node."""
    return [peer.selector for peer in admin_peers_of(setting.admin) if isinstance(peer, AdminNodes)]


def possible_values(selectors: list[LabelSelector], key: str) -> tuple[str | None, ...]:
    """Return what a label may be: absent, a value that some selector names, or another; no selector sees more.

    The other value is longer than any that is named, hence none of them.
    """
    tests = [test for selector in selectors for test in selector.requirements if test.key == key]
    named = sorted({value for test in tests for value in test.values})
    return (None, *named, "other" + "".join(named))


def blocks(setting: Setting, version: int) -> list[str]:
    """Return every CIDR of one family that may be asked about an address."""
    peers = [peer for peer in peers_of(setting.policies) if isinstance(peer, IPBlockPeer)]
    texts = [text for peer in peers for text in (peer.cidr, *peer.excepts)]
    texts += [text for peer in admin_peers_of(setting.admin) if isinstance(peer, AdminNetworks) for text in peer.cidrs]
    return [text for text in texts if family_of(text) == version]


def possible_addresses(setting: Setting, end: Party, version: int) -> tuple[str, ...]:
    """Return addresses in which the end may lie: one for each combination of CIDRs that the rules can tell apart.

    A combination begins or ends where a CIDR begins or ends, or at an end of the range.
    """
    cidrs = blocks(setting, version)
    ranges = [text for text in end.lies_in if family_of(text) == version]
    found: dict[tuple[bool, ...], str] = {}
    for address in _edges([*ranges, *cidrs], version):
        if any(address_in(address, text) for text in ranges):
            found.setdefault(tuple(address_in(address, cidr) for cidr in cidrs), address)
    return tuple(found.values())


def _edges(cidrs: list[str], version: int) -> list[str]:
    """Return the first and the last address of each CIDR, and those just outside it."""
    numbers: set[int] = set()
    for cidr in cidrs:
        network = ipaddress.ip_network(cidr, strict=False)
        first, last = int(network.network_address), int(network.broadcast_address)
        numbers.update((first - 1, first, last, last + 1))
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    most = 2 ** (32 if version == 4 else 128) - 1
    return [str(kind(number)) for number in sorted(numbers) if 0 <= number <= most]
