"""Generators of clusters and of values: product code of the proof kit, reviewed and measured like it.

Clusters are plain functions of a `random.Random`, so that a seed reproduces one without any library; the value sets
are Hypothesis strategies. Both are type-directed: everything drawn is what the loader could have made of accepted
manifests, from pools so small that names, labels, ports and addresses collide.

`python -m tests.strategies [COUNT [SEED]]` prints how often each feature is drawn; `tests/meta/test_generators.py`
holds the floors.
"""

from __future__ import annotations

import ipaddress
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from hypothesis import strategies as st

from netcheck.model.admin import (
    AdminAction,
    AdminDomains,
    AdminNetworks,
    AdminNodes,
    AdminPeer,
    AdminPods,
    AdminPolicy,
    AdminPort,
    AdminRule,
)
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Tier
from netcheck.model.objects import NAMESPACE_NAME_LABEL, ContainerPort, Namespace, Node, Pod, Workload, WorkloadId
from netcheck.model.policy import (
    Direction,
    IPBlockPeer,
    NetworkPolicy,
    OpaquePolicy,
    Peer,
    PodPeer,
    PolicyPort,
    PolicyRule,
)
from netcheck.model.profile import PROFILES, Addressing, Profile, Switch
from netcheck.values.addresses import MAX_V4, MAX_V6, IPSet, address_number, address_text
from netcheck.values.connections import ConnectionSet
from netcheck.values.intervals import canonical
from netcheck.values.labels import LabelSelector, Operator, Requirement
from netcheck.values.ports import MAX_PORT, MIN_PORT, PROTOCOLS, PortSet, Protocol

T = TypeVar("T")

# ---------------------------------------------------------------------------------------------------------- pools

NAMESPACES = ("blue", "green", "red")
KEYS = ("app", "env", "tier")
VALUES = ("a", "b", "c")
PORT_NAMES = ("http", "metrics", "dns")
PORTS = (1, 2, 79, 80, 81, 443, 8080, 65534, 65535)
NAMED_NUMBERS = (80, 81, 443, 8080)
PROTOCOL_WEIGHTS = {"TCP": 6, "UDP": 3, "SCTP": 2}
POD_V4 = tuple(f"10.0.0.{last}" for last in range(1, 9))
POD_V6 = tuple(f"fd00::{last}" for last in range(1, 9))
NODE_V4 = ("10.0.0.9", "192.168.0.1")
NODE_V6 = ("fd00::9", "fd01::1")
BLOCKS_V4 = (
    "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.0/29", "10.0.0.0/30", "10.0.0.4/30", "10.0.0.3/32",
    "10.0.0.9/32", "192.168.0.0/16", "8.8.8.0/24", "203.0.113.0/24", "255.255.255.255/32",
)  # fmt: skip
BLOCKS_V6 = (
    "::/0", "fc00::/7", "fd00::/16", "fd00::/64", "fd00::/126", "fd00::3/128", "fd01::/64", "2001:db8::/32", "::/1",
)  # fmt: skip
DOMAINS = ("a.example", "*.b.example")
PRIORITIES = ((10,), (10,), (10, 11), (0, 10, 1000))
ADMIN_KINDS = {
    ("ClusterNetworkPolicy", Tier.ADMIN): 3,
    ("ClusterNetworkPolicy", Tier.BASELINE): 3,
    ("AdminNetworkPolicy", Tier.ADMIN): 2,
    ("BaselineAdminNetworkPolicy", Tier.BASELINE): 1.5,
}
ADMIN_FLIPS = (
    ("equal_priority", Switch.YES),
    ("baseline_skipped_by_any_np", Switch.YES),
    ("baseline_skipped_by_any_np", Switch.UNKNOWN),
)
FLIPS = (
    ("cidr_matches_pods", Switch.NO),
    ("cidr_matches_nodes", Switch.NO),
    ("host_net_peer", Switch.YES),
    ("host_net_subject", Switch.YES),
    ("own_node_ingress", Switch.NO),
    ("own_node_egress", Switch.NO),
    ("own_node_egress", Switch.UNKNOWN),
    ("end_port", Switch.NO),
)
ADDRESSINGS = (
    Addressing(pod_cidrs=("10.0.0.0/16",)),
    Addressing(pod_cidrs=("10.0.0.0/29", "fd00::/64")),
    Addressing(pod_cidrs=("fd00::/48",), node_cidrs=("192.168.0.0/24",)),
    Addressing(node_cidrs=("192.168.0.0/16", "fd01::/64")),
)
OUTSIDE = ("0.0.0.0", "255.255.255.255", "::", "8.8.8.8", "2001:db8::1")

# ------------------------------------------------------------------------------------------------- small choices


def _chance(rng: random.Random, share: float) -> bool:
    return rng.random() < share


def _some(rng: random.Random, items: Sequence[T], least: int, most: int) -> list[T]:
    """Return between `least` and `most` different items, in their own order."""
    chosen = rng.sample(range(len(items)), min(len(items), rng.randint(least, most)))
    return [items[index] for index in sorted(chosen)]


def _weighted(rng: random.Random, weights: dict[T, float]) -> T:
    return rng.choices(list(weights), list(weights.values()))[0]


def _protocol(rng: random.Random) -> str:
    return _weighted(rng, PROTOCOL_WEIGHTS)


