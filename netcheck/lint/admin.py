"""What rules about admin policies share: walking them, asking Z3 about their order, and flows that a rule decides.

Z3 is asked about every cluster that could exist, with the loaded policies; flows between pods are put to the oracle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from netcheck.engines.smt import FoundEnd, FoundFlow, separating_flow
from netcheck.errors import SolverLimit
from netcheck.lint.finding import Related
from netcheck.lint.snapshot import Snapshot, example_labels
from netcheck.logic.ir import Kind
from netcheck.model.admin import AdminAction, AdminNodes, AdminPeer, AdminPods, AdminPolicy, AdminPort, AdminRule
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Decider, End, Flow, PodEnd, Tier, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, ContainerPort, Namespace, Pod, WorkloadId
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.semantics.decide import OracleLimit, decide
from netcheck.values.addresses import address_text
from netcheck.values.labels import LabelSelector

ANP, BANP, CNP = "AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"
IMAGINED_NAMESPACE, IMAGINED_POD = "some-namespace", "some-pod"
_KINDS = (ANP, BANP, CNP)
_TIMEOUT_MS = 5_000
_MOST_ALIKE = 40
"""So many pods that differ in labels or namespace stand for all those that a selector matches."""


@dataclass(frozen=True, slots=True)
class AdminRead:
    """A rule of an admin policy, and where it stands."""

    policy: AdminPolicy
    direction: Direction
    index: int
    rule: AdminRule

    @property
    def path(self) -> str:
        """`spec.ingress[0]`."""
        return f"spec.{self.field}[{self.index}]"

    @property
    def field(self) -> str:
        """`ingress` or `egress`."""
        return self.direction.value.lower()

    def is_decider(self, decider: Decider) -> bool:
        """Return whether the oracle names this rule."""
        named = (self.direction, self.policy.label, f"{self.field}[{self.index}]")
        return (decider.direction, decider.policy, decider.rule) == named

    def related(self, message: str) -> Related:
        """Return the rule as something that a finding about another object speaks of."""
        return Related(message=message, place=self.rule.place, object=self.policy.label)


def are_used(snapshot: Snapshot) -> bool:
    """Return whether an admin policy was read, be it one that is refused."""
    written = (problem.object.partition(" ")[0] for problem in snapshot.loaded.problems)
    return bool(snapshot.cluster.admin) or any(kind in _KINDS for kind in written)


def are_enforced(snapshot: Snapshot) -> bool:
    """Return whether the plugin may enforce policies."""
    return snapshot.cluster.profile.enforced is not Switch.NO


def all_admin_rules(snapshot: Snapshot) -> Iterator[AdminRead]:
    """Yield every rule of the admin policies."""
    for policy in snapshot.cluster.admin:
        for direction in Direction:
            for index, rule in enumerate(policy.rules(direction)):
                yield AdminRead(policy, direction, index, rule)


def denying(snapshot: Snapshot) -> tuple[AdminRead, ...]:
    """Return the rules of the Admin tier that deny."""
    return tuple(
        read
        for read in all_admin_rules(snapshot)
        if read.policy.tier is Tier.ADMIN and read.rule.action is AdminAction.DENY
    )


def precedence(policy: AdminPolicy) -> tuple[bool, int]:
    """ADM-4: a lower number comes first, and a BaselineAdminNetworkPolicy after all others."""
    return (policy.kind == BANP, policy.priority)


def contradicts_itself(peer: AdminPeer) -> bool:
    """Return whether no pod or node that could exist has the labels that a peer or subject asks for."""
    selectors: tuple[LabelSelector | None, ...] = ()
    if isinstance(peer, AdminPods):
        selectors = (peer.namespace_selector, peer.pod_selector)
    elif isinstance(peer, AdminNodes):
        selectors = (peer.selector,)
    return any(selector is not None and example_labels(selector) is None for selector in selectors)


def is_dead(read: AdminRead) -> bool:
    """Return whether the rule matches nothing in any cluster, for its selectors contradict themselves."""
    return contradicts_itself(read.policy.subject) or all(map(contradicts_itself, read.rule.peers))


# ---- what rules have in common -------------------------------------------------------------------------------------


def may_meet(one: AdminRead, other: AdminRead) -> bool:
    """Return whether some flow may match both rules, which have one direction; False only where that is certain."""
    return (
        _ports_meet(one.rule.ports, other.rule.ports)
        and pods_meet(one.policy.subject, other.policy.subject)
        and any(_peers_meet(mine, theirs) for mine in one.rule.peers for theirs in other.rule.peers)
    )


@lru_cache(maxsize=65536)
def pods_meet(one: AdminPods, other: AdminPods) -> bool:
    """Return whether a pod that could exist matches both subjects or peers."""
    spaces = _both(one.namespace_selector, other.namespace_selector)
    pods = _both(one.pod_selector or LabelSelector(), other.pod_selector or LabelSelector())
    return example_labels(spaces) is not None and example_labels(pods) is not None


def _both(one: LabelSelector, other: LabelSelector) -> LabelSelector:
    return LabelSelector.of(expressions=(*one.requirements, *other.requirements))


def _peers_meet(one: AdminPeer, other: AdminPeer) -> bool:
    return not (isinstance(one, AdminPods) and isinstance(other, AdminPods)) or pods_meet(one, other)


def _ports_meet(one: Sequence[AdminPort], other: Sequence[AdminPort]) -> bool:
    return not one or not other or any(_items_meet(mine, theirs) for mine in one for theirs in other)


def _items_meet(one: AdminPort, other: AdminPort) -> bool:
    if one.name or other.name:
        return True
    return one.protocol == other.protocol and one.first <= other.last and other.first <= one.last


def matches_example(read: AdminRead, other: AdminRead) -> bool:
    """Return whether `other` matches, as far as pods tell, the plainest pods that each peer of `read` describes.

    Where the earlier rules leave such an example out, they do not shadow the rule.
    """
    subject = _matches_example(other.policy.subject, read.policy.subject)
    return subject and any(
        not (isinstance(mine, AdminPods) and isinstance(theirs, AdminPods)) or _matches_example(theirs, mine)
        for mine in read.rule.peers
        for theirs in other.rule.peers
    )


def _matches_example(wanted: AdminPods, described: AdminPods) -> bool:
    spaces = example_labels(described.namespace_selector) or {}
    pods = example_labels(described.pod_selector or LabelSelector()) or {}
    return wanted.namespace_selector.matches(spaces) and (wanted.pod_selector or LabelSelector()).matches(pods)


# ---- Z3 ------------------------------------------------------------------------------------------------------------


def differ(one: Cluster, other: Cluster) -> FoundFlow | None:
    """Return a flow that tells the policies of two clusters apart; None iff it is proved that there is none.

    Raises:
        SolverLimit: the solver gave up.
    """
    return separating_flow(one, other, timeout_ms=_TIMEOUT_MS)


def never_decides(cluster: Cluster, read: AdminRead, before: Sequence[AdminRead]) -> bool:
    """Return whether it is proved that a rule decides no flow in any cluster, with the rules `before` and itself.

    Were it to decide one, then it would matter whether it accepts or denies.
    """
    accepting, denying_ = (
        _with_rules(cluster, [*before, replace(read, rule=replace(read.rule, action=action))])
        for action in (AdminAction.ACCEPT, AdminAction.DENY)
    )
    try:
        return differ(accepting, denying_) is None
    except SolverLimit:
        return False


def _with_rules(cluster: Cluster, reads: Iterable[AdminRead]) -> Cluster:
    """Return the cluster with these rules, all of one direction, as the only ones."""
    rules: dict[str, tuple[AdminPolicy, list[AdminRule]]] = {}
    for read in reads:
        rules.setdefault(read.policy.label, (read.policy, []))[1].append(read.rule)
        field = read.field
    admin = []
    for policy, kept in rules.values():
        changes: dict[str, Any] = {"ingress": (), "egress": (), field: tuple(kept)}
        admin.append(replace(policy, **changes))
    return replace(cluster, admin=tuple(admin), policies=(), opaque=())


def tells_apart(one: Cluster, other: Cluster, found: FoundFlow) -> bool:
    """Return whether the oracle decides a flow of Z3's differently under the policies of two clusters."""
    verdicts = set()
    for cluster in (one, other):
        bare = replace(cluster, pods=(), nodes=(), namespaces={}, services=(), lost=(), endpoint_slices=())
        placed, source = _placed(bare, found, found.source)
        placed, destination = _placed(placed, found, found.destination)
        if source is None or destination is None:
            return False
        flow = Flow(
            source=source,
            destination=destination,
            protocol=found.protocol,
            port=found.port,
            version=found.version,
        )
        try:
            verdicts.add(decide(placed, flow).verdict)
        except OracleLimit:
            return False
    return verdicts == {Verdict.ALLOWED, Verdict.DENIED}


