"""Intents with `scope: any-pod`: proved by Z3 for every pod that could be created, after those that exist.

Ends by labels range over all pods with such labels; ends that name pods, Services, nodes or addresses mean what is
loaded. For an `only`, a listed end that names pods stands for every pod of their namespace that has all their labels.
A witness pod is added to the cluster and the oracle asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netcheck.engines.lowering import bounds_with_open_labels
from netcheck.engines.new_pods import Flows, NewPod, NewPodEngine
from netcheck.engines.smt import AnyPod, Existing, FoundEnd, FoundFlow, Reached, SymbolicEnd, Undecided
from netcheck.errors import SolverLimit
from netcheck.logic.atoms import indexes
from netcheck.logic.ir import Kind, Program
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decision, End, Flow, PodEnd, Reason, Verdict
from netcheck.model.intents import Closes, Demand, SelectedPods
from netcheck.model.objects import NAMESPACE_NAME_LABEL, ContainerPort, Namespace, Pod, WorkloadId
from netcheck.queries.flow_table import Box
from netcheck.queries.free import WITNESS_POD
from netcheck.queries.intent_ends import Members
from netcheck.queries.intent_witness import Witnesses, end_text
from netcheck.queries.replay import replayed
from netcheck.queries.results import FlowText
from netcheck.queries.verify import Asked, Question, Side
from netcheck.queries.verify_results import Evidence, IntentResult, Outcome
from netcheck.semantics.decide import OracleLimit, decide
from netcheck.values.addresses import address_text
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import PortSet

GENERATED_LABELS = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
"""Labels that controllers add to their pods: nobody chooses them."""
_MOST_ASKED_ALONE = 64
_KNOWN_PORT = 80
LIMIT = Reason(rule="LIMIT", message="the solver did not finish within its limit (--solver-timeout)")


def any_pod(question: Question, asked: Asked, existing: IntentResult, timeout_ms: int) -> IntentResult:
    """Return whether the intent holds of all pods that could be created too; `existing` is the answer about those there."""
    if existing.outcome is Outcome.VIOLATED:
        return existing
    return _OpenWorld(question, asked, timeout_ms).judged(existing)


class NewPodQuestions:
    """From the ends of an intent to questions about pods that could exist."""

    def __init__(self, question: Question, asked: Asked) -> None:
        self._question = question
        self._asked = asked

    def flows(self) -> Iterator[Flows]:
        """Yield the flows that the intent speaks of and that have an end that could be created."""
        intent = self._asked.intent
        if intent.demand is not Demand.ONLY:
            yield from self._between(self._ends(self._asked.sources), self._destinations(self._asked))
        elif intent.closes is Closes.TO:
            yield from self._between(self._others(self._asked.sources), self._destinations(self._asked))
        else:
            yield from self._out_of_sources()

    def _out_of_sources(self) -> Iterator[Flows]:
        """Yield what `closes: from` forbids: everything to others, and to those listed on other ports."""
        asked = self._asked
        sources = list(self._ends(asked.sources))
        others = [(end, ConnectionSet.all()) for end in self._others(asked.destinations)]
        listed = [(end, ~ports) for end, ports in self._destinations(asked)]
        if asked.intent.ports is None and not asked.choices:
            listed = []
        yield from self._between(sources, [*others, *listed])

    @staticmethod
    def _between(
        sources: Iterable[SymbolicEnd], destinations: Iterable[tuple[SymbolicEnd, ConnectionSet]]
    ) -> Iterator[Flows]:
        targets = list(destinations)
        for source in sources:
            for destination, ports in targets:
                if ports and (isinstance(source, AnyPod) or isinstance(destination, AnyPod)):
                    yield Flows(source=source, destination=destination, ports=ports)

    def _ends(self, side: Side) -> Iterator[SymbolicEnd]:
        named = 0
        for item in side.members:
            if item.selector is not None:
                yield self.new_pod(item.selector)
            bits = self._named(item)
            named |= bits
        if named:
            yield Existing(elements=named)

    def _named(self, item: Members) -> int:
        """Return the elements that an end names; of one that selects pods those that are no pods."""
        bits = self._question.side((item,)).possible
        return bits & ~self._question.table.pods if item.selector is not None else bits

    def _destinations(self, asked: Asked) -> Iterator[tuple[SymbolicEnd, ConnectionSet]]:
        engine = self._question.engine
        by_mask: dict[int, int] = {}
        for item in asked.destinations.members:
            if item.selector is not None:
                yield self.new_pod(item.selector), self._ports_of_new_pods(asked)
            within = self._named(item)
            for box in asked.possible:
                if found := box.destinations & within:
                    by_mask[box.mask] = by_mask.get(box.mask, 0) | found
        for mask, elements in sorted(by_mask.items()):
            yield Existing(elements=elements), engine.connections(mask)

    def _ports_of_new_pods(self, asked: Asked) -> ConnectionSet:
        """Return what is asked of a new pod: under a name it may declare any number."""
        if asked.intent.ports is None:
            return ConnectionSet.all()
        numbers, names = self._question.resolver.port_numbers(asked.intent.ports)
        for _, protocol in names:
            numbers |= ConnectionSet.of({protocol: PortSet.all()})
        return numbers

    def _others(self, side: Side) -> Iterator[SymbolicEnd]:
        """Yield every end but those listed: pods that could exist, and of what exists all that these do not stand for."""
        listed = [other for item in side.members for other in self._like(item)]
        yield self.new_pod(SelectedPods(), but=listed)
        universe, table = self._question.engine.universe, self._question.table
        unlike = table.ends & ~side.possible
        for number in range(universe.pod_count):
            element = universe.elements[number]
            if element.kind is Kind.POD and all(atom is None for _, atom in element.address_atoms):
                unlike &= ~(1 << number)
        if unlike:
            yield Existing(elements=unlike)

    def _like(self, item: Members) -> Iterator[AnyPod]:
        if item.selector is not None:
            yield _as_any_pod(item.selector)
            return
        for position in sorted(item.pods):
            pod = self._question.cluster.pods[position]
            labels = {key: value for key, value in pod.labels.items() if key not in GENERATED_LABELS}
            yield AnyPod(namespaces=frozenset((pod.namespace,)), pods=LabelSelector.of(labels))

    def new_pod(self, selector: SelectedPods, but: Iterable[AnyPod] = ()) -> NewPod:
        """Return the pods that could be created and are selected, under what the intent assumes."""
        assuming = self._asked.intent.assuming
        excluded = [*but, *(_as_any_pod(item) for item in assuming.no_new_pods)]
        return NewPod(
            namespaces=selector.namespaces,
            pods=selector.pods,
            namespace_labels=selector.namespace_labels,
            but=tuple(dict.fromkeys(excluded)),
            no_new_namespaces=assuming.no_new_namespaces,
        )


def _as_any_pod(selector: SelectedPods) -> AnyPod:
    return AnyPod(namespaces=selector.namespaces, pods=selector.pods, namespace_labels=selector.namespace_labels)


def new_pod_engine(
    question: Question, flows: Iterable[Flows], timeout_ms: int, *, denied: bool = False
) -> NewPodEngine:
    """Return an engine for some flows, with the policies that can select an end of them."""
    ends = [end for item in flows for end in (item.source, item.destination)]
    cluster = _sliced(question, ends)
    programs: list[Program] = [translate(cluster, profile) for profile in resolutions(cluster)]
    return NewPodEngine(
        cluster, question.engine.universe, ends=ends, programs=programs, timeout_ms=timeout_ms, denied=denied
    )


def _sliced(question: Question, ends: Iterable[SymbolicEnd]) -> Cluster:
    namespaces: set[str] = set()
    universe = question.engine.universe
    for end in ends:
        if isinstance(end, AnyPod):
            if end.namespaces is None:
                return question.cluster
            namespaces |= end.namespaces
        elif isinstance(end, Existing):
            namespaces |= {
                universe.elements[number].namespace for number in indexes(end.elements & question.table.pods)
            }
    policies = tuple(item for item in question.cluster.policies if item.namespace in namespaces)
    return replace(question.cluster, policies=policies)


class _OpenWorld:
    def __init__(self, question: Question, asked: Asked, timeout_ms: int) -> None:
        self._question = question
        self._asked = asked
        self._wanted = asked.intent.demand is Demand.ALLOW
        self._flows = list(NewPodQuestions(question, asked).flows())
        self._engine = new_pod_engine(question, self._flows, timeout_ms, denied=self._wanted)
        self._witnesses = Witnesses(question.cluster, question.engine)

    def judged(self, existing: IntentResult) -> IntentResult:
        """Return the result for pods that could exist; `existing` is that for those that do."""
        if (vacuous := self._vacuous()) is not None:
            return vacuous
        doubt = existing if existing.outcome is Outcome.UNKNOWN else None
        for flows in self._flows:
            for found in self._asked_of(flows):
                if found.outcome is Outcome.VIOLATED:
                    return found
                doubt = doubt or found
        return doubt or replace(existing, proved_for="every pod that could be created")

    def _vacuous(self) -> IntentResult | None:
        intent = self._asked.intent
        closed = self._asked.sources if intent.closes is Closes.FROM else self._asked.destinations
        if intent.allow_empty or (intent.demand is Demand.ONLY and closed.possible):
            return None
        try:
            if any(self._engine.is_possible(flows) for flows in self._flows):
                return None
        except SolverLimit:
            return self._limit()
        if not self._flows:  # both ends name what exists, of which the answer is known
            return None
        message = "vacuous: no pod that could be created is meant by it"
        return IntentResult(intent=intent, outcome=Outcome.VIOLATED, vacuous=True, message=message)

    def _asked_of(self, flows: Flows) -> Iterator[IntentResult]:
        """Yield what is found wrong or doubtful: about all elements at once, and if that is not clear one by one."""
        found = self._answer(flows)
        if found is None:
            return
        parts = list(self._one_by_one(flows))
        if found.outcome is Outcome.UNKNOWN and found.reasons != (LIMIT,) and 1 < len(parts) <= _MOST_ASKED_ALONE:
            yield from (answer for part in parts if (answer := self._answer(part)) is not None)
        else:
            yield found

    @staticmethod
    def _one_by_one(flows: Flows) -> Iterator[Flows]:
        match flows.source, flows.destination:
            case Existing(elements=elements), _:
                for number in indexes(elements):
                    yield replace(flows, source=Existing(elements=1 << number))
            case _, Existing(elements=elements):
                for number in indexes(elements):
                    yield replace(flows, destination=Existing(elements=1 << number))
            case _:
                yield flows

    def _answer(self, flows: Flows) -> IntentResult | None:
        answer = self._engine.reach(flows.source, flows.destination, flows.ports)
        match answer:
            case Reached(witness=witness):
                return self._violated(flows, witness)
            case Undecided(witness=None) | Undecided(limit=True):
                return self._limit()
            case Undecided(witness=FoundFlow() as witness):
                evidence = self._evidence(flows, witness, Verdict.UNKNOWN)
                return IntentResult(
                    intent=self._asked.intent,
                    outcome=Outcome.UNKNOWN,
                    message="whether a flow passes is not known",
                    evidence=evidence,
                    reasons=evidence.reasons,
                )
            case _:
                return None

    def _limit(self) -> IntentResult:
        return IntentResult(
            intent=self._asked.intent, outcome=Outcome.UNKNOWN, message="not proved in time", reasons=(LIMIT,)
        )

    def _violated(self, flows: Flows, witness: FoundFlow) -> IntentResult:
        evidence = self._evidence(flows, witness, Verdict.DENIED if self._wanted else Verdict.ALLOWED)
        doubts = tuple(
            reason
            for end, found in ((flows.source, witness.source), (flows.destination, witness.destination))
            for reason in self._selection(end, found)
        )
        if doubts:
            return IntentResult(
                intent=self._asked.intent,
                outcome=Outcome.UNKNOWN,
                message="what an end selects is not known",
                evidence=evidence,
                reasons=doubts,
            )
        message = "a pod could be created that must be let through and is not"
        if not self._wanted:
            message = "a pod could be created that is let through"
        return IntentResult(intent=self._asked.intent, outcome=Outcome.VIOLATED, message=message, evidence=evidence)

    def _selection(self, end: SymbolicEnd, found: FoundEnd) -> Iterator[Reason]:
        """Yield why it is not known whether the witness is one of those meant: its namespace's labels are not (WL-3)."""
        namespace = self._question.cluster.namespaces.get(found.namespace)
        if not isinstance(end, NewPod) or namespace is None or namespace.labels_known:
            return
        must, _ = bounds_with_open_labels(end.namespace_labels, namespace.labels)
        excluded = any(
            bounds_with_open_labels(other.namespace_labels, namespace.labels)[1]
            and (other.namespaces is None or found.namespace in other.namespaces)
            and other.pods.matches(found.labels)
            for other in end.but
        )
        if not must or excluded:
            message = f"no source defines namespace `{found.namespace}`, so its labels are not known"
            yield Reason(rule="WL-3", message=message)

    # ---- witnesses ---------------------------------------------------------------------------------------------

    def _evidence(self, flows: Flows, witness: FoundFlow, verdict: Verdict) -> Evidence:
        return replayed_witness(self._question.cluster, self._witnesses, flows, witness, verdict)