def labels(rng: random.Random) -> MappingProxyType[str, str]:
    """Return zero to three labels; rarely one with an empty value (NP-12)."""
    chosen = {key: rng.choice(VALUES) for key in _some(rng, KEYS, 0, 3)}
    if chosen and _chance(rng, 0.05):
        chosen[rng.choice(sorted(chosen))] = ""
    return MappingProxyType(chosen)


def requirement(rng: random.Random, keys: Sequence[str] = KEYS, values: Sequence[str] = VALUES) -> Requirement:
    """Return a requirement with any operator; rarely with a value that nothing carries."""
    operator = rng.choice(list(Operator))
    wanted: tuple[str, ...] = ()
    if operator in (Operator.IN, Operator.NOT_IN):
        drawn = set(_some(rng, values, 1, 2)) | ({"elsewhere"} if _chance(rng, 0.1) else set())
        wanted = tuple(sorted(drawn))
    return Requirement(rng.choice(keys), operator, wanted)


def selector(rng: random.Random) -> LabelSelector:
    """Return a selector of pod labels: empty, by equality, by expressions, or by both."""
    form = _weighted(rng, {"empty": 3, "labels": 5, "expressions": 4, "both": 1})
    if form == "empty":
        return LabelSelector()
    equal = {key: rng.choice(VALUES) for key in _some(rng, KEYS, 1, 2)} if form in ("labels", "both") else {}
    count = rng.randint(1, 2) if form in ("expressions", "both") else 0
    return LabelSelector.of(equal, [requirement(rng) for _ in range(count)])


def namespace_selector(rng: random.Random) -> LabelSelector:
    """Return a selector of namespace labels; often by the automatic name label (NP-15)."""
    if _chance(rng, 0.35):
        return LabelSelector.of(None, [requirement(rng, (NAMESPACE_NAME_LABEL,), NAMESPACES)])
    return selector(rng)


# ------------------------------------------------------------------------------------------------------ policies


def _excepts(rng: random.Random, cidr: str) -> tuple[str, ...]:
    """Return one or two strict subsets of `cidr`, from the pools or by halving it (NP-17)."""
    block = ipaddress.ip_network(cidr)
    pool = BLOCKS_V4 if block.version == 4 else BLOCKS_V6
    inside = [text for text in pool if text != cidr and ipaddress.ip_network(text).subnet_of(block)]
    if block.prefixlen < block.max_prefixlen:
        inside += [str(half) for half in block.subnets()]
    return tuple(_some(rng, inside, 1, 2)) if inside else ()


def peer(rng: random.Random) -> Peer:
    """Return a peer of any of the forms of NP-8."""
    form = _weighted(rng, {"pod": 3, "namespace": 3, "both": 3, "block": 5})
    if form == "block":
        cidr = rng.choice(BLOCKS_V4 if _chance(rng, 0.6) else BLOCKS_V6)
        return IPBlockPeer(cidr=cidr, excepts=_excepts(rng, cidr) if _chance(rng, 0.6) else ())
    return PodPeer(
        pod_selector=selector(rng) if form in ("pod", "both") else None,
        namespace_selector=namespace_selector(rng) if form in ("namespace", "both") else None,
    )


def policy_port(rng: random.Random) -> PolicyPort:
    """Return a port item: a number, a range, a name, or a protocol alone."""
    form = _weighted(rng, {"number": 4, "range": 3, "name": 4, "protocol": 2})
    protocol = _protocol(rng)
    if form == "name":
        return PolicyPort(protocol=protocol, port=rng.choice(PORT_NAMES))
    if form == "range":
        first, last = sorted(rng.choices(PORTS, k=2))
        return PolicyPort(protocol=protocol, port=first, end_port=last)
    return PolicyPort(protocol=protocol, port=rng.choice(PORTS) if form == "number" else None)


def rule(rng: random.Random) -> PolicyRule:
    """Return a rule; no peers and no ports are common, as each changes the meaning (NP-3)."""
    peers = 0 if _chance(rng, 0.25) else rng.randint(1, 2)
    ports = 0 if _chance(rng, 0.3) else rng.randint(1, 2)
    return PolicyRule(peers=tuple(peer(rng) for _ in range(peers)), ports=tuple(policy_port(rng) for _ in range(ports)))


def _rules(rng: random.Random) -> tuple[PolicyRule, ...]:
    return tuple(rule(rng) for _ in range(_weighted(rng, {0: 2, 1: 4, 2: 2})))


def policy(rng: random.Random, namespace: str, name: str) -> NetworkPolicy:
    """Return a policy with types stated (rules of other directions inert: NP-33) or defaulted (NP-2)."""
    ingress, egress = _rules(rng), _rules(rng)
    stated = _chance(rng, 0.75)
    if stated:
        types: tuple[Direction, ...] = rng.choice(
            [(Direction.INGRESS,), (Direction.EGRESS,), (Direction.INGRESS, Direction.EGRESS)]
        )
    else:
        types = (Direction.INGRESS, Direction.EGRESS) if egress else (Direction.INGRESS,)
    for direction in (Direction.INGRESS, Direction.EGRESS):
        if direction not in types and _chance(rng, 0.7):
            ingress, egress = ((), egress) if direction is Direction.INGRESS else (ingress, ())
    return NetworkPolicy(
        namespace=namespace,
        name=name,
        pod_selector=LabelSelector() if _chance(rng, 0.45) else selector(rng),
        types=types,
        ingress=ingress,
        egress=egress,
        stated_types=stated,
    )