def _placed(cluster: Cluster, found: FoundFlow, end: FoundEnd) -> tuple[Cluster, End | None]:
    """Return the cluster with an end added to it, and the end; None for an end whose labels are not all known."""
    addresses = tuple(address_text(version, number) for version, number in sorted(end.addresses.items()))
    if end.kind is Kind.EXTERNAL:
        return cluster, AddressEnd(addresses[0])
    if end.kind is not Kind.POD:
        return cluster, None
    named = found.named if end is found.destination else ()
    name = f"{IMAGINED_POD}-{len(cluster.pods) + 1}"
    pod = Pod(
        namespace=end.namespace,
        name=name,
        workload=WorkloadId(end.namespace, "Pod", name),
        labels=dict(end.labels),
        addresses=addresses,
        ports=tuple(ContainerPort(number=found.port, protocol=found.protocol.value, name=item) for item in named),
    )
    return _with_pod(cluster, pod, end.namespace_labels), PodEnd(pod)


def _with_pod(cluster: Cluster, pod: Pod, namespace_labels: Any) -> Cluster:
    labels = {**namespace_labels, NAMESPACE_NAME_LABEL: pod.namespace}
    added = {} if pod.namespace in cluster.namespaces else {pod.namespace: Namespace(name=pod.namespace, labels=labels)}
    return replace(cluster, pods=(*cluster.pods, pod), namespaces={**cluster.namespaces, **added})