def replayed_witness(
    cluster: Cluster, witnesses: Witnesses, flows: Flows, witness: FoundFlow, verdict: Verdict
) -> Evidence:
    """Return a model's flow as evidence: its new pods are added to the cluster, and the oracle decides there.

    Raises:
        WitnessMismatch: the oracle decides otherwise.

    """
    if verdict is not Verdict.UNKNOWN:
        cluster = _as_selected(cluster, flows, witness)
    ends: list[End] = []
    for symbolic, found in ((flows.source, witness.source), (flows.destination, witness.destination)):
        if isinstance(symbolic, AnyPod):
            cluster, pod = _created(cluster, witness, found)
            ends.append(PodEnd(pod))
        else:
            assert found.element is not None
            ends.append(witnesses.end(found.element))
    flow = Flow(source=ends[0], destination=ends[1], protocol=witness.protocol, port=witness.port)
    decision = replayed(cluster, flow, verdict)
    readable = _readable(flow, flows.ports, witness)
    if readable is not flow and (other := _decided(cluster, readable)).verdict is verdict:
        flow, decision = readable, other
    text = FlowText(
        source=end_text(ends[0]),
        destination=end_text(ends[1]),
        protocol=flow.protocol,
        port=flow.port,
        source_labels=_labels(flows.source, witness.source),
        destination_labels=_labels(flows.destination, witness.destination),
    )
    return Evidence(flow=text, verdict=verdict, decided_by=decision.deciders, reasons=decision.reasons, world=cluster)