def opaque_policy(rng: random.Random, namespaces: Sequence[str]) -> OpaquePolicy:
    """Return a refused NetworkPolicy (additive), a namespaced foreign policy, or a cluster-wide one."""
    form = rng.choice(["refused", "namespaced", "cluster"])
    directions = tuple(_some(rng, list(Direction), 1, 2))
    subject = selector(rng) if _chance(rng, 0.6) else None
    if form == "cluster":
        return OpaquePolicy(
            kind="AdminNetworkPolicy",
            namespace=None,
            name="opaque",
            directions=directions,
            subject=subject,
            namespace_selector=namespace_selector(rng) if _chance(rng, 0.6) else None,
            message="not modelled",
        )
    return OpaquePolicy(
        kind="NetworkPolicy" if form == "refused" else "CiliumNetworkPolicy",
        namespace=rng.choice(namespaces),
        name="opaque",
        directions=directions,
        subject=subject,
        additive=form == "refused",
        message="refused" if form == "refused" else "not modelled",
    )


# ------------------------------------------------------------------------------------------------ admin policies


def admin_pods(rng: random.Random) -> AdminPods:
    """Return a subject or peer by `namespaces` or by `pods` (ADM-2, ADM-13)."""
    spaces = LabelSelector() if _chance(rng, 0.4) else namespace_selector(rng)
    return AdminPods(namespace_selector=spaces, pod_selector=selector(rng) if _chance(rng, 0.5) else None)


def _outside_peer(rng: random.Random, kind: str) -> AdminPeer:
    """Return an egress peer that is not pods (ADM-14); a BaselineAdminNetworkPolicy has no domain names."""
    weights = {"nodes": 3.0, "networks": 4.0, "domains": 0.0 if kind == "BaselineAdminNetworkPolicy" else 2.0}
    form = _weighted(rng, weights)
    if form == "nodes":
        return AdminNodes(selector=LabelSelector() if _chance(rng, 0.4) else selector(rng))
    if form == "domains":
        return AdminDomains(names=tuple(_some(rng, DOMAINS, 1, 2)))
    return AdminNetworks(cidrs=tuple(_some(rng, (*BLOCKS_V4, *BLOCKS_V6), 1, 3)))


def admin_peer(rng: random.Random, kind: str, direction: Direction) -> AdminPeer:
    """Return a peer of any of the forms of ADM-13 and ADM-14."""
    if direction is Direction.EGRESS and _chance(rng, 0.5):
        return _outside_peer(rng, kind)
    return admin_pods(rng)


def admin_port(rng: random.Random, kind: str, *, named: bool) -> AdminPort:
    """Return a port item (ADM-18, ADM-19); v1alpha2 wants a range to hold two ports or more."""
    form = _weighted(rng, {"number": 4, "range": 3, "name": 4 if named else 0})
    if form == "name":
        return AdminPort(protocol=None, name=rng.choice(PORT_NAMES))
    first, last = sorted(rng.choices(PORTS, k=2))
    if form == "number" or (first == last and kind == "ClusterNetworkPolicy"):
        last = first
    return AdminPort(protocol=_protocol(rng), first=first, last=last)


def admin_rule(rng: random.Random, kind: str, direction: Direction) -> AdminRule:
    """Return a rule; it has named ports only where all its peers are pods (ADM-20)."""
    actions = {AdminAction.DENY: 5.0, AdminAction.ACCEPT: 4.0, AdminAction.PASS: 3.0}
    if kind == "BaselineAdminNetworkPolicy":
        del actions[AdminAction.PASS]
    peers = tuple(admin_peer(rng, kind, direction) for _ in range(rng.randint(1, 2)))
    named = all(isinstance(item, AdminPods) for item in peers)
    ports = 0 if _chance(rng, 0.5) else rng.randint(1, 2)
    return AdminRule(
        action=_weighted(rng, actions),
        peers=peers,
        ports=tuple(admin_port(rng, kind, named=named) for _ in range(ports)),
        name="named" if _chance(rng, 0.2) else "",
    )


def _admin_rules(rng: random.Random, kind: str, direction: Direction) -> tuple[AdminRule, ...]:
    return tuple(admin_rule(rng, kind, direction) for _ in range(_weighted(rng, {0: 2, 1: 4, 2: 3})))


def admin_policy(rng: random.Random, kind: str, tier: Tier, name: str, priorities: Sequence[int]) -> AdminPolicy:
    """Return an admin policy of a kind, with one of `priorities`."""
    single = kind == "BaselineAdminNetworkPolicy"
    return AdminPolicy(
        kind=kind,
        name="default" if single else name,
        tier=tier,
        priority=0 if single else rng.choice(priorities),
        subject=AdminPods(namespace_selector=LabelSelector()) if _chance(rng, 0.5) else admin_pods(rng),
        ingress=_admin_rules(rng, kind, Direction.INGRESS),
        egress=_admin_rules(rng, kind, Direction.EGRESS),
    )


def with_admin(rng: random.Random, drawn: Cluster) -> Cluster:
    """Return the cluster with, in half of the draws, one to three admin policies, and their switches set at times."""
    found: dict[tuple[str, str], AdminPolicy] = {}
    priorities = rng.choice(PRIORITIES)
    for index in range(_weighted(rng, {0: 10, 1: 3, 2: 4, 3: 4})):
        kind, tier = _weighted(rng, ADMIN_KINDS)
        made = admin_policy(rng, kind, tier, f"admin-{index}", priorities)
        found[made.kind, made.name] = made
    changed = drawn.profile
    if found and _chance(rng, 0.3):
        changed = changed.with_switch(*rng.choice(ADMIN_FLIPS))
    return replace(drawn, admin=tuple(found[key] for key in sorted(found)), profile=changed)


