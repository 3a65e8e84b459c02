"""Questions with a free end, put to Z3: any address of a range, any pod that could exist.

A witness pod that does not exist is added to the cluster, and the oracle decides the flow in that cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from netcheck.engines.sets import SetEngine
from netcheck.engines.smt import (
    AnyPod,
    Existing,
    FoundEnd,
    FoundFlow,
    Outside,
    Reached,
    SmtEngine,
    SymbolicEnd,
    Undecided,
    Unreached,
)
from netcheck.logic.ir import Kind
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Decider, End, Flow, PodEnd, Reason, Tier, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, ContainerPort, Namespace, Pod, WorkloadId
from netcheck.model.policy import Direction
from netcheck.queries.ends import Addresses, AnEnd, PodsThatCouldExist
from netcheck.queries.replay import replayed
from netcheck.queries.results import FlowText, PairResult
from netcheck.values.addresses import address_text
from netcheck.values.connections import ConnectionSet

WITNESS_POD = "some-new-pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeQuestion:
    """One pair with a free end: an end is either free (`source`), or a known pod (`source_pod`)."""

    source: AnEnd | None
    destination: AnEnd | None
    source_pod: int | None
    destination_pod: int | None
    source_text: str
    destination_text: str
    asked: ConnectionSet
    service: str = ""
    timeout_ms: int


def answer_free(cluster: Cluster, question: FreeQuestion) -> PairResult:
    """Return allowed iff some choice of the free ends is, in every completion; denied iff none is in any."""
    cluster, pods = _sliced(cluster, question)
    sets = SetEngine(cluster, pods)
    ends = (
        _symbolic(sets, question.source, question.source_pod),
        _symbolic(sets, question.destination, question.destination_pod),
    )
    engine = SmtEngine(cluster, sets.universe, ends=ends, timeout_ms=question.timeout_ms)
    answer = engine.reach(ends[0], ends[1], question.asked)
    result = PairResult(
        source=question.source_text,
        destination=question.destination_text,
        verdict=Verdict.UNKNOWN,
        allowed=ConnectionSet.none(),
        unknown=ConnectionSet.none(),
        asked=question.asked,
        service=question.service,
        proved_for=_range_text(question),
    )
    match answer:
        case Reached(witness=witness):
            return _reached(cluster, sets, result, witness, question)
        case Unreached(policies=policies):
            return replace(result, verdict=Verdict.DENIED, decided_by=_deciders(cluster, question, policies))
        case Undecided(witness=witness, limit=limit):
            return _undecided(cluster, sets, result, None if limit else witness, question)


def _sliced(cluster: Cluster, question: FreeQuestion) -> tuple[Cluster, list[int]]:
    """Keep the policies that can select an end: with a pod that could be anywhere, all of them."""
    pods = sorted({item for item in (question.source_pod, question.destination_pod) if item is not None})
    free = [end for end in (question.source, question.destination) if isinstance(end, PodsThatCouldExist)]
    if any(end.namespaces is None for end in free):
        return cluster, pods
    namespaces = {cluster.pods[position].namespace for position in pods}
    for end in free:
        namespaces |= end.namespaces or frozenset()
    return replace(cluster, policies=tuple(item for item in cluster.policies if item.namespace in namespaces)), pods


def _symbolic(sets: SetEngine, free: AnEnd | None, pod: int | None) -> SymbolicEnd:
    match free:
        case Addresses(addresses=addresses):
            return Outside(addresses=addresses)
        case PodsThatCouldExist(namespaces=namespaces, pods=pods, namespace_labels=labels):
            return AnyPod(namespaces=namespaces, pods=pods, namespace_labels=labels)
        case _:
            assert pod is not None
            return Existing(elements=1 << sets.universe.class_of[pod])


def _range_text(question: FreeQuestion) -> str:
    parts = []
    for end in (question.source, question.destination):
        match end:
            case Addresses(text=text):
                parts.append(f"every address of {text}")
            case PodsThatCouldExist(text=text):
                parts.append(
                    "every pod that could exist"
                    + (f" with {text.partition(':')[2] or text}" if text != "any-pod" else "")
                )
            case _:
                pass
    return " and ".join(parts)


def _reached(
    cluster: Cluster, sets: SetEngine, result: PairResult, witness: FoundFlow, question: FreeQuestion
) -> PairResult:
    bigger, flow, text = _concrete(cluster, sets, witness, question)
    decision = replayed(bigger, flow, Verdict.ALLOWED)
    return replace(result, verdict=Verdict.ALLOWED, witness=text, decided_by=decision.deciders)


def _undecided(
    cluster: Cluster, sets: SetEngine, result: PairResult, witness: FoundFlow | None, question: FreeQuestion
) -> PairResult:
    if witness is None:
        reason = Reason(rule="LIMIT", message="the solver did not finish within its limit (--solver-timeout)")
        return replace(result, reasons=(reason,))
    bigger, flow, text = _concrete(cluster, sets, witness, question)
    decision = replayed(bigger, flow, Verdict.UNKNOWN)
    return replace(result, witness=text, reasons=decision.reasons)


def _concrete(
    cluster: Cluster, sets: SetEngine, witness: FoundFlow, question: FreeQuestion
) -> tuple[Cluster, Flow, FlowText]:
    """Return the cluster with the witness's pods added, the flow in it, and its text."""
    cluster, source = _concrete_end(cluster, sets, witness, witness.source, question)
    cluster, destination = _concrete_end(cluster, sets, witness, witness.destination, question)
    flow = Flow(source=source, destination=destination, protocol=witness.protocol, port=witness.port)
    text = FlowText(
        source=_text(source),
        destination=_text(destination),
        protocol=witness.protocol,
        port=witness.port,
        source_labels=_labels(witness.source),
        destination_labels=_labels(witness.destination),
    )
    return cluster, flow, text


