"""AdminNetworkPolicies and the BaselineAdminNetworkPolicy rewritten as ClusterNetworkPolicies, with the proof.

What cannot be rewritten stays as it is, with the reason. The proof is one direction at a time, with the other tiers
taken away, so that it holds whatever NetworkPolicies there are. Source: SEMANTICS section 3; NPEP-285.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from netcheck.engines.smt import DEFAULT_TIMEOUT_MS, FoundEnd, FoundFlow, separating_flow
from netcheck.errors import Place, SolverLimit
from netcheck.load.names import port_name
from netcheck.logic.ir import Kind
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
from netcheck.model.flow import Tier
from netcheck.model.objects import NAMESPACE_NAME_LABEL
from netcheck.model.policy import Direction
from netcheck.queries.manifests import selector_fields, yaml_lines
from netcheck.queries.results import FlowText
from netcheck.values.addresses import address_text
from netcheck.values.labels import LabelSelector

NEW_KIND = "ClusterNetworkPolicy"
ANP, BANP = "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"
API_VERSION = "policy.networking.k8s.io/v1alpha2"
MOST_ITEMS = 25
"""ADM-21: so many rules of a direction, peers of a rule and protocols of a rule does v1alpha2 take."""

LAST_PRIORITY = 1000
_LONGEST_NAME = 253
_EVERY_ADDRESS = ("0.0.0.0/0", "::/0")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A policy of v1alpha1 and the ClusterNetworkPolicies, one or more, that take its place."""

    source: AdminPolicy
    policies: tuple[AdminPolicy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A policy of v1alpha1 that is not rewritten, and why."""

    object: str
    message: str
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What Z3 said about the two sets of policies: they are equal iff `witness` and `limit` are unset.

    Attributes:
        witness: a flow on which the two sets differ, in some cluster that could exist.
        limit: why the solver gave up.
    """

    witness: FlowText | None = None
    limit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the sets are proved to allow exactly the same flows."""
        return self.witness is None and not self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What became of the policies of v1alpha1. `admin` holds all admin policies afterwards, in the order of the sources."""

    rewritten: tuple[Rewritten, ...]
    left: tuple[Left, ...]
    admin: tuple[AdminPolicy, ...]
    proof: Proof


class _NotExpressible(ValueError):
    """A policy has no equal in v1alpha2."""


# ---- rewriting -----------------------------------------------------------------------------------------------------


def migrate(cluster: Cluster, *, timeout_ms: int = DEFAULT_TIMEOUT_MS) -> Migration:
    """Return the cluster's policies of v1alpha1 as ClusterNetworkPolicies, and whether these are proved to be equal."""
    names = {policy.name for policy in cluster.admin if policy.kind == NEW_KIND}
    rewritten, left, after = [], list(_refused(cluster)), []
    for policy in cluster.admin:
        if policy.kind == NEW_KIND:
            after.append(policy)
            continue
        try:
            found = _policies(policy, cluster.admin, names)
        except _NotExpressible as error:
            left.append(Left(object=policy.label, message=str(error), place=policy.place))
            after.append(policy)
            continue
        names |= {item.name for item in found}
        rewritten.append(Rewritten(source=policy, policies=found))
        after += found
    proof = prove_equal(cluster, replace(cluster, admin=tuple(after)), timeout_ms=timeout_ms)
    return Migration(rewritten=tuple(rewritten), left=tuple(left), admin=tuple(after), proof=proof)


def _refused(cluster: Cluster) -> Iterator[Left]:
    """Policies of v1alpha1 whose effect is not known cannot be rewritten."""
    for policy in cluster.opaque:
        if policy.kind in (ANP, BANP):
            yield Left(object=policy.label, message=policy.message or "its effect is not known", place=policy.place)


def _policies(policy: AdminPolicy, admin: Sequence[AdminPolicy], names: set[str]) -> tuple[AdminPolicy, ...]:
    """Return the policies that replace one: several of successive priorities where a direction has over 25 rules."""
    ingress, egress = (_split(policy, direction) for direction in (Direction.INGRESS, Direction.EGRESS))
    count = max(len(ingress), len(egress), 1)
    priorities = _priorities(policy, admin, count)
    found: list[AdminPolicy] = []
    for number, priority in enumerate(priorities):
        made = replace(
            policy,
            kind=NEW_KIND,
            name=_name(policy, names | {item.name for item in found}),
            priority=priority,
            ingress=ingress[number] if number < len(ingress) else (),
            egress=egress[number] if number < len(egress) else (),
        )
        found.append(made)
    return tuple(found)


def _split(policy: AdminPolicy, direction: Direction) -> list[tuple[AdminRule, ...]]:
    rules = [
        part
        for index, rule in enumerate(policy.rules(direction))
        for part in _parts(rule, f"{direction.value.lower()}[{index}]")
    ]
    return list(_chunks(tuple(rules)))


def _parts(rule: AdminRule, path: str) -> Iterator[AdminRule]:
    """Yield rules of at most 25 peers and ports that one after the other match what `rule` matches (ADM-6)."""
    if rule.action is not AdminAction.ACCEPT and any(isinstance(peer, AdminDomains) for peer in rule.peers):
        raise _NotExpressible(f"{path}: `domainNames` are for rules that accept only")
    for port in rule.ports:
        if port.name and (faults := port_name(port.name)):
            raise _NotExpressible(f"{path}: v1alpha2 refuses the port name `{port.name}`: {faults[0]}")
    for peers in _chunks(rule.peers):
        for ports in _chunks(rule.ports) if rule.ports else ((),):
            yield replace(rule, peers=peers, ports=ports)


def _chunks(items: tuple[_T, ...]) -> Iterator[tuple[_T, ...]]:
    for start in range(0, len(items), MOST_ITEMS):
        yield items[start : start + MOST_ITEMS]


def _priorities(policy: AdminPolicy, admin: Sequence[AdminPolicy], count: int) -> range:
    """Return the priorities of the parts: the policy's own and those that follow it; of a BANP the last of the tier."""
    used = {item.priority for item in admin if item.tier is policy.tier and item is not policy and item.kind != BANP}
    if policy.kind == BANP:
        first = LAST_PRIORITY - count + 1
        if used and max(used) >= first:
            raise _NotExpressible(f"it comes after every other Baseline policy, but priority {max(used)} is taken")
        return range(first, first + count)
    found = range(policy.priority, policy.priority + count)
    if found[-1] > LAST_PRIORITY or used & set(found[1:]):
        wanted = f"{found[0]} to {found[-1]}"
        raise _NotExpressible(
            f"its rules need {count} policies, for v1alpha2 takes {MOST_ITEMS} rules in one, and their priorities "
            f"{wanted} are not free"
        )
    return found


def _name(policy: AdminPolicy, taken: set[str]) -> str:
    """Return the policy's own name, or if that is taken the name with a suffix."""
    word = "-baseline" if policy.kind == BANP else "-admin"
    suffixes = ("", *(f"-{number}" for number in range(2, len(taken) + 3)))
    own = (policy.name, *(f"{policy.name[: _LONGEST_NAME - len(word) - 6]}{word}{suffix}" for suffix in suffixes))
    return next(name for name in own if name not in taken)


# ---- the proof -----------------------------------------------------------------------------------------------------


def prove_equal(one: Cluster, other: Cluster, *, timeout_ms: int = DEFAULT_TIMEOUT_MS) -> Proof:
    """Return whether the admin policies of two clusters decide every flow alike, in every cluster that could exist.

    Each direction is compared by itself, once with nothing below the admin policies, and once with everything denied
    that the Admin tier does not decide: so they agree beside any NetworkPolicies.
    """
    for direction in Direction:
        for denied in (False, True):
            try:
                found = separating_flow(
                    _alone(one, direction, denied=denied),
                    _alone(other, direction, denied=denied),
                    timeout_ms=timeout_ms,
                )
            except SolverLimit as error:
                return Proof(limit=str(error))
            if found is not None:
                return Proof(witness=flow_text(found, f"they differ for {direction.value.lower()}"))
    return Proof()


def _alone(cluster: Cluster, direction: Direction, *, denied: bool) -> Cluster:
    """Return the cluster with its admin policies' rules of one direction as the only rules there are."""
    field, dropped = ("ingress", "egress") if direction is Direction.INGRESS else ("egress", "ingress")
    admin = tuple(replace(policy, **{dropped: ()}) for policy in cluster.admin)  # type: ignore[arg-type]
    if denied:
        everything = AdminPods(namespace_selector=LabelSelector())
        peers: tuple[AdminPeer, ...] = (everything,)
        if direction is Direction.EGRESS:
            peers += (AdminNodes(selector=LabelSelector()), AdminNetworks(cidrs=_EVERY_ADDRESS))
        rule = AdminRule(action=AdminAction.DENY, peers=peers)
        last = AdminPolicy(kind=NEW_KIND, name="", tier=Tier.BASELINE, subject=everything)
        changes: dict[str, Any] = {field: (rule,)}
        admin = (*(policy for policy in admin if policy.tier is Tier.ADMIN), replace(last, **changes))
    return replace(cluster, admin=admin, policies=(), opaque=())


def flow_text(found: FoundFlow, note: str = "") -> FlowText:
    """Return a flow between ends that could exist as text."""
    return FlowText(
        source=_end_text(found.source),
        destination=_end_text(found.destination),
        protocol=found.protocol,
        port=found.port,
        source_labels=_labels_text(found.source),
        destination_labels=_labels_text(found.destination),
        note=note,
    )


def _end_text(end: FoundEnd) -> str:
    address = next((address_text(version, number) for version, number in sorted(end.addresses.items())), "")
    match end.kind:
        case Kind.POD | Kind.HOST_POD:
            host = " on the host network" if end.kind is Kind.HOST_POD else ""
            return f"some pod of namespace {end.namespace}{host}"
        case Kind.NODE | Kind.OWN_NODE:
            return f"a node at {address}"
        case _:
            return address


def _labels_text(end: FoundEnd) -> str:
    if end.kind not in (Kind.POD, Kind.HOST_POD):
        return ""
    own = ", ".join(f"{key}={value}" for key, value in sorted(end.labels.items())) or "no labels"
    spaces = {key: value for key, value in end.namespace_labels.items() if key != NAMESPACE_NAME_LABEL}
    theirs = ", ".join(f"{key}={value}" for key, value in sorted(spaces.items()))
    return f"{own}; its namespace: {theirs}" if theirs else own


# ---- manifests -----------------------------------------------------------------------------------------------------


def manifest(policy: AdminPolicy) -> dict[str, Any]:
    """Return a ClusterNetworkPolicy as the object to apply."""
    spec: dict[str, Any] = {"tier": policy.tier.value, "priority": policy.priority, "subject": _pods(policy.subject)}
    for field, peers, rules in (("ingress", "from", policy.ingress), ("egress", "to", policy.egress)):
        if rules:
            spec[field] = [_rule(rule, peers) for rule in rules]
    return {"apiVersion": API_VERSION, "kind": NEW_KIND, "metadata": {"name": policy.name}, "spec": spec}


def _rule(rule: AdminRule, peers: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": rule.name} if rule.name else {}
    found["action"] = rule.action.value
    found[peers] = [_peer(peer) for peer in rule.peers]
    if rule.ports:
        found["protocols"] = [_protocol(port) for port in rule.ports]
    return found


def _peer(peer: AdminPeer) -> dict[str, Any]:
    match peer:
        case AdminPods():
            return _pods(peer)
        case AdminNodes(selector=selector):
            return {"nodes": selector_fields(selector)}
        case AdminNetworks(cidrs=cidrs):
            return {"networks": list(cidrs)}
        case AdminDomains(names=names):
            return {"domainNames": list(names)}


def _pods(pods: AdminPods) -> dict[str, Any]:
    spaces = selector_fields(pods.namespace_selector)
    if pods.pod_selector is None:
        return {"namespaces": spaces}
    return {"pods": {"namespaceSelector": spaces, "podSelector": selector_fields(pods.pod_selector)}}


def _protocol(port: AdminPort) -> dict[str, Any]:
    if port.name:
        return {"destinationNamedPort": port.name}
    assert port.protocol is not None, "only a named port leaves the protocol open"
    numbers: dict[str, Any] = {"number": port.first}
    if port.first != port.last:
        numbers = {"range": {"start": port.first, "end": port.last}}
    return {port.protocol.lower(): {"destinationPort": numbers}}


def manifest_text(policy: AdminPolicy) -> str:
    """Return a ClusterNetworkPolicy as YAML."""
    return "".join(f"{line}\n" for line in yaml_lines(manifest(policy)))