# ---------------------------------------------------------------------------------------------- namespaces, pods


def namespace(rng: random.Random, name: str) -> Namespace:
    """Return a namespace, defined or only inferred (WL-3)."""
    automatic = {NAMESPACE_NAME_LABEL: name}
    if _chance(rng, 0.3):
        return Namespace(name=name, labels=MappingProxyType(automatic), labels_known=False)
    return Namespace(name=name, labels=MappingProxyType({**labels(rng), **automatic}))


def nodes(rng: random.Random) -> tuple[Node, ...]:
    """Return zero to two nodes: without an address, of one family, or of both."""
    made = []
    for index in range(_weighted(rng, {0: 3, 1: 4, 2: 3})):
        family = _weighted(rng, {"v4": 4, "v6": 2, "dual": 2, "none": 1})
        v4 = (NODE_V4[index],) if family in ("v4", "dual") else ()
        v6 = (NODE_V6[index],) if family in ("v6", "dual") else ()
        made.append(Node(name=f"node-{index}", labels=labels(rng), addresses=v4 + v6))
    return tuple(made)


def container_ports(rng: random.Random, *, host_network: bool = False) -> tuple[ContainerPort, ...]:
    """Return zero to three declared ports; sometimes one name stands for two numbers (NP-26)."""
    made: list[ContainerPort] = []
    for name in _some(rng, PORT_NAMES, 0, 2):
        made.append(ContainerPort(number=rng.choice(NAMED_NUMBERS), protocol=_protocol(rng), name=name))
    if made and _chance(rng, 0.12):
        other = rng.choice([number for number in NAMED_NUMBERS if number != made[0].number])
        protocol = made[0].protocol if _chance(rng, 0.7) else _protocol(rng)
        made.append(ContainerPort(number=other, protocol=protocol, name=made[0].name))
    if _chance(rng, 0.2):
        made.append(ContainerPort(number=rng.choice(PORTS)))
    if host_network:
        return tuple(replace(port, host_port=port.number) for port in made)
    return tuple(made)


def _addresses(rng: random.Random, index: int) -> tuple[str, ...]:
    family = _weighted(rng, {"v4": 4, "v6": 2, "dual": 3, "none": 3})
    v4 = (POD_V4[index],) if family in ("v4", "dual") else ()
    v6 = (POD_V6[index],) if family in ("v6", "dual") else ()
    return v6 + v4 if _chance(rng, 0.2) else v4 + v6


def pod(rng: random.Random, namespace_name: str, index: int, known_nodes: Sequence[Node]) -> Pod:
    """Return a pod object, on a node or not, in the host's network or its own."""
    host_network = _chance(rng, 0.15)
    node = rng.choice(known_nodes) if known_nodes and (host_network or _chance(rng, 0.4)) else None
    owned = _chance(rng, 0.3)
    return Pod(
        namespace=namespace_name,
        name=f"pod-{index}",
        workload=WorkloadId(namespace_name, "ReplicaSet" if owned else "Pod", "set" if owned else f"pod-{index}"),
        labels=labels(rng),
        host_network=host_network,
        addresses=(node.addresses if node else ()) if host_network else _addresses(rng, index),
        node=node.name if node else "",
        node_address=node.addresses[0] if node and node.addresses else "",
        ports=container_ports(rng, host_network=host_network),
        ready=_chance(rng, 0.9),
    )


def template(rng: random.Random, namespace_name: str, index: int) -> Pod:
    """Return the template of a workload that has no Pod objects: no address, no node."""
    kind = _weighted(rng, {"Deployment": 4, "StatefulSet": 2, "DaemonSet": 2})
    host_network = _chance(rng, 0.4 if kind == "DaemonSet" else 0.06)
    name = f"pod-{index - 1}" if index and _chance(rng, 0.1) else f"work-{index}"
    return Pod(
        namespace=namespace_name,
        name=name,
        workload=WorkloadId(namespace_name, kind, name),
        labels=labels(rng),
        template=True,
        host_network=host_network,
        ports=container_ports(rng, host_network=host_network),
        replicas=1 if kind == "DaemonSet" else rng.choice([0, 1, 1, 3]),
    )


def _workloads(pods: Sequence[Pod]) -> dict[WorkloadId, Workload]:
    members: dict[WorkloadId, list[Pod]] = {}
    for one in pods:
        members.setdefault(one.workload, []).append(one)
    return {
        identity: Workload(
            id=identity,
            replicas=sum(one.replicas for one in group),
            several=identity.kind == "DaemonSet" or sum(one.replicas for one in group) > 1,
        )
        for identity, group in sorted(members.items())
    }


# ------------------------------------------------------------------------------------------------------- clusters


def profile(rng: random.Random) -> Profile:
    """Return mostly the generic profile, sometimes a named one, sometimes one with switches flipped."""
    form = _weighted(rng, {"generic": 6, "named": 1.5, "flipped": 2.5})
    if form == "generic":
        return Profile()
    if form == "named":
        return PROFILES[rng.choice(sorted(PROFILES))]
    made = Profile()
    for field_name, value in _some(rng, FLIPS, 1, 3):
        made = made.with_switch(field_name, value)
    return made


SIZES = {"tiny": ((1, 2), (1, 3), (1, 2)), "small": ((1, 3), (2, 6), (1, 5)), "large": ((2, 3), (4, 8), (4, 10))}
"""Size -> least and most of namespaces, of pods, of policies."""


