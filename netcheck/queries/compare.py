"""Two policy sets over every cluster that could exist: equal, one within the other, or disjoint, by Z3.

Every witness is put to the oracle: the witness pods, and the namespaces they lie in, with each of the two policy sets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from netcheck.engines.separation import Ask, Separation, policies_alone
from netcheck.engines.smt import DEFAULT_TIMEOUT_MS, FoundEnd, FoundFlow
from netcheck.errors import SolverLimit, WitnessMismatch
from netcheck.logic.ir import Kind
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Decider, Decision, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Reason, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, ContainerPort, Namespace, Node, Pod, WorkloadId
from netcheck.queries.diff_opaque import Surroundings
from netcheck.queries.results import FlowText
from netcheck.semantics.completions import OracleLimit
from netcheck.semantics.decide import decide
from netcheck.values.addresses import address_text

_NAMES = ("witness-source", "witness-destination")


class Relation(Enum):
    """How the flows that BASE allows lie to those that HEAD allows."""

    EQUAL = "equal"
    CONTAINS = "contains"
    WITHIN = "within"
    DISJOINT = "disjoint"


class Outcome(Enum):
    """Whether a relation holds."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A flow between ends that could exist, and what the oracle says of it under each of the two policy sets."""

    flow: FlowText
    before: Decision
    after: Decision

    @property
    def decided_by(self) -> tuple[tuple[Decider, ...], tuple[Decider, ...]]:
        """What decides it in BASE, and in HEAD."""
        return self.before.deciders, self.after.deciders


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a relation: that there is no such flow. `counterexample` is one, for certain iff VIOLATED."""

    text: str
    outcome: Outcome
    counterexample: Counterexample | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The answer about a relation: it holds iff all its questions do."""

    relation: Relation
    questions: tuple[Question, ...]

    @property
    def outcome(self) -> Outcome:
        """Violated iff some question is, unknown iff none is and one is not known."""
        found = {question.outcome for question in self.questions}
        order = (Outcome.VIOLATED, Outcome.UNKNOWN, Outcome.HOLDS)
        return next(item for item in order if item in found)


OPENED = "allowed by HEAD and not by BASE"
CLOSED = "allowed by BASE and not by HEAD"
SHARED = "allowed by both"
_QUESTIONS = {
    Relation.EQUAL: (OPENED, CLOSED),
    Relation.CONTAINS: (OPENED,),
    Relation.WITHIN: (CLOSED,),
    Relation.DISJOINT: (SHARED,),
}


def compare(
    base: Cluster,
    head: Cluster,
    relation: Relation,
    *,
    timeout_ms: int = DEFAULT_TIMEOUT_MS,
    same_unknown: bool = False,
) -> Comparison:
    """Return whether the policies of two clusters stand in a relation, in every cluster that could exist.

    With `same_unknown` policies of unknown effect do the same on both sides if nothing that they may read differs: then
    the relation may hold whatever they do. Without it, nothing is said of the pods that they may select.

    Raises:
        WitnessMismatch: the oracle contradicts Z3 about a flow.
    """
    same = same_unknown and base.admin == head.admin and base.profile == head.profile
    same = same and not Surroundings(base, head).changed
    separation = Separation(base, head, timeout_ms=timeout_ms, same_unknown=same)
    asked = _Asked(base, head, separation)
    return Comparison(relation=relation, questions=tuple(asked.question(text) for text in _QUESTIONS[relation]))


class _Asked:
    def __init__(self, base: Cluster, head: Cluster, separation: Separation) -> None:
        self._bare = policies_alone(base, head)
        self._separation = separation

    def question(self, text: str) -> Question:
        try:
            ask = Ask.BOTH if text == SHARED else Ask.ONE_ONLY
            found = self._separation.find(ask, swapped=text == OPENED)
        except SolverLimit:
            message = "the solver did not finish within its limit (--solver-timeout)"
            return Question(text=text, outcome=Outcome.UNKNOWN, reasons=(Reason(rule="LIMIT", message=message),))
        expected = (
            Verdict.DENIED if text == OPENED else Verdict.ALLOWED,
            Verdict.DENIED if text == CLOSED else Verdict.ALLOWED,
        )
        flow = found.witness or found.doubtful
        if flow is None:
            return Question(text=text, outcome=Outcome.HOLDS)
        decisions = [_decided(bare, flow) for bare in self._bare]
        shown = Counterexample(flow=flow_text(flow), before=decisions[0], after=decisions[1])
        verdicts = tuple(decision.verdict for decision in decisions)
        if found.witness is not None and verdicts == expected:
            return Question(text=text, outcome=Outcome.VIOLATED, counterexample=shown)
        if found.witness is not None and Verdict.UNKNOWN not in verdicts:
            raise WitnessMismatch(
                f"Z3 says {text}, the oracle {verdicts[0].value} and {verdicts[1].value}: {shown.flow}"
            )
        return Question(text=text, outcome=Outcome.UNKNOWN, counterexample=shown, reasons=_missing(decisions))


