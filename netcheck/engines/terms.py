"""Lowering of the representation to SMT-LIB text over two symbolic ends.

Nothing here imports a solver. Shapes, for each end e in {s, d}:
    e_kind BitVec(3); e_ns BitVec(n): number of a known namespace, or one of two codes for namespaces that do not
    exist yet (the source can be in the first only: what matters is whether both are in the same);
    e_nl_i, e_pl_i BitVec(v): value of the i-th namespace or pod label: 0 absent, else 1 + position, last = another value;
    e_a4 BitVec(32), e_a6 BitVec(128): the end's address in each family; e_has4, e_has6 Bool: whether it has one.
Of the flow: proto BitVec(2), port BitVec(16) unsigned; m_i Bool: whether the destination's i-th named port is `port`.
Unknown facts: o_i Bool for each opaque stage, x_ingress and x_egress Bool for exemptions that are in doubt, e_no_i
BitVec(v) for the labels of the node that an end is or runs on, r_i Bool for each domain name: whether it resolves to the
destination, c_i Bool for each policy that shares its priority: whether it is the one that is applied (ADM-5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netcheck.engines.lowering import fresh_value
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import Element, Universe
from netcheck.logic.ir import (
    Action,
    AllOf,
    AnyOf,
    Everything,
    Group,
    InAddresses,
    InNamespace,
    IsKind,
    IsNode,
    Kind,
    Mode,
    NamedPort,
    NamespaceLabels,
    Not,
    OpaqueStage,
    Pipeline,
    PodLabels,
    PortPredicate,
    Predicate,
    Program,
    ResolvedFrom,
    Rule,
    Stage,
)
from netcheck.logic.mentions import label_domain
from netcheck.model.objects import NAMESPACE_NAME_LABEL
from netcheck.model.policy import Direction
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.intervals import Ranges
from netcheck.values.labels import LabelSelector, Requirement
from netcheck.values.ports import PROTOCOLS, PortSet

KINDS = tuple(Kind)
NAMED = tuple[str, int]


def conj(parts: Iterable[str]) -> str:
    """Return the conjunction of terms; of none: true."""
    found = [part for part in parts if part != "true"]
    if "false" in found:
        return "false"
    return "true" if not found else found[0] if len(found) == 1 else f"(and {' '.join(found)})"


def disj(parts: Iterable[str]) -> str:
    """Return the disjunction of terms; of none: false."""
    found = [part for part in parts if part != "false"]
    if "true" in found:
        return "true"
    return "false" if not found else found[0] if len(found) == 1 else f"(or {' '.join(found)})"


def neg(part: str) -> str:
    """Return the negation of a term."""
    return {"true": "false", "false": "true"}.get(part, f"(not {part})")


def bits(value: int, width: int) -> str:
    """Return a bit-vector literal. Z3: a literal wraps silently in the Python API; here it is checked."""
    if not 0 <= value < 1 << width:
        raise ValueError(f"{value} does not fit {width} bits")
    return f"(_ bv{value} {width})"


def in_ranges(name: str, ranges: Ranges, width: int) -> str:
    """Return the term true iff the bit-vector `name`, unsigned, lies in `ranges`. Z3: `<` would be signed."""
    return disj(_in_range(name, low, high, width) for low, high in ranges)


def _in_range(name: str, low: int, high: int, width: int) -> str:
    if low == high:
        return f"(= {name} {bits(low, width)})"
    most = (1 << width) - 1
    at_least = "true" if low == 0 else f"(bvuge {name} {bits(low, width)})"
    at_most = "true" if high == most else f"(bvule {name} {bits(high, width)})"
    return conj((at_least, at_most))


@dataclass(frozen=True, slots=True)
class LabelVariables:
    """The finite domain of the labels of one sort: key -> (number of the key, its mentioned values)."""

    prefix: str
    keys: Mapping[str, tuple[int, tuple[str, ...]]]

    def width(self, key: str) -> int:
        """Return the width of the key's bit-vector: it holds absent, every mentioned value and another one."""
        return max(1, (len(self.keys[key][1]) + 1).bit_length())

    def variable(self, end: str, key: str) -> str:
        """Return the variable of one end's label."""
        return f"{end}_{self.prefix}_{self.keys[key][0]}"

    def code(self, key: str, value: str | None) -> int:
        """Return the number that stands for a value of the key."""
        values = self.keys[key][1]
        if value is None:
            return 0
        return values.index(value) + 1 if value in values else len(values) + 1

    def value(self, key: str, code: int) -> str | None:
        """Return the value that a number stands for: for `another value` one that nobody mentions."""
        values = self.keys[key][1]
        if code == 0:
            return None
        return values[code - 1] if code <= len(values) else fresh_value(list(values))

    def equals(self, end: str, key: str, value: str | None) -> str:
        """Return the term true iff the end's label has the value, or one that selectors cannot tell from it."""
        return f"(= {self.variable(end, key)} {bits(self.code(key, value), self.width(key))})"

    def requirement(self, end: str, requirement: Requirement) -> str:
        """Return the term true iff the end's label satisfies the requirement."""
        key = requirement.key
        _, values = self.keys[key]
        candidates = (None, *values, fresh_value(list(values)))
        matching = [value for value in candidates if requirement.matches(value)]
        if len(matching) * 2 > len(candidates):
            rest = [value for value in candidates if not requirement.matches(value)]
            return neg(disj(self.equals(end, key, value) for value in rest))
        return disj(self.equals(end, key, value) for value in matching)

    def well_formed(self, end: str) -> Iterable[str]:
        """Yield terms that keep each variable within the codes that stand for something."""
        for key, (_, values) in self.keys.items():
            width = self.width(key)
            if len(values) + 1 < (1 << width) - 1:
                yield f"(bvule {self.variable(end, key)} {bits(len(values) + 1, width)})"