def _concrete_end(
    cluster: Cluster, sets: SetEngine, witness: FoundFlow, found: FoundEnd, question: FreeQuestion
) -> tuple[Cluster, End]:
    if found.kind is Kind.EXTERNAL:
        return cluster, AddressEnd(_first_alike(sets, found, question))
    if found.element is not None:
        pod = cluster.pods[sets.universe.elements[found.element].members[0]]
        free = witness.source if isinstance(question.source, PodsThatCouldExist) else witness.destination
        is_same = found is free and witness.source.element == witness.destination.element
        return cluster, PodEnd(_another(pod) if is_same and not pod.template else pod)
    name = f"{WITNESS_POD}-{2 if found is witness.destination else 1}"
    ports: tuple[ContainerPort, ...] = ()
    if found is witness.destination:
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
    return replace(cluster, namespaces=namespaces, pods=(*cluster.pods, pod)), PodEnd(pod)


def _another(pod: Pod) -> Pod:
    """Return a pod like one that is loaded and not the same: talking to itself it would need no permission (NET-6)."""
    name = f"{WITNESS_POD}-like-{pod.name}"
    return replace(pod, name=name, workload=WorkloadId(pod.namespace, "Pod", name), template=False)


def _first_alike(sets: SetEngine, found: FoundEnd, question: FreeQuestion) -> str:
    """Return the first address of the question's range that no rule tells apart from the solver's choice."""
    version, number = min(found.addresses.items())
    atoms = sets.universe.addresses
    alike = atoms.addresses([atoms.atom(version, number)])
    for end in (question.source, question.destination):
        if isinstance(end, Addresses) and (within := (end.addresses & alike).of_family(version)):
            number = within[0][0]
    return address_text(version, number)


def _text(end: End) -> str:
    match end:
        case PodEnd(pod):
            return str(pod.workload) if pod.template else f"{pod.namespace}/{pod.name}[Pod]"
        case AddressEnd(address):
            return address
        case _:
            return "node"


def _labels(found: FoundEnd) -> str:
    if found.element is not None or found.kind is Kind.EXTERNAL:
        return ""
    own = ", ".join(f"{key}={value}" for key, value in sorted(found.labels.items())) or "no labels"
    if not found.namespace_is_new:
        return own
    labels = {key: value for key, value in found.namespace_labels.items() if key != NAMESPACE_NAME_LABEL}
    spaces = ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no labels"
    return f"{own}; its new namespace: {spaces}"


def _deciders(cluster: Cluster, question: FreeQuestion, policies: tuple[str, ...]) -> tuple[Decider, ...]:
    """Return the policies of the solver's minimal core: they alone deny it, and none of them can be left out."""
    by_label = {policy.label: policy for policy in cluster.policies}
    found = []
    for label in policies:
        policy = by_label.get(label)
        directions = policy.types if policy is not None else ()
        towards = question.destination_pod is not None and Direction.INGRESS in directions
        direction = Direction.INGRESS if towards or Direction.EGRESS not in directions else Direction.EGRESS
        found.append(
            Decider(
                direction=direction,
                tier=Tier.NETWORK_POLICY,
                action="deny",
                policy=label,
                cites="NP-4",
                note="one of a minimal set of policies that together deny it",
                place=policy.place if policy is not None else None,
            )
        )
    return tuple(found)