def _missing(decisions: Iterable[Decision]) -> tuple[Reason, ...]:
    found = {reason for decision in decisions for reason in decision.reasons}
    unsaid = Reason(rule="NET-18", message="it depends on a switch of the profile that is not known")
    return tuple(sorted(found, key=lambda reason: (reason.rule, reason.message))) or (unsaid,)


# ---- the oracle's word ---------------------------------------------------------------------------------------------


def _decided(bare: Cluster, found: FoundFlow) -> Decision:
    """Return what the oracle says of the flow once its ends are added to the policies."""
    source = _end(found, found.source, 0)
    destination = _end(found, found.destination, 1)
    ends = (source, destination)
    spaces = dict(bare.namespaces)
    for end, one in zip(ends, (found.source, found.destination), strict=True):
        if isinstance(end, PodEnd):
            labels = {**one.namespace_labels, NAMESPACE_NAME_LABEL: one.namespace}
            spaces[one.namespace] = Namespace(name=one.namespace, labels=labels)
    cluster = replace(
        bare,
        namespaces=spaces,
        pods=tuple(end.pod for end in ends if isinstance(end, PodEnd)),
        nodes=tuple(end.node for end in ends if isinstance(end, NodeEnd)),
    )
    flow = Flow(source=source, destination=destination, protocol=found.protocol, port=found.port)
    try:
        return decide(cluster, flow)
    except OracleLimit:
        return Decision(verdict=Verdict.UNKNOWN)


def _end(found: FoundFlow, end: FoundEnd, position: int) -> End:
    addresses = tuple(address_text(version, number) for version, number in sorted(end.addresses.items()))
    match end.kind:
        case Kind.EXTERNAL:
            return AddressEnd(addresses[0])
        case Kind.OWN_NODE:
            return OwnNodeEnd()
        case Kind.NODE:
            return NodeEnd(Node(name=_NAMES[position], labels=dict(end.labels), addresses=addresses))
        case _:
            return PodEnd(_pod(found, end, position, addresses))


def _pod(found: FoundFlow, end: FoundEnd, position: int, addresses: tuple[str, ...]) -> Pod:
    ports: tuple[ContainerPort, ...] = ()
    if position:
        ports = tuple(
            ContainerPort(number=found.port, protocol=found.protocol.value, name=name) for name in found.named
        )
    return Pod(
        namespace=end.namespace,
        name=_NAMES[position],
        workload=WorkloadId(end.namespace, "Pod", _NAMES[position]),
        labels=dict(end.labels),
        addresses=addresses,
        host_network=end.kind is Kind.HOST_POD,
        ports=ports,
    )


# ---- text ----------------------------------------------------------------------------------------------------------


def flow_text(found: FoundFlow) -> FlowText:
    """Return a flow between ends that could exist as text."""
    return FlowText(
        source=_end_text(found.source),
        destination=_end_text(found.destination),
        protocol=found.protocol,
        port=found.port,
        source_labels=_labels_text(found.source),
        destination_labels=_labels_text(found.destination),
        source_address=_address(found.source),
        destination_address=_address(found.destination),
        note=f"the port is called {', '.join(found.named)}" if found.named else "",
    )


def _end_text(end: FoundEnd) -> str:
    match end.kind:
        case Kind.POD | Kind.HOST_POD:
            host = " on its node's network" if end.kind is Kind.HOST_POD else ""
            return f"a pod of namespace {end.namespace}{host}"
        case Kind.NODE:
            return "a node"
        case Kind.OWN_NODE:
            return "the node of the other end"
        case _:
            return _address(end)


def _address(end: FoundEnd) -> str:
    return next((address_text(version, number) for version, number in sorted(end.addresses.items())), "")


def _labels_text(end: FoundEnd) -> str:
    own = ", ".join(f"{key}={value}" for key, value in sorted(end.labels.items()))
    if end.kind not in (Kind.POD, Kind.HOST_POD):
        return own
    spaces = {key: value for key, value in end.namespace_labels.items() if key != NAMESPACE_NAME_LABEL}
    theirs = ", ".join(f"{key}={value}" for key, value in sorted(spaces.items()))
    return f"{own or 'no labels'}; its namespace: {theirs}" if theirs else own or "no labels"