def _variables(prefix: str, domain: Mapping[str, tuple[str, ...]]) -> LabelVariables:
    return LabelVariables(prefix, {key: (number, values) for number, (key, values) in enumerate(domain.items())})


class Encoding:
    """All terms for one universe and the programs that its cluster may be under.

    The selectors given beside them are those of a question: their keys and values join the finite domains.
    `presence` maps each policy's label to a Boolean variable: with it false the policy is not there.
    """

    def __init__(
        self,
        universe: Universe,
        programs: Sequence[Program],
        pod_selectors: Iterable[LabelSelector] = (),
        namespace_selectors: Iterable[LabelSelector] = (),
    ) -> None:
        self.universe = universe
        self.programs = tuple(programs)
        self.namespaces = tuple(sorted(universe.cluster.namespaces))
        self.new_namespace = len(self.namespaces)
        self.namespace_width = (self.new_namespace + 1).bit_length()
        found = universe.mentions
        self.pod_labels = _variables("pl", label_domain((*found.pod_selectors, *pod_selectors)))
        self.namespace_labels = _variables("nl", label_domain((*found.namespace_selectors, *namespace_selectors)))
        self.node_labels = _variables("no", label_domain(found.node_selectors))
        self.named_ports: tuple[NamedPort, ...] = self._named_ports()
        self.domain_names = tuple(sorted(found.domain_names))
        self.choices: list[str] = []
        self.presence: dict[str, str] = {}
        self.opaque: dict[str, OpaqueStage] = {}
        self._definitions: list[str] = []
        self._names: dict[object, str] = {}
        self._kept: list[object] = []

    def _named_ports(self) -> tuple[NamedPort, ...]:
        wanted = set()
        for port in self.universe.mentions.named_ports:
            wanted |= {port} if port.protocol else {NamedPort(port.name, protocol) for protocol in PROTOCOLS}
        return tuple(sorted(wanted, key=lambda port: (port.name, port.protocol.value if port.protocol else "")))

    # ---- declarations ------------------------------------------------------------------------------------------

    def declarations(self) -> list[str]:
        """Return the declarations of every variable, then the definitions made so far."""
        return self.variables() + self._definitions

    def variables(self) -> list[str]:
        """Return the declarations of every variable: what the terms of an end alone need."""
        lines = ["(declare-const proto (_ BitVec 2))", "(declare-const port (_ BitVec 16))"]
        for end in ("s", "d"):
            lines += [f"(declare-const {end}_{name} {sort})" for name, sort in self._end_sorts()]
        lines += [f"(declare-const m_{number} Bool)" for number in range(len(self.named_ports))]
        lines += [f"(declare-const {name} Bool)" for name in ("x_ingress", "x_egress")]
        lines += [f"(declare-const w_{number} Bool)" for number in range(len(self.programs))]
        lines += [f"(declare-const {name} Bool)" for name in (*self.presence.values(), *self.opaque, *self.choices)]
        lines += [f"(declare-const r_{number} Bool)" for number in range(len(self.domain_names))]
        return lines

    def _end_sorts(self) -> Iterable[tuple[str, str]]:
        yield from (("kind", "(_ BitVec 3)"), ("ns", f"(_ BitVec {self.namespace_width})"))
        yield from (("a4", "(_ BitVec 32)"), ("a6", "(_ BitVec 128)"), ("has4", "Bool"), ("has6", "Bool"))
        for variables in (self.pod_labels, self.namespace_labels, self.node_labels):
            for key, (number, _) in variables.keys.items():
                yield f"{variables.prefix}_{number}", f"(_ BitVec {variables.width(key)})"

    def _define(self, key: object, term: str) -> str:
        """Return a name for `term`; small terms are their own names."""
        if len(term) < 40:
            name = term
        else:
            name = f"t{len(self._definitions)}"
            self._definitions.append(f"(define-fun {name} () Bool {term})")
        self._names[key] = name
        return name

    # ---- what is always true -----------------------------------------------------------------------------------

    def well_formed(self) -> str:
        """Return the term true iff the variables denote some flow."""
        same = [
            f"(= {self.namespace_labels.variable('s', key)} {self.namespace_labels.variable('d', key)})"
            for key in self.namespace_labels.keys
        ]
        return conj(
            (
                f"(bvule proto {bits(2, 2)})",
                f"(not (= port {bits(0, 16)}))",
                *(term for end in ("s", "d") for term in self._well_formed_end(end)),
                f"(or (not (= s_ns d_ns)) {neg(conj((self.is_pod('s'), self.is_pod('d'))))} {conj(same)})",
                f"(not (= s_ns {bits(self.new_namespace + 1, self.namespace_width)}))",
                self._new_names_differ(),
            )
        )

    def _new_names_differ(self) -> str:
        """Two new namespaces have two names (NP-15)."""
        key = NAMESPACE_NAME_LABEL
        if key not in self.namespace_labels.keys:
            return "true"
        shared = disj(
            conj((self.namespace_labels.equals("s", key, value), self.namespace_labels.equals("d", key, value)))
            for value in self.namespace_labels.keys[key][1]
        )
        return f"(or (= s_ns d_ns) {neg(conj((self.in_new_namespace('s'), self.in_new_namespace('d'))))} {neg(shared)})"

    def _well_formed_end(self, end: str) -> Iterable[str]:
        yield f"(bvule {end}_kind {bits(len(KINDS) - 1, 3)})"
        yield f"(bvule {end}_ns {bits(self.new_namespace + 1, self.namespace_width)})"
        yield from self.pod_labels.well_formed(end)
        yield from self.namespace_labels.well_formed(end)
        yield from self.node_labels.well_formed(end)
        yield f"(=> {self.is_pod(end)} {self._namespace_facts(end)})"

    def is_pod(self, end: str) -> str:
        """Return the term true iff the end is a pod of either kind."""
        return disj((self.is_kind(end, Kind.POD), self.is_kind(end, Kind.HOST_POD)))

    def is_kind(self, end: str, kind: Kind) -> str:
        """Return the term true iff the end is of the kind."""
        return f"(= {end}_kind {bits(KINDS.index(kind), 3)})"

    def in_namespace(self, end: str, name: str) -> str:
        """Return the term true iff the end's namespace is the known one called `name`."""
        if name not in self.namespaces:
            return "false"
        return f"(= {end}_ns {bits(self.namespaces.index(name), self.namespace_width)})"

    def _namespace_facts(self, end: str) -> str:
        """A known namespace has its labels; the name label is always known (NP-15), also of a new one."""
        facts = []
        for name in self.namespaces:
            namespace = self.universe.cluster.namespaces[name]
            known = [
                self.namespace_labels.equals(end, key, namespace.labels.get(key))
                for key in self.namespace_labels.keys
                if namespace.labels_known or key in namespace.labels
            ]
            facts.append(f"(=> {self.in_namespace(end, name)} {conj(known)})")
        if NAMESPACE_NAME_LABEL in self.namespace_labels.keys:
            facts.append(f"(=> {self.in_new_namespace(end)} {self._new_name(end)})")
        return conj(facts)

    def in_new_namespace(self, end: str) -> str:
        """Return the term true iff the end's namespace does not exist yet."""
        return f"(bvuge {end}_ns {bits(self.new_namespace, self.namespace_width)})"

    def _new_name(self, end: str) -> str:
        """A new namespace has a name, and not that of a known one."""
        key = NAMESPACE_NAME_LABEL
        taken = [
            self.namespace_labels.equals(end, key, name)
            for name in self.namespaces
            if name in self.namespace_labels.keys[key][1]
        ]
        return neg(disj((self.namespace_labels.equals(end, key, None), *taken)))

    # ---- ends --------------------------------------------------------------------------------------------------

    def element(self, end: str, number: int) -> str:
        """Return the term true iff the end is element `number` of the universe (for an atom: some address of it)."""
        universe = self.universe
        if number >= universe.atom_offset:
            return self._outside(end, number - universe.atom_offset)
        element = universe.elements[number]
        parts = [self.is_kind(end, element.kind), *self._address_facts(end, element)]
        if element.node_labels is not None:
            known = dict(element.node_labels)
            parts += [self.node_labels.equals(end, key, known.get(key)) for key in self.node_labels.keys]
        if element.namespace:
            parts.append(self.in_namespace(end, element.namespace))
            parts += [self.pod_labels.equals(end, key, element.labels.get(key)) for key in self.pod_labels.keys]
        if end == "d":
            parts += self._named_port_facts(element)
        return conj(parts)

    def _outside(self, end: str, atom: int) -> str:
        version = self.universe.addresses.version(atom)
        here, other = ("has4", "has6") if version == 4 else ("has6", "has4")
        ranges = self.universe.addresses.ranges(atom)
        address = in_ranges(f"{end}_a{version}", ranges, 32 if version == 4 else 128)
        parts = [self.is_kind(end, Kind.EXTERNAL), f"{end}_{here}", neg(f"{end}_{other}"), address]
        return conj([*parts, *(self.no_named_ports() if end == "d" else [])])

    def no_named_ports(self) -> list[str]:
        """Return terms that say that the destination has no named port."""
        return [neg(f"m_{number}") for number in range(len(self.named_ports))]

    def _address_facts(self, end: str, element: Element) -> Iterable[str]:
        found = dict(element.address_atoms)
        for version, width in ((4, 32), (6, 128)):
            if version not in found:
                yield neg(f"{end}_has{version}")
                continue
            yield f"{end}_has{version}"
            atom = found[version]
            if atom is None:
                lies_in = self.lies_in(element.kind)
                yield in_ranges(f"{end}_a{version}", lies_in.of_family(version), width)
            elif atom >= 0:
                yield in_ranges(f"{end}_a{version}", self.universe.addresses.ranges(atom), width)

    def lies_in(self, kind: Kind) -> IPSet:
        """Return where an unknown address of an end of this kind lies."""
        addressing = self.universe.cluster.addressing
        return IPSet.of_cidrs(*(addressing.pods_lie_in() if kind is Kind.POD else addressing.nodes_lie_in()))

    def _named_port_facts(self, element: Element) -> Iterable[str]:
        declared = {(name, protocol): numbers for name, protocol, numbers in element.named}
        for number, port in enumerate(self.named_ports):
            assert port.protocol is not None
            numbers = declared.get((port.name, port.protocol), ())
            among = disj(f"(= port {bits(value, 16)})" for value in numbers)
            if len(numbers) <= 1:
                yield f"(= m_{number} {among})"
            else:  # NP-26: several containers declare the name, so which of the numbers is meant is in doubt
                yield f"(=> m_{number} {among})"

    # ---- flows -------------------------------------------------------------------------------------------------

    def ports(self, connections: ConnectionSet) -> str:
        """Return the term true iff the flow's protocol and port are among `connections`."""
        return disj(
            conj((f"(= proto {bits(PROTOCOLS.index(protocol), 2)})", self._port_numbers(ports)))
            for protocol, ports in connections.items()
        )

    @staticmethod
    def _port_numbers(ports: PortSet) -> str:
        return "true" if ports == PortSet.all() else in_ranges("port", ports.ranges, 16)

    def allowed(self) -> str:
        """Return the term true iff the flow passes, in some family that both ends have (NET-2)."""
        outcomes = [
            disj(conj((f"s_has{version}", f"d_has{version}", self.passes(program, version))) for version in (4, 6))
            for program in self.programs
        ]
        term = outcomes[-1]
        for number in range(len(outcomes) - 2, -1, -1):
            term = f"(ite w_{number} {outcomes[number]} {term})"
        return self._define(("allowed",), term)

    def passes(self, program: Program, version: int) -> str:
        """Return the term true iff both pipelines let the flow through in one family."""
        return conj(
            (self._pipeline(program, program.egress, version), self._pipeline(program, program.ingress, version))
        )

    def _pipeline(self, program: Program, pipeline: Pipeline, version: int) -> str:
        subject, peer = ("d", "s") if pipeline.direction is Direction.INGRESS else ("s", "d")
        context = Context(program, pipeline.direction, version, subject, peer)
        term = "true"
        for group in reversed(pipeline.groups):
            term = self._group(context, pipeline, group, term)
        for stage in pipeline.opaque:
            if not stage.additive:
                fact = self._opaque_fact(stage, pipeline.direction, "r")
                term = f"(ite {self._predicate(stage.subject, subject, version)} {fact} {term})"
        return self._define((id(program), pipeline.direction, version), term)

    def _opaque_fact(self, stage: OpaqueStage, direction: Direction, letter: str) -> str:
        key = (id(stage.origin), direction, letter)
        name = self._names.get(key)
        if name is None:
            name = f"o_{letter}_{direction.value}_{len(self.opaque)}"
            self._names[key] = name
            self._kept.append(stage)
            self.opaque[name] = stage
        return name

    def _group(self, context: Context, pipeline: Pipeline, group: Group, following: str) -> str:
        if group.mode is Mode.UNION:
            return self._union(context, pipeline, group, following)
        return self._first_match(context, group, following)

    def _union(self, context: Context, pipeline: Pipeline, group: Group, following: str) -> str:
        isolating, allowing = [], []
        for opaque in pipeline.opaque:
            if opaque.additive:  # of unknown effect: it may isolate its subject, and then may allow the flow (NP-5)
                subject = self._predicate(opaque.subject, context.subject, context.version)
                chosen = conj((subject, self._opaque_fact(opaque, pipeline.direction, "i")))
                isolating.append(chosen)
                allowing.append(conj((chosen, self._opaque_fact(opaque, pipeline.direction, "a"))))
        for stage in group.stages:
            subject = self._subject(stage, context)
            if subject == "false":
                continue
            isolating.append(subject)
            rules = disj(self._rule(rule, context) for rule in stage.rules)
            allowing.append(conj((subject, rules)))
        isolated = self._define((id(group), context.direction, "iso"), disj(isolating))
        exempt = self._exempt(context, group)
        inner = disj((exempt, *allowing))
        return f"(ite {isolated} {inner} {following})" if isolated != "false" else following

    def _exempt(self, context: Context, group: Group) -> str:
        certain = self._predicate(group.exempt, context.peer, context.version)
        doubtful = self._predicate(group.maybe_exempt, context.peer, context.version)
        name = "x_ingress" if context.direction is Direction.INGRESS else "x_egress"
        return disj((certain, conj((doubtful, name))))

    def _first_match(self, context: Context, group: Group, following: str) -> str:
        """The first rule that matches decides; of policies of one priority any that matches may be applied (ADM-5)."""
        following = self._define(object(), following)
        term = following
        by_priority: dict[int, list[Stage]] = {}
        for stage in group.stages:
            by_priority.setdefault(stage.priority, []).append(stage)
        for priority, tied in sorted(by_priority.items(), reverse=True):
            term = self._tied(
                context, tied, following, term, f"{context.direction.value}_{group.tier.value}_{priority}"
            )
        return term

    def _tied(self, context: Context, tied: list[Stage], following: str, rest: str, name: str) -> str:
        """The same tie of two programs, or of one in two families, is broken in the same way."""
        matched = [self._matches(context, stage) for stage in tied]
        term = rest
        for number in range(len(tied) - 1, -1, -1):
            outcome = self._outcome(context, tied[number], following)
            later = disj(matched[number + 1 :])
            applied = (
                conj((matched[number], disj((neg(later), self._choice(f"c_{name}_{number}")))))
                if number + 1 < len(tied)
                else matched[number]
            )
            term = self._define(object(), f"(ite {applied} {outcome} {term})")
        return term

    def stage_terms(self, stage: Stage, context: Context) -> tuple[str, tuple[str, ...]]:
        """Return the terms true iff a stage selects the subject, and iff each of its rules matches peer and port."""
        return self._subject(stage, context), tuple(self._rule(rule, context) for rule in stage.rules)

    def _choice(self, name: str) -> str:
        if name not in self.choices:
            self.choices.append(name)
        return name

    def _matches(self, context: Context, stage: Stage) -> str:
        rules = disj(self._rule(rule, context) for rule in stage.rules)
        return self._define(object(), conj((self._subject(stage, context), rules)))

    def _outcome(self, context: Context, stage: Stage, following: str) -> str:
        """Return what the stage decides of a flow that some rule of it matches."""
        term = "false"
        for rule in reversed(stage.rules):
            result = {Action.ALLOW: "true", Action.DENY: "false", Action.PASS: following}[rule.action]
            term = self._define(object(), f"(ite {self._rule(rule, context)} {result} {term})")
        return term

    def _subject(self, stage: Stage, context: Context) -> str:
        name = self.presence.get(stage.origin.policy)
        if name is None:
            name = self.presence[stage.origin.policy] = f"p_{len(self.presence)}"
        return conj((name, self._predicate(stage.subject, context.subject, context.version)))

    def _rule(self, rule: Rule, context: Context) -> str:
        key = (id(rule), context.direction, context.version)
        found = self._names.get(key)
        if found is None:
            peer = self._predicate(rule.peer, context.peer, context.version)
            found = self._define(key, conj((peer, self._port_predicate(rule.ports, context))))
        return found

    def _port_predicate(self, ports: PortPredicate, context: Context) -> str:
        if ports.any_port:
            return "true"
        seen = "true"
        if context.direction is Direction.EGRESS:  # NP-27: what is not seen as a pod has no named ports
            seen = disj(self.is_kind("d", kind) for kind in KINDS if kind in context.program.named_port_peers)
        named = disj(
            conj((f"(= proto {bits(PROTOCOLS.index(port.protocol), 2)})", f"m_{number}"))
            for number, port in enumerate(self.named_ports)
            if port.protocol is not None
            and any(item.name == port.name and item.protocol in (port.protocol, None) for item in ports.named)
        )
        return disj((self.ports(ports.numbers), conj((seen, named))))

    # ---- predicates --------------------------------------------------------------------------------------------

    def _predicate(self, predicate: Predicate, end: str, version: int) -> str:
        key = (predicate, end, version)
        found = self._names.get(key)
        if found is None:
            found = self._define(key, self._lower(predicate, end, version))
        return found

    def _lower(self, predicate: Predicate, end: str, version: int) -> str:
        match predicate:
            case Everything():
                return "true"
            case IsKind(kinds):
                return disj(self.is_kind(end, kind) for kind in KINDS if kind in kinds)
            case InNamespace(name):
                return conj((self.is_pod(end), self.in_namespace(end, name)))
            case NamespaceLabels(selector):
                tests = [self.namespace_labels.requirement(end, item) for item in selector.requirements]
                return conj((self.is_pod(end), *tests))
            case PodLabels(selector):
                tests = [self.pod_labels.requirement(end, item) for item in selector.requirements]
                return conj((self.is_pod(end), *tests))
            case InAddresses(addresses):
                ranges = addresses.of_family(version)
                return in_ranges(f"{end}_a{version}", ranges, 32 if version == 4 else 128)
            case IsNode(selector):
                return self._nodes(selector, end)
            case ResolvedFrom(names):
                resolved = disj(f"r_{self.domain_names.index(name)}" for name in names)
                return conj((self.is_kind(end, Kind.EXTERNAL), resolved))
            case Not(part):
                return neg(self._predicate(part, end, version))
            case AllOf(parts):
                return conj(self._predicate(part, end, version) for part in parts)
            case AnyOf(parts):
                return disj(self._predicate(part, end, version) for part in parts)

    def _nodes(self, selector: LabelSelector, end: str) -> str:
        """ADM-16: a node, or a host-network pod on it, by its labels; the own node is the one that the other end is on."""
        other = "s" if end == "d" else "d"
        here = conj(self.node_labels.requirement(end, item) for item in selector.requirements)
        there = conj(self.node_labels.requirement(other, item) for item in selector.requirements)
        hosts = disj((self.is_kind(end, Kind.NODE), self.is_kind(end, Kind.HOST_POD)))
        return disj((conj((hosts, here)), conj((self.is_kind(end, Kind.OWN_NODE), there))))

    def elements(self, end: str, chosen: int) -> str:
        """Return the term true iff the end is one of the elements whose bits are set."""
        return disj(self.element(end, number) for number in indexes(chosen))


@dataclass(frozen=True, slots=True)
class Context:
    """Which program, direction and family a term is for, and which end is the subject."""

    program: Program
    direction: Direction
    version: int
    subject: str
    peer: str
