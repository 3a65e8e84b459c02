"""Flows to a domain name: the addresses that it resolves to are not known, but that rules by this name match them is.

What every address is allowed, the name is; what none is, it is not; between the two it depends on the resolver (ADM-17).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from netcheck.engines.sets import SetEngine
from netcheck.model.admin import AdminDomains, AdminNetworks, AdminPeer, AdminPolicy, AdminRule
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.values.addresses import address_text

_ANY_ADDRESS = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The ports, as atoms of `engine`, on which a pod may reach the name whatever, or only for some, of its addresses.

    `address` is one that could be meant; `cluster` is the one in which rules by the name match every address.
    """

    cluster: Cluster
    engine: SetEngine
    allowed: int
    unknown: int
    address: str


def name_matches(pattern: str, name: str) -> bool:
    """Return whether a domain pattern of a rule covers `name`: `*.` stands for one or more labels (ADM-17)."""
    wanted, asked = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if wanted.startswith("*."):
        return asked.endswith(wanted[1:]) and len(asked) > len(wanted) - 1
    return wanted == asked


def with_name_resolved(cluster: Cluster, name: str) -> Cluster:
    """Return the cluster in which rules that cover `name` match every outside address."""
    return replace(cluster, admin=tuple(_policy(policy, name) for policy in cluster.admin))


def _policy(policy: AdminPolicy, name: str) -> AdminPolicy:
    return replace(policy, egress=tuple(_rule(rule, name) for rule in policy.egress))


def _rule(rule: AdminRule, name: str) -> AdminRule:
    return replace(rule, peers=tuple(_peer(peer, name) for peer in rule.peers))


def _peer(peer: AdminPeer, name: str) -> AdminPeer:
    if isinstance(peer, AdminDomains) and any(name_matches(pattern, name) for pattern in peer.names):
        return AdminNetworks(cidrs=_ANY_ADDRESS, place=peer.place)
    return peer


def resolved(cluster: Cluster, pod: int, name: str) -> Resolved:
    """Return what a pod may reach at `name`."""
    changed = with_name_resolved(cluster, name)
    engine = SetEngine(changed, [pod])
    universe = engine.universe
    element = universe.class_of[pod]
    families = universe.elements[element].families
    atoms = [atom for atom in range(universe.addresses.count) if universe.addresses.version(atom) in families]
    allowed, possible = universe.ports.everything, 0
    for atom in atoms:
        masks = engine.pair(element, universe.atom_offset + atom)
        allowed &= masks.allowed
        possible |= masks.allowed | masks.unknown
    first = atoms[0]
    address = address_text(universe.addresses.version(first), universe.addresses.ranges(first)[0][0])
    return Resolved(cluster=changed, engine=engine, allowed=allowed, unknown=possible & ~allowed, address=address)


def reason(name: str) -> Reason:
    """Return why a flow to a name is unknown."""
    return Reason(
        rule="ADM-17", message=f"to which addresses `{name}` resolves is not known, and rules tell them apart"
    )