def _as_selected(cluster: Cluster, flows: Flows, witness: FoundFlow) -> Cluster:
    """Return the cluster with the labels under which the witness is one of those meant, where these are not known (WL-3)."""
    namespaces = dict(cluster.namespaces)
    for end, found in ((flows.source, witness.source), (flows.destination, witness.destination)):
        known = namespaces.get(found.namespace)
        if not isinstance(end, NewPod) or known is None or known.labels_known:
            continue
        if end.namespace_labels.requirements or any(other.namespace_labels.requirements for other in end.but):
            labels = {**found.namespace_labels, **known.labels}
            namespaces[found.namespace] = replace(known, labels=labels, labels_known=True)
    return replace(cluster, namespaces=namespaces)


def _readable(flow: Flow, ports: ConnectionSet, witness: FoundFlow) -> Flow:
    """Return the flow on a port that people know, if it was not asked about a port and none is named."""
    asked = ports.of_protocol(flow.protocol)
    return replace(flow, port=_KNOWN_PORT) if _KNOWN_PORT in asked and not witness.named else flow


def _decided(cluster: Cluster, flow: Flow) -> Decision:
    try:
        return decide(cluster, flow)
    except OracleLimit:
        return Decision(verdict=Verdict.UNKNOWN)


def _created(cluster: Cluster, witness: FoundFlow, found: FoundEnd) -> tuple[Cluster, Pod]:
    is_destination = found is witness.destination
    name = f"{WITNESS_POD}-{2 if is_destination else 1}"
    ports: tuple[ContainerPort, ...] = ()
    if is_destination:
        ports = tuple(
            ContainerPort(number=witness.port, protocol=witness.protocol.value, name=item) for item in witness.named
        )
    pod = Pod(
        namespace=found.namespace,
        name=name,
        workload=WorkloadId(found.namespace, "Pod", name),
        labels=dict(found.labels),
        addresses=tuple(address_text(version, number) for version, number in sorted(found.addresses.items())),
        ports=ports,
    )
    namespaces = dict(cluster.namespaces)
    if found.namespace not in namespaces:
        labels = {**found.namespace_labels, NAMESPACE_NAME_LABEL: found.namespace}
        namespaces[found.namespace] = Namespace(name=found.namespace, labels=labels)
    return replace(cluster, namespaces=namespaces, pods=(*cluster.pods, pod)), pod


def _labels(end: SymbolicEnd, found: FoundEnd) -> str:
    if not isinstance(end, AnyPod):
        return ""
    own = ", ".join(f"{key}={value}" for key, value in sorted(found.labels.items())) or "no labels"
    if not found.namespace_is_new:
        return own
    labels = {key: value for key, value in found.namespace_labels.items() if key != NAMESPACE_NAME_LABEL}
    spaces = ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no labels"
    return f"{own}; its new namespace: {spaces}"


def boxes_as_flows(question: Question, sources: int, boxes: Iterable[Box]) -> Iterator[Flows]:
    """Yield the flows from some elements to boxes; at least one end of each is a pod."""
    pods = question.table.pods
    engine = question.engine
    for box in boxes:
        for one, other in ((sources & pods, box.destinations), (sources & ~pods, box.destinations & pods)):
            if one and other and box.mask:
                yield Flows(
                    source=Existing(elements=one),
                    destination=Existing(elements=other),
                    ports=engine.connections(box.mask),
                )