def cluster(rng: random.Random, *, size: str = "small", admin: bool = False) -> Cluster:
    """Return a cluster such as the loader could have made, sorted by identity as the loader sorts.

    With `admin` it is the one without, and admin policies laid over it.
    """
    drawn = _cluster(rng, size)
    return with_admin(rng, drawn) if admin else drawn


def _cluster(rng: random.Random, size: str) -> Cluster:
    (fewest_names, most_names), (fewest_pods, most_pods), (fewest_policies, most_policies) = SIZES[size]
    names = _some(rng, NAMESPACES, fewest_names, most_names)
    known_nodes = nodes(rng)
    pods = []
    for index in range(rng.randint(fewest_pods, most_pods)):
        home = names[0] if _chance(rng, 0.4) else rng.choice(names)
        pods.append(template(rng, home, index) if _chance(rng, 0.3) else pod(rng, home, index, known_nodes))
    count = 0 if _chance(rng, 0.04) else rng.randint(fewest_policies, most_policies)
    homes = [names[0] if _chance(rng, 0.65) else rng.choice(names) for _ in range(count)]
    return Cluster(
        namespaces=MappingProxyType({name: namespace(rng, name) for name in names}),
        pods=tuple(sorted(pods, key=lambda one: (one.namespace, one.name, one.workload))),
        workloads=MappingProxyType(_workloads(pods)),
        nodes=known_nodes,
        policies=tuple(policy(rng, home, f"policy-{index}") for index, home in enumerate(sorted(homes))),
        opaque=(opaque_policy(rng, names),) if _chance(rng, 0.15) else (),
        profile=profile(rng),
        addressing=rng.choice(ADDRESSINGS) if _chance(rng, 0.2) else Addressing(),
        whole=_chance(rng, 0.3),
    )


def of_seed(seed: int, *, size: str = "small", admin: bool = False) -> Cluster:
    """Return the cluster of a seed; a failure report needs nothing else."""
    return cluster(random.Random(seed), size=size, admin=admin)


def smaller(original: Cluster) -> Iterator[Cluster]:
    """Yield the clusters with one part fewer: an object, a rule, a peer or a port item."""
    for field_name in ("policies", "admin", "opaque", "pods", "nodes"):
        for parts in _one_fewer(getattr(original, field_name)):
            yield replace(original, **{field_name: parts})
    for index, one in enumerate(original.policies):
        for fewer in _smaller_policies(one):
            policies = (*original.policies[:index], fewer, *original.policies[index + 1 :])
            yield replace(original, policies=policies)
    for index, over in enumerate(original.admin):
        for less in _smaller_admin_policies(over):
            yield replace(original, admin=(*original.admin[:index], less, *original.admin[index + 1 :]))
    if original.profile != Profile():
        yield replace(original, profile=Profile())
    if original.addressing != Addressing():
        yield replace(original, addressing=Addressing())


