"""What rules ask about the loaded objects: each answer is found once, when the first rule asks.

A policy that selects no loaded pod is judged by an imagined pod, made of what its selector asks for: it stands after
the loaded pods in `pods`, and never in a witness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.engines.lowering import bounds_with_open_labels, candidate_values
from netcheck.engines.sets import SetEngine
from netcheck.engines.tables import DirectionTables, Table
from netcheck.lint.podindex import PodIndex
from netcheck.lint.requests import Questions
from netcheck.lint.wording import owner
from netcheck.logic.atoms import indexes
from netcheck.logic.attachment import Attachments, attachments
from netcheck.logic.classes import mask_of
from netcheck.logic.ir import Kind
from netcheck.logic.routing import Router
from netcheck.model.cluster import Cluster, Loaded
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, PodEnd, Tier, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, EndpointSlice, Pod, Service, ServiceType, WorkloadId
from netcheck.model.policy import Direction, NetworkPolicy, PodPeer
from netcheck.queries.replay import replayed
from netcheck.queries.results import FlowText
from netcheck.values.addresses import address_number
from netcheck.values.labels import LabelSelector, Requirement
from netcheck.values.ports import Protocol

IMAGINED = "imagined"
"""The kind of the workload of an imagined pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Pods (positions) that the same policies select in one direction, and what these and admin policies let through.

    `policies` are the NetworkPolicies among them.

    `certain` is false iff a policy whose effect is not known concerns them too.
    """

    pods: tuple[int, ...]
    element: int
    policies: tuple[NetworkPolicy, ...]
    tables: Mapping[int, Table]
    certain: bool

    @property
    def isolated(self) -> bool:
        """Whether something restricts the pods in this direction."""
        return self.tables[4].restricted


class Snapshot:
    """The loaded objects with everything that rules derive from them."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.cluster: Cluster = loaded.cluster
        self.whole = loaded.cluster.whole
        self._peers: dict[tuple[str, PodPeer], tuple[int, ...]] = {}
        self._namespaces: dict[LabelSelector, frozenset[str]] = {}
        self._subjects: dict[Direction, tuple[Subjects, ...]] = {}
        self._open: dict[Direction, tuple[Pod, ...]] = {}
        self._by_policy: dict[Direction, dict[int, list[Subjects]]] = {}
        self._by_pod: dict[Direction, dict[int, Subjects]] = {}

    # ---- indexes -------------------------------------------------------------------------------------------------

    @cached_property
    def index(self) -> PodIndex:
        """The loaded pods by label."""
        return PodIndex(self.cluster.pods)

    @cached_property
    def policies_in(self) -> Mapping[str, tuple[NetworkPolicy, ...]]:
        """Namespace -> its policies."""
        found: dict[str, list[NetworkPolicy]] = {}
        for policy in self.cluster.policies:
            found.setdefault(policy.namespace, []).append(policy)
        return {name: tuple(policies) for name, policies in found.items()}

    @cached_property
    def services_in(self) -> Mapping[str, tuple[Service, ...]]:
        """Namespace -> its Services."""
        found: dict[str, list[Service]] = {}
        for service in self.cluster.services:
            found.setdefault(service.namespace, []).append(service)
        return {name: tuple(services) for name, services in found.items()}

    @cached_property
    def service_at(self) -> Mapping[tuple[str, str], Service]:
        """(namespace, name) -> the Service."""
        return {(service.namespace, service.name): service for service in self.cluster.services}

    def slices_of(self, service: Service) -> tuple[EndpointSlice, ...]:
        """Return the EndpointSlices of a Service that count, or else its legacy Endpoints (SVC-14, SVC-15)."""
        usable = [item for item in self._slices.get((service.namespace, service.name), ()) if is_usable(item)]
        return tuple(item for item in usable if not item.legacy) or tuple(usable)

    @cached_property
    def _slices(self) -> Mapping[tuple[str, str], list[EndpointSlice]]:
        found: dict[tuple[str, str], list[EndpointSlice]] = {}
        for piece in self.cluster.endpoint_slices:
            found.setdefault((piece.namespace, piece.service), []).append(piece)
        return found

    @cached_property
    def pod_at(self) -> Mapping[str, int]:
        """Address -> the loaded pod that has it; host-network pods have their node's and are left out."""
        pods = enumerate(self.cluster.pods)
        return {text: position for position, pod in pods if not pod.host_network for text in pod.addresses}

    def selected(self, policy: NetworkPolicy) -> tuple[int, ...]:
        """Return the loaded pods that a policy's selector matches, host-network pods too."""
        return self.index.matching(policy.namespace, policy.pod_selector)

    def backends(self, service: Service) -> tuple[int, ...]:
        """Return the loaded pods that a Service's selector matches (SVC-2): none if it has no selector."""
        if not service.selector or service.type is ServiceType.EXTERNAL_NAME:
            return ()
        return self.index.matching(service.namespace, LabelSelector.of(service.selector))

    def namespaces_matching(self, selector: LabelSelector) -> frozenset[str]:
        """Return the namespaces that a selector may match: certainly, or with labels that are not known."""
        found = self._namespaces.get(selector)
        if found is None:
            found = frozenset(name for name in self.cluster.namespaces if self.may_match(name, selector))
            self._namespaces[selector] = found
        return found

    def may_match(self, name: str, selector: LabelSelector) -> bool:
        """Return whether a selector may match a namespace, which need not be loaded."""
        namespace = self.cluster.namespaces.get(name)
        if namespace is None:
            return bounds_with_open_labels(selector, {NAMESPACE_NAME_LABEL: name})[1]
        if namespace.labels_known:
            return selector.matches(namespace.labels)
        return bounds_with_open_labels(selector, namespace.labels)[1]

    def peers(self, namespace: str, peer: PodPeer) -> tuple[int, ...]:
        """Return the loaded pods that a peer of a policy in `namespace` may match, host-network pods too."""
        key = (namespace if peer.namespace_selector is None else "", peer)
        found = self._peers.get(key)
        if found is None:
            found = self._peers[key] = self._find_peers(namespace, peer)
        return found

    def _find_peers(self, namespace: str, peer: PodPeer) -> tuple[int, ...]:
        pods = peer.pod_selector or LabelSelector.everything()
        if peer.namespace_selector is None:
            return self.index.matching(namespace, pods)
        names = self.namespaces_matching(peer.namespace_selector)
        return tuple(i for i in self.index.matching(None, pods) if self.cluster.pods[i].namespace in names)

    # ---- routes --------------------------------------------------------------------------------------------------

    @cached_property
    def attached(self) -> Attachments:
        """What is attached to the Gateways and Services of a mesh."""
        return attachments(self.cluster)

    @cached_property
    def router(self) -> Router:
        """The router of the cluster."""
        return Router(self.cluster, self.attached)

    @cached_property
    def requests(self) -> Questions:
        """Questions about requests."""
        return Questions(self.cluster, self.router)

    # ---- the engine ----------------------------------------------------------------------------------------------

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """The loaded pods, then the imagined ones."""
        return (*self.cluster.pods, *(pod for pod in map(self._imagined, self.cluster.policies) if pod is not None))

    def _imagined(self, policy: NetworkPolicy) -> Pod | None:
        if self.selected(policy):
            return None
        labels = example_labels(policy.pod_selector)
        if labels is None:
            return None
        identity = WorkloadId(policy.namespace, IMAGINED, policy.name)
        return Pod(namespace=policy.namespace, name=policy.name, workload=identity, labels=labels, template=True)

    @cached_property
    def imagined_in(self) -> Mapping[str, tuple[int, ...]]:
        """Namespace -> its imagined pods."""
        found: dict[str, list[int]] = {}
        for position in range(len(self.cluster.pods), len(self.pods)):
            found.setdefault(self.pods[position].namespace, []).append(position)
        return {name: tuple(positions) for name, positions in found.items()}

    def is_real(self, position: int) -> bool:
        """Return whether a pod is a loaded one."""
        return position < len(self.cluster.pods)

    @cached_property
    def engine(self) -> SetEngine:
        """The set engine over the loaded and the imagined pods."""
        return SetEngine(replace(self.cluster, pods=self.pods))

    def element(self, position: int) -> int:
        """Return the element of the engine's universe that holds a pod."""
        return self.engine.universe.class_of[position]

    def subjects(self, direction: Direction) -> tuple[Subjects, ...]:
        """Return all pods but host-network pods, grouped by the policies that select them in `direction`."""
        found = self._subjects.get(direction)
        if found is None:
            found = self._subjects[direction] = tuple(self._group(direction))
        return found

    def _group(self, direction: Direction) -> Sequence[Subjects]:
        engine = self.engine
        universe = engine.universe
        tables = DirectionTables(engine.program, direction, engine.lowering)
        groups = engine.program.pipeline(direction).groups
        stages = [stage for group in groups if group.tier is Tier.NETWORK_POLICY for stage in group.stages]
        policies = [policy for policy in self.cluster.policies if direction in policy.types]
        policy_of = {id(stage): policy for stage, policy in zip(stages, policies, strict=False)}
        plain = mask_of(i for i in range(universe.pod_count) if universe.elements[i].kind is Kind.POD)
        found = []
        plain_tables = tables.tables(4)
        families_differ = bool(universe.mentions.addresses)
        for four, six in zip(plain_tables, tables.tables(6) if families_differ else plain_tables, strict=True):
            classes = indexes(four.subjects & plain)
            if classes:
                members = sorted(i for number in classes for i in universe.elements[number].members)
                selecting = tuple(policy_of[id(stage)] for stage in four.stages if id(stage) in policy_of)
                found.append(
                    Subjects(
                        pods=tuple(members),
                        element=classes[0],
                        policies=selecting,
                        tables={4: four, 6: six},
                        certain=not four.opaque,
                    )
                )
        return found

    def subjects_of(self, policy: NetworkPolicy, direction: Direction) -> tuple[Subjects, ...]:
        """Return the groups of pods that a policy selects in `direction`."""
        found = self._by_policy.get(direction)
        if found is None:
            found = self._by_policy[direction] = {}
            for subjects in self.subjects(direction):
                for member in subjects.policies:
                    found.setdefault(id(member), []).append(subjects)
        return tuple(found.get(id(policy), ()))

    def subjects_at(self, position: int, direction: Direction) -> Subjects | None:
        """Return the group that a pod is in; None for a host-network pod, which is in no group."""
        found = self._by_pod.get(direction)
        if found is None:
            groups = self.subjects(direction)
            found = self._by_pod[direction] = {pod: subjects for subjects in groups for pod in subjects.pods}
        return found.get(position)

    def unlike(self, subjects: Subjects) -> tuple[int, ...]:
        """Return one loaded pod for each element of the universe that the group holds."""
        found: dict[int, int] = {}
        for position in filter(self.is_real, subjects.pods):
            found.setdefault(self.element(position), position)
        return tuple(found.values())

    @cached_property
    def anyone(self) -> int:
        """Every element but the own node, which policies exempt, as bits."""
        universe = self.engine.universe
        return universe.everything & ~(1 << universe.own_node)

    def may_pass(self, subjects: Subjects, peers: int, protocol: Protocol, port: int) -> bool:
        """Return whether a flow between the subjects and some element of `peers` may pass in their direction."""
        bit = self.engine.universe.ports.single(protocol, port)
        return any(part.mask & bit and part.may & peers for table in subjects.tables.values() for part in table.parts)

    def address_element(self, address: str) -> int:
        """Return the element that holds an outside address."""
        universe = self.engine.universe
        return universe.atom_offset + universe.addresses.atom(*address_number(address))

    def open_pods(self, direction: Direction) -> tuple[Pod, ...]:
        """Return for each namespace at most one loaded pod that nothing restricts in `direction`."""
        known = self._open.get(direction)
        if known is None:
            found: dict[str, Pod] = {}
            for subjects in self.subjects(direction):
                for position in subjects.pods if not subjects.isolated else ():
                    if self.is_real(position):
                        found.setdefault(self.pods[position].namespace, self.pods[position])
            known = self._open[direction] = tuple(found.values())
        return known

    # ---- witnesses -----------------------------------------------------------------------------------------------

    def witness(self, flow: Flow, expected: Verdict, note: str = "") -> FlowText | None:
        """Return a flow as the witness of a finding iff the engine gives the expected verdict.

        Raises:
            WitnessMismatch: the oracle decides otherwise.
        """
        if not (self._is_loaded(flow.source) and self._is_loaded(flow.destination)):
            return None
        found = self.engine.pair(self._element(flow.source), self._element(flow.destination))
        bit = self.engine.universe.ports.single(flow.protocol, flow.port)
        verdict = Verdict.ALLOWED if found.allowed & bit else Verdict.UNKNOWN if found.unknown & bit else Verdict.DENIED
        if verdict is not expected:
            return None
        replayed(self._judges(flow), flow, expected)
        return FlowText(
            source=end_text(flow.source),
            destination=end_text(flow.destination),
            protocol=flow.protocol,
            port=flow.port,
            note=note,
        )

    def _judges(self, flow: Flow) -> Cluster:
        """Return the cluster with the policies of the two ends' namespaces only: no other can select them (NP-1)."""
        names = sorted({end.pod.namespace for end in (flow.source, flow.destination) if isinstance(end, PodEnd)})
        policies = tuple(policy for name in names for policy in self.policies_in.get(name, ()))
        return replace(self.cluster, policies=policies)

    @cached_property
    def _position(self) -> Mapping[int, int]:
        return {id(pod): position for position, pod in enumerate(self.cluster.pods)}

    def _is_loaded(self, end: End) -> bool:
        return isinstance(end, AddressEnd | NodeEnd) or (isinstance(end, PodEnd) and id(end.pod) in self._position)

    def _element(self, end: End) -> int:
        if isinstance(end, AddressEnd):
            return self.address_element(end.address)
        if isinstance(end, NodeEnd):
            return self.engine.universe.pod_count + self.cluster.nodes.index(end.node)
        assert isinstance(end, PodEnd)
        return self.element(self._position[id(end.pod)])