# ---- pods ----------------------------------------------------------------------------------------------------------


def matching(snapshot: Snapshot, wanted: AdminPods) -> tuple[Pod, ...]:
    """Return the loaded pods that a subject or peer may match; host-network pods are never meant (ADM-2)."""
    pods = snapshot.cluster.pods
    names = snapshot.namespaces_matching(wanted.namespace_selector)
    found = snapshot.index.matching(None, wanted.pod_selector or LabelSelector.everything())
    return tuple(pods[i] for i in found if pods[i].namespace in names and not pods[i].host_network)


def unlike(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """Return one of the pods for each namespace and set of labels, the first 40."""
    found: dict[object, Pod] = {}
    for pod in pods:
        found.setdefault((pod.namespace, tuple(sorted(pod.labels.items()))), pod)
        if len(found) == _MOST_ALIKE:
            break
    return tuple(found.values())


def example(cluster: Cluster, wanted: AdminPods) -> tuple[Cluster, Pod] | None:
    """Return the cluster with a pod that a subject or peer matches, in a namespace of its own; None iff none could."""
    spaces, labels = example_labels(wanted.namespace_selector), example_labels(wanted.pod_selector or LabelSelector())
    if spaces is None or labels is None:
        return None
    name = spaces.get(NAMESPACE_NAME_LABEL, IMAGINED_NAMESPACE)
    known = cluster.namespaces.get(name)
    if known is not None and not known.labels_known:
        return None
    pod = imagined(name, IMAGINED_POD, labels)
    return _with_pod(cluster, pod, spaces), pod


def imagined(namespace: str, name: str, labels: dict[str, str]) -> Pod:
    """Return a pod that is not loaded."""
    return Pod(namespace=namespace, name=name, workload=WorkloadId(namespace, "Pod", name), labels=labels)


def deciders(cluster: Cluster, flow: Flow) -> tuple[Decider, ...]:
    """Return what the oracle says decides a flow; nothing where that depends on what is not known."""
    try:
        return decide(cluster, flow).deciders
    except OracleLimit:
        return ()