def _one_fewer(parts: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for index in range(len(parts)):
        yield (*parts[:index], *parts[index + 1 :])


def _smaller_policies(original: NetworkPolicy) -> Iterator[NetworkPolicy]:
    for side in ("ingress", "egress"):
        rules: tuple[PolicyRule, ...] = getattr(original, side)
        for fewer in _one_fewer(rules):
            yield replace(original, **{side: fewer})
        for index, one in enumerate(rules):
            slimmer = [replace(one, peers=peers) for peers in _one_fewer(one.peers)]
            slimmer += [replace(one, ports=ports) for ports in _one_fewer(one.ports)]
            for slim in slimmer:
                yield replace(original, **{side: (*rules[:index], slim, *rules[index + 1 :])})


def _smaller_admin_policies(original: AdminPolicy) -> Iterator[AdminPolicy]:
    for side in ("ingress", "egress"):
        rules: tuple[AdminRule, ...] = getattr(original, side)
        for fewer in _one_fewer(rules):
            yield replace(original, **{side: fewer})
        for index, one in enumerate(rules):
            slimmer = [replace(one, peers=peers) for peers in _one_fewer(one.peers) if peers]
            slimmer += [replace(one, ports=ports) for ports in _one_fewer(one.ports)]
            for slim in slimmer:
                yield replace(original, **{side: (*rules[:index], slim, *rules[index + 1 :])})


def minimize(original: Cluster, fails: Callable[[Cluster], bool]) -> Cluster:
    """Return a cluster that still `fails` and of which no single part can be taken away."""
    found = original
    while (fewer := next((one for one in smaller(found) if fails(one)), None)) is not None:
        found = fewer
    return found


# ------------------------------------------------------------------------------------------------ what to ask about


def block_boundaries(drawn: Cluster) -> list[str]:
    """Return the addresses just outside and just inside of every block, except and network, of both families."""
    numbers: set[tuple[int, int]] = set()
    for text in (*(text for block in _blocks(drawn) for text in (block.cidr, *block.excepts)), *_networks(drawn)):
        network = ipaddress.ip_network(text, strict=False)
        first, last = int(network.network_address), int(network.broadcast_address)
        most = MAX_V4 if network.version == 4 else MAX_V6
        around = (first - 1, first, last, last + 1)
        numbers |= {(network.version, number) for number in around if 0 <= number <= most}
    return [address_text(version, number) for version, number in sorted(numbers)]


def ends(drawn: Cluster) -> list[End]:
    """Return the ends to ask about: all pods, all nodes, the own node, and the outside addresses that matter."""
    known = {address_number(text) for one in (*drawn.pods, *drawn.nodes) for text in one.addresses}
    asked = {address_number(text) for text in (*OUTSIDE, *block_boundaries(drawn))}
    outside = sorted(asked - known)
    return [
        *(PodEnd(one) for one in drawn.pods),
        *(NodeEnd(one) for one in drawn.nodes),
        OwnNodeEnd(),
        *(AddressEnd(address_text(version, number)) for version, number in outside),
    ]


def boundary_numbers(drawn: Cluster) -> tuple[int, ...]:
    """Return p-1, p and p+1 for each port number of the cluster, and both ends of the port space."""
    written = {port.number for one in drawn.pods for port in one.ports}
    for item in _port_items(drawn):
        written |= {number for number in (item.port, item.end_port) if isinstance(number, int)}
    written |= {number for item in _admin_ports(drawn) if not item.name for number in (item.first, item.last)}
    around = {number + step for number in written for step in (-1, 0, 1)} | {MIN_PORT, MAX_PORT}
    return tuple(sorted(number for number in around if MIN_PORT <= number <= MAX_PORT))


def boundary_ports(drawn: Cluster) -> dict[Protocol, tuple[int, ...]]:
    """Return the ports to ask about for each protocol.

    Every number counts for every protocol, so that an engine that mixes up protocols is caught too.
    """
    numbers = boundary_numbers(drawn)
    return dict.fromkeys(PROTOCOLS, numbers)


def all_flows(drawn: Cluster) -> Iterator[Flow]:
    """Yield every flow between `ends` on `boundary_ports`; flows between two outside addresses are left out."""
    asked, ports = ends(drawn), boundary_ports(drawn)
    for source in asked:
        for destination in asked:
            if not isinstance(source, PodEnd) and not isinstance(destination, PodEnd):
                continue
            for protocol, numbers in ports.items():
                for number in numbers:
                    yield Flow(source=source, destination=destination, protocol=protocol, port=number)


def sample_flows(rng: random.Random, drawn: Cluster, count: int) -> list[Flow]:
    """Return `count` flows, at least one end a pod, drawn as `all_flows` would list them."""
    asked, numbers = ends(drawn), boundary_numbers(drawn)
    pods = [end for end in asked if isinstance(end, PodEnd)]
    made = []
    for _ in range(count if pods else 0):
        pair = [rng.choice(pods), rng.choice(pods) if _chance(rng, 0.5) else rng.choice(asked)]
        rng.shuffle(pair)
        made.append(Flow(source=pair[0], destination=pair[1], protocol=rng.choice(PROTOCOLS), port=rng.choice(numbers)))
    return made


# -------------------------------------------------------------------------------------------------------- features


def _all_rules(drawn: Cluster) -> list[PolicyRule]:
    """Return the rules that count: those of a direction that the policy has (NP-33)."""
    return [one for found in drawn.policies for direction in found.types for one in found.rules(direction)]


def _peers(drawn: Cluster) -> list[Peer]:
    return [item for one in _all_rules(drawn) for item in one.peers]


def _blocks(drawn: Cluster) -> list[IPBlockPeer]:
    return [item for item in _peers(drawn) if isinstance(item, IPBlockPeer)]


def _admin_rules_of(drawn: Cluster) -> list[AdminRule]:
    return [one for found in drawn.admin for direction in Direction for one in found.rules(direction)]


def _admin_peers(drawn: Cluster) -> list[AdminPeer]:
    return [item for one in _admin_rules_of(drawn) for item in one.peers]


def _admin_ports(drawn: Cluster) -> list[AdminPort]:
    return [item for one in _admin_rules_of(drawn) for item in one.ports]


def _networks(drawn: Cluster) -> list[str]:
    return [text for item in _admin_peers(drawn) if isinstance(item, AdminNetworks) for text in item.cidrs]


def _port_items(drawn: Cluster) -> list[PolicyPort]:
    return [item for one in _all_rules(drawn) for item in one.ports]


def _selectors(drawn: Cluster) -> list[LabelSelector]:
    chosen = [found.pod_selector for found in drawn.policies]
    for item in _peers(drawn):
        if isinstance(item, PodPeer):
            chosen += [one for one in (item.pod_selector, item.namespace_selector) if one is not None]
    return chosen


def _isolating(drawn: Cluster, one: Pod, direction: Direction) -> list[NetworkPolicy]:
    return [
        found
        for found in drawn.policies
        if found.namespace == one.namespace and direction in found.types and found.pod_selector.matches(one.labels)
    ]


def _stacked(drawn: Cluster) -> bool:
    own = [one for one in drawn.pods if not one.host_network]
    return any(len(_isolating(drawn, one, direction)) > 1 for one in own for direction in Direction)


def _asks_unknown_labels(drawn: Cluster) -> bool:
    unknown = any(not found.labels_known for found in drawn.namespaces.values())
    read = any(
        item.namespace_selector is not None
        and any(test.key != NAMESPACE_NAME_LABEL for test in item.namespace_selector.requirements)
        for item in _peers(drawn)
        if isinstance(item, PodPeer)
    )
    return unknown and read


def _resolves_a_name(drawn: Cluster) -> bool:
    declared = {(port.name, port.protocol) for one in drawn.pods for port in one.ports if port.name}
    return any((item.port, item.protocol) in declared for item in _port_items(drawn))


def _repeats_a_name(drawn: Cluster) -> bool:
    for one in drawn.pods:
        numbers: dict[tuple[str, str], set[int]] = {}
        for port in one.ports:
            if port.name:
                numbers.setdefault((port.name, port.protocol), set()).add(port.number)
        if any(len(several) > 1 for several in numbers.values()):
            return True
    return False


def _excepts_a_pod(drawn: Cluster) -> bool:
    own = {text for one in drawn.pods for text in one.addresses}
    holes = [IPSet.of_cidrs(*block.excepts) for block in _blocks(drawn) if block.excepts]
    return any(IPSet.of_cidrs(text) <= hole for hole in holes for text in own)


def _families(drawn: Cluster) -> set[int]:
    texts = [text for one in (*drawn.pods, *drawn.nodes) for text in one.addresses]
    texts += [cidr.partition("/")[0] for cidr in (*(block.cidr for block in _blocks(drawn)), *_networks(drawn))]
    return {address_number(text)[0] for text in texts}


def _inert_rules(drawn: Cluster) -> bool:
    return any(
        found.rules(direction) and direction not in found.types for found in drawn.policies for direction in Direction
    )


FEATURES: MappingProxyType[str, Callable[[Cluster], bool]] = MappingProxyType(
    {
        "two policies isolate one pod in one direction": _stacked,
        "named port in a rule": lambda drawn: any(isinstance(item.port, str) for item in _port_items(drawn)),
        "named port that some pod declares": _resolves_a_name,
        "one port name, two numbers in a pod": _repeats_a_name,
        "port range": lambda drawn: any(item.end_port is not None for item in _port_items(drawn)),
        "protocol without port": lambda drawn: any(item.port is None for item in _port_items(drawn)),
        "UDP or SCTP in a rule": lambda drawn: any(item.protocol != "TCP" for item in _port_items(drawn)),
        "rule without peers": lambda drawn: any(not one.peers for one in _all_rules(drawn)),
        "rule without ports": lambda drawn: any(not one.ports for one in _all_rules(drawn)),
        "isolation without rules": lambda drawn: any(
            not found.rules(direction) for found in drawn.policies for direction in found.types
        ),
        "rules of a direction without type": _inert_rules,
        "policyTypes left to default": lambda drawn: any(not found.stated_types for found in drawn.policies),
        "ipBlock": lambda drawn: bool(_blocks(drawn)),
        "ipBlock with except": lambda drawn: any(block.excepts for block in _blocks(drawn)),
        "except that holds a pod": _excepts_a_pod,
        "ipBlock and a pod without address": lambda drawn: (
            bool(_blocks(drawn)) and any(not one.addresses for one in drawn.pods)
        ),
        "IPv6": lambda drawn: 6 in _families(drawn),
        "both families": lambda drawn: _families(drawn) == {4, 6},
        "empty selector": lambda drawn: LabelSelector() in _selectors(drawn),
        "negative requirement": lambda drawn: any(
            test.operator in (Operator.NOT_IN, Operator.DOES_NOT_EXIST)
            for one in _selectors(drawn)
            for test in one.requirements
        ),
        "podSelector with namespaceSelector": lambda drawn: any(
            isinstance(item, PodPeer) and item.pod_selector is not None and item.namespace_selector is not None
            for item in _peers(drawn)
        ),
        "podSelector alone": lambda drawn: any(
            isinstance(item, PodPeer) and item.namespace_selector is None for item in _peers(drawn)
        ),
        "unknown namespace labels read by a selector": _asks_unknown_labels,
        "host-network pod": lambda drawn: any(one.host_network for one in drawn.pods),
        "pod on a known node": lambda drawn: any(one.node for one in drawn.pods),
        "workload template": lambda drawn: any(one.template for one in drawn.pods),
        "opaque policy": lambda drawn: bool(drawn.opaque),
        "profile other than generic": lambda drawn: drawn.profile != Profile(),
        "pod or node CIDRs given": lambda drawn: drawn.addressing != Addressing(),
        "no policy": lambda drawn: not drawn.policies,
    }
)


def _may_concern(drawn: Cluster, found: AdminPolicy, one: Pod) -> bool:
    subject, home = found.subject, drawn.namespaces[one.namespace]
    if one.host_network or not (subject.pod_selector is None or subject.pod_selector.matches(one.labels)):
        return False
    return not home.labels_known or subject.namespace_selector.matches(home.labels)


def _tied(drawn: Cluster) -> bool:
    """Two policies of one tier and priority have rules for one direction of one pod (ADM-5)."""
    for one in drawn.pods:
        for direction in Direction:
            seen = Counter(
                (found.tier, found.priority)
                for found in drawn.admin
                if found.kind != "BaselineAdminNetworkPolicy"
                and found.rules(direction)
                and _may_concern(drawn, found, one)
            )
            if any(several > 1 for several in seen.values()):
                return True
    return False


def _all_tiers_on_a_pod(drawn: Cluster) -> bool:
    for one in drawn.pods:
        tiers = {found.tier for found in drawn.admin if _may_concern(drawn, found, one)}
        if len(tiers) == 2 and any(_isolating(drawn, one, direction) for direction in Direction):
            return True
    return False


def _subject_asks_unknown_labels(drawn: Cluster) -> bool:
    read = any(
        test.key != NAMESPACE_NAME_LABEL
        for found in drawn.admin
        for test in found.subject.namespace_selector.requirements
    )
    return read and any(not found.labels_known for found in drawn.namespaces.values())


def _has_peer(form: type[AdminPeer]) -> Callable[[Cluster], bool]:
    return lambda drawn: any(isinstance(item, form) for item in _admin_peers(drawn))


def _passes(tier: Tier) -> Callable[[Cluster], bool]:
    return lambda drawn: any(
        one.action is AdminAction.PASS
        for found in drawn.admin
        if found.tier is tier
        for direction in Direction
        for one in found.rules(direction)
    )


def _is_of(kind: str, tier: Tier) -> Callable[[Cluster], bool]:
    return lambda drawn: any((found.kind, found.tier) == (kind, tier) for found in drawn.admin)


ADMIN_FEATURES: MappingProxyType[str, Callable[[Cluster], bool]] = MappingProxyType(
    {
        "admin policy": lambda drawn: bool(drawn.admin),
        **{f"{kind} in tier {tier.value}": _is_of(kind, tier) for kind, tier in ADMIN_KINDS},
        "admin policies that may be tied": _tied,
        "a pod in all three tiers": _all_tiers_on_a_pod,
        "subject by pods": lambda drawn: any(found.subject.pod_selector is not None for found in drawn.admin),
        "subject by namespaces": lambda drawn: any(found.subject.pod_selector is None for found in drawn.admin),
        "unknown namespace labels read by a subject": _subject_asks_unknown_labels,
        "peer: pods": _has_peer(AdminPods),
        "peer: nodes": _has_peer(AdminNodes),
        "peer: networks": _has_peer(AdminNetworks),
        "peer: domain names": _has_peer(AdminDomains),
        "Pass in tier Admin": _passes(Tier.ADMIN),
        "Pass in tier Baseline": _passes(Tier.BASELINE),
        "admin rule without ports": lambda drawn: any(not one.ports for one in _admin_rules_of(drawn)),
        "admin named port": lambda drawn: any(item.name for item in _admin_ports(drawn)),
        "admin port range": lambda drawn: any(item.first < item.last and not item.name for item in _admin_ports(drawn)),
        "nodes peer and a host-network pod": lambda drawn: (
            _has_peer(AdminNodes)(drawn) and any(one.host_network for one in drawn.pods)
        ),
        "switch of admin policies set": lambda drawn: (
            drawn.profile.equal_priority is not Switch.UNKNOWN
            or drawn.profile.baseline_skipped_by_any_np is not Switch.NO
        ),
    }
)
"""What the draws with `admin` are measured by besides `FEATURES`."""


def features(drawn: Cluster) -> set[str]:
    """Return the names in `FEATURES` and `ADMIN_FEATURES` that hold of the cluster."""
    return {name for name, holds in {**FEATURES, **ADMIN_FEATURES}.items() if holds(drawn)}


def distribution(count: int, seed: int = 0, *, size: str = "small", admin: bool = False) -> dict[str, float]:
    """Return, for each feature, the share of the clusters of seeds `seed .. seed + count - 1` that have it."""
    drawn: Counter[str] = Counter()
    for number in range(seed, seed + count):
        drawn.update(features(of_seed(number, size=size, admin=admin)))
    return {name: drawn[name] / count for name in (*FEATURES, *(ADMIN_FEATURES if admin else ()))}


def table(shares: dict[str, float]) -> str:
    """Return the distribution as text, one feature a line."""
    width = max(map(len, shares))
    return "\n".join(f"{name:<{width}}  {share:6.1%}" for name, share in shares.items())


# ------------------------------------------------------------------------------------------- Hypothesis: value sets

NASTY_PORTS = (1, 2, 3, 79, 80, 81, 443, 65533, 65534, 65535)
ports = st.one_of(st.sampled_from(NASTY_PORTS), st.integers(MIN_PORT, MAX_PORT))
port_sets = st.lists(st.tuples(ports, ports).map(lambda pair: (min(pair), max(pair))), max_size=6).map(
    lambda ranges: PortSet.of(*ranges)
)
connection_sets = st.builds(ConnectionSet, tcp=port_sets, udp=port_sets, sctp=port_sets)


def _ranges(most: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    nasty = sorted({0, 1, 2, most - 1, most, most // 2, most // 2 + 1, 255, 256, 257})
    number = st.one_of(st.sampled_from(nasty), st.integers(0, 40), st.integers(0, most))
    return st.lists(st.tuples(number, number).map(lambda pair: (min(pair), max(pair))), max_size=4)


def _ip_set(v4: list[tuple[int, int]], v6: list[tuple[int, int]], cidrs: list[str]) -> IPSet:
    return IPSet(canonical(v4), canonical(v6)) | IPSet.of_cidrs(*cidrs)


cidrs = st.sampled_from((*BLOCKS_V4, *BLOCKS_V6))
ip_sets = st.builds(_ip_set, _ranges(MAX_V4), _ranges(MAX_V6), st.lists(cidrs, max_size=3))
randoms = st.integers(0, 2**32 - 1).map(random.Random)
label_maps = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(("", *VALUES)), max_size=3)
requirements = randoms.map(requirement)
label_selectors = randoms.map(selector)
clusters = st.integers(0, 2**32 - 1).map(of_seed)


def main(arguments: Sequence[str]) -> None:
    """Print the distribution of COUNT clusters from SEED on."""
    count = int(arguments[0]) if arguments else 1000
    seed = int(arguments[1]) if len(arguments) > 1 else 0
    print(f"{count} clusters with admin policies, seeds {seed} to {seed + count - 1}")
    print(table(distribution(count, seed, admin=True)))


if __name__ == "__main__":
    main(sys.argv[1:])