def end_text(end: End) -> str:
    """Return an end as output names it."""
    if isinstance(end, PodEnd):
        identity = end.pod.workload
        return str(identity) if end.pod.template else f"{end.pod.namespace}/{end.pod.name}[Pod]"
    if isinstance(end, NodeEnd):
        return f"node:{end.node.name}"
    assert isinstance(end, AddressEnd)
    return end.address


def is_usable(piece: EndpointSlice) -> bool:
    """Return whether proxies read an EndpointSlice: not if it holds names instead of addresses (SVC-14)."""
    return piece.address_type != "FQDN"


def example_labels(selector: LabelSelector) -> dict[str, str] | None:
    """Return labels that a selector matches, or None iff there are none."""
    by_key: dict[str, list[Requirement]] = {}
    for requirement in selector.requirements:
        by_key.setdefault(requirement.key, []).append(requirement)
    found = {}
    for key, requirements in by_key.items():
        fitting = [v for v in candidate_values(requirements) if all(item.matches(v) for item in requirements)]
        if not fitting:
            return None
        value = next((v for v in fitting if v is not None), None)
        if None not in fitting and value is not None:
            found[key] = value
    return found


def subjects_text(snapshot: Snapshot, positions: Sequence[int]) -> str:
    """Return the names of loaded pods' workloads; for imagined pods only, what the policy would select."""
    real = [snapshot.pods[i] for i in positions if snapshot.is_real(i)]
    if not real:
        return "the pods that it would select"
    names = list(dict.fromkeys(owner(pod) for pod in real))
    shown = ", ".join(f"`{name}`" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
