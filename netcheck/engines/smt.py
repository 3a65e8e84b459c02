"""The Z3 engine: decides questions about ends that are not known, proves, and finds minimal reasons.

The only module that knows Z3. Traps, each held by a test: bit-vectors compare signed unless told otherwise
(`terms.in_ranges`), a model leaves variables out unless completed, `Or()` is false and `And()` true, a time-out is
`unknown` and never a proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import z3

from netcheck.engines.lowering import name_selector
from netcheck.engines.sets import Matrix, SetEngine
from netcheck.engines.terms import KINDS, Encoding, conj, disj, in_ranges, neg
from netcheck.errors import SolverLimit
from netcheck.logic.classes import Universe
from netcheck.logic.ir import Kind, Program
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.objects import NAMESPACE_NAME_LABEL
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import PROTOCOLS, Protocol

DEFAULT_TIMEOUT_MS = 20_000
MAX_COMPLETIONS = 64
"""So many completions are held against a question before it is called undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """An end that is one of some elements of the universe (bits)."""

    elements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyPod:
    """An end that is any pod that could exist: in `namespaces` (None: in any, also a new one), with labels that match."""

    namespaces: frozenset[str] | None = None
    pods: LabelSelector = LabelSelector()
    namespace_labels: LabelSelector = LabelSelector()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """An end that is an address of a set, and no known pod or node."""

    addresses: IPSet


SymbolicEnd = Existing | AnyPod | Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEnd:
    """One end of a model, decoded."""

    kind: Kind
    element: int | None = None
    namespace: str = ""
    namespace_is_new: bool = False
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFlow:
    """A flow that a model denotes. `named` holds the names that the destination gives the port."""

    source: FoundEnd
    destination: FoundEnd
    protocol: Protocol
    port: int
    version: int
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Some flow is allowed in every completion of the missing facts; `witness` is one."""

    witness: FoundFlow


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """No flow is allowed in any completion; `policies` is a minimal set of policies that this rests on (labels)."""

    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Whether a flow is allowed depends on a missing fact, or the solver gave up (`limit`)."""

    witness: FoundFlow | None = None
    limit: bool = False


ReachAnswer = Reached | Unreached | Undecided


class SmtEngine:
    """Questions about flows between symbolic ends, under the policies of a cluster.

    `ends`: the free ends that will be asked about, whose labels join the domains. `programs`: by default the cluster's.
    """

    def __init__(
        self,
        cluster: Cluster,
        universe: Universe | None = None,
        *,
        ends: Sequence[SymbolicEnd] = (),
        programs: Sequence[Program] = (),
        timeout_ms: int = DEFAULT_TIMEOUT_MS,
        seed: int = 0,
    ) -> None:
        programs = programs or [translate(cluster, profile) for profile in resolutions(cluster)]
        self.universe = universe or Universe(cluster, programs)
        free = [end for end in ends if isinstance(end, AnyPod)]
        named = [name_selector(end.namespaces) for end in free if end.namespaces]
        self.encoding = Encoding(
            self.universe,
            programs,
            [end.pods for end in free],
            [*(end.namespace_labels for end in free), *named],
        )
        self._timeout_ms = timeout_ms
        self._seed = seed
        self._well_formed = self.encoding.well_formed()
        self._allowed = self.encoding.allowed()

    # ---- solving -----------------------------------------------------------------------------------------------

    def _solver(self, *terms: str) -> z3.Solver:
        """Return a solver with the terms asserted. QF_FD: finite domains, decided completely (ENGINE measurements)."""
        asserted = [f"(assert {term})" for term in (self._well_formed, *terms)]
        text = "\n".join([*self.encoding.declarations(), *asserted])
        solver = z3.SolverFor("QF_FD")
        solver.set("timeout", self._timeout_ms)
        solver.set("random_seed", self._seed)
        solver.add(z3.parse_smt2_string(text))
        return solver

    @staticmethod
    def _check(solver: z3.Solver, *assumptions: z3.BoolRef) -> bool:
        """Return whether the assertions are satisfiable.

        Raises:
            SolverLimit: the solver gave up.

        """
        result = solver.check(*assumptions)
        if result == z3.unknown:
            raise SolverLimit(f"the solver gave up: {solver.reason_unknown()}")
        return bool(result == z3.sat)

    def _all_present(self) -> str:
        return conj(self.encoding.presence.values())

    # ---- agreement ---------------------------------------------------------------------------------------------

    def disagreement(self, sets: SetEngine, *, checked_unknown: int = 12) -> str | None:
        """Return None iff Z3 proves that the set engine's matrix is right for every flow between its elements.

        Proved over all protocols, ports, addresses and completions of missing facts: what the matrix allows passes in
        every completion, what it denies in none. Of what it calls unknown the first `checked_unknown` rectangles are
        shown to pass in one completion and not in another, each for one of its cells.
        """
        matrix = sets.matrix
        inner = (1 << self.universe.pod_count) - 1
        everything = self.universe.everything
        asked = conj(
            (
                self._all_present(),
                disj((self.encoding.elements("s", inner), self.encoding.elements("d", inner))),
                self.encoding.elements("s", everything),
                self.encoding.elements("d", everything),
            )
        )
        allowed = self._table(matrix, sets, unknown=False)
        unknown = self._table(matrix, sets, unknown=True)
        wrongly_allowed = conj((asked, allowed, neg(self._allowed)))
        wrongly_denied = conj((asked, neg(allowed), neg(unknown), self._allowed))
        for name, term in (("allowed", wrongly_allowed), ("denied", wrongly_denied)):
            solver = self._solver(term)
            if self._check(solver):
                return f"the sets say {name}: {self._decode(solver.model())}"
        return self._wrongly_unknown(matrix, sets, checked_unknown)

    def _table(self, matrix: Matrix, sets: SetEngine, *, unknown: bool) -> str:
        rectangles = matrix.unknown if unknown else matrix.allowed
        return disj(
            conj(
                (
                    self.encoding.elements("s", item.sources),
                    self.encoding.elements("d", item.destinations),
                    self.encoding.ports(sets.connections(item.mask)),
                )
            )
            for item in rectangles
        )

    def _wrongly_unknown(self, matrix: Matrix, sets: SetEngine, limit: int) -> str | None:
        for item in matrix.unknown[:limit]:
            source = (item.sources & -item.sources).bit_length() - 1
            destination = (item.destinations & -item.destinations).bit_length() - 1
            mask = sets.pair(source, destination).unknown & item.mask
            if not mask:
                continue
            ports = self.encoding.ports(sets.connections(mask & -mask))
            cell = conj(
                (
                    self._all_present(),
                    self.encoding.element("s", source),
                    self.encoding.element("d", destination),
                    ports,
                )
            )
            if not (
                self._check(self._solver(cell, self._allowed)) and self._check(self._solver(cell, neg(self._allowed)))
            ):
                return f"the sets say unknown: {source} -> {destination} on {sets.connections(mask)}"
        return None

    # ---- reachability ------------------------------------------------------------------------------------------

    def reach(self, source: SymbolicEnd, destination: SymbolicEnd, ports: ConnectionSet) -> ReachAnswer:
        """Return whether some flow from `source` to `destination` on `ports` is allowed, with a witness or a reason."""
        ends = conj((self._end("s", source), self._end("d", destination), self.encoding.ports(ports)))
        try:
            return self._reach(ends, source, destination)
        except SolverLimit:
            return Undecided(limit=True)

    def _reach(self, ends: str, source: SymbolicEnd, destination: SymbolicEnd) -> ReachAnswer:
        """Look for a choice of what is free that every completion of what is missing allows.

        Each completion that refutes a choice is held against all further choices, so the search ends: with a choice
        that nothing refutes, or with none left.
        """
        solver = self._solver(ends, self._allowed)
        present = [z3.Bool(name) for name in self.encoding.presence.values()]
        if not self._check(solver, *present):
            return Unreached(policies=self._core(solver, present))
        allowed = self._parsed(self._allowed)
        undecided: str | None = None
        for _ in range(MAX_COMPLETIONS):
            choice = self._choice(self._smallest(solver, present), source, destination)
            refuting = self._solver(ends, self._all_present(), choice, neg(self._allowed))
            if not self._check(refuting):
                return Reached(witness=self._decode(self._model(ends, self._allowed, self._all_present(), choice)))
            undecided = undecided or choice
            solver.add(self._completed(allowed, refuting.model(), source, destination))
            if not self._check(solver, *present):
                break
        assert undecided is not None
        model = self._model(ends, self._allowed, self._all_present(), undecided)
        return Undecided(witness=self._decode(model))

    def _parsed(self, term: str, declared: Sequence[str] = ()) -> z3.BoolRef:
        text = "\n".join([*(declared or self.encoding.declarations()), f"(assert {term})"])
        return z3.And(*z3.parse_smt2_string(text))

    def _completed(
        self, allowed: z3.BoolRef, model: z3.ModelRef, source: SymbolicEnd, destination: SymbolicEnd
    ) -> z3.BoolRef:
        """Return `allowed` with the missing facts as the model has them, and everything else left free."""
        encoding = self.encoding
        names = [*encoding.opaque, "x_ingress", "x_egress", *(f"w_{n}" for n in range(len(encoding.programs)))]
        names += [*encoding.choices, *(f"r_{n}" for n in range(len(encoding.domain_names)))]
        facts = [(z3.Bool(name), model.eval(z3.Bool(name), model_completion=True)) for name in names]
        for end, symbolic in (("s", source), ("d", destination)):
            facts += self._namespace_labels_of(model, end)
            if isinstance(symbolic, Existing):
                variables = [z3.BitVec(f"{end}_a{version}", width) for version, width in ((4, 32), (6, 128))]
                nodes = encoding.node_labels
                variables += [z3.BitVec(nodes.variable(end, key), nodes.width(key)) for key in nodes.keys]
                facts += [(item, model.eval(item, model_completion=True)) for item in variables]
        if isinstance(destination, Existing):
            facts += self._doubtful_ports(model, destination)
        return z3.substitute(allowed, *facts)

    def _namespace_labels_of(self, model: z3.ModelRef, end: str) -> list[tuple[z3.ExprRef, z3.ExprRef]]:
        """The labels of a namespace that exists are facts about it: they hold for choices in that namespace only."""
        encoding = self.encoding
        number = _number(model, f"{end}_ns", encoding.namespace_width)
        if number >= encoding.new_namespace:
            return []
        here = z3.BitVec(f"{end}_ns", encoding.namespace_width) == number
        labels = encoding.namespace_labels
        variables = [z3.BitVec(labels.variable(end, key), labels.width(key)) for key in labels.keys]
        return [(item, z3.If(here, model.eval(item, model_completion=True), item)) for item in variables]

    def _doubtful_ports(self, model: z3.ModelRef, destination: Existing) -> list[tuple[z3.ExprRef, z3.ExprRef]]:
        """NP-26: which of several numbers a name stands for is a fact; a name with one number leaves no doubt."""
        lowest = (destination.elements & -destination.elements).bit_length() - 1
        declared = self.universe.elements[lowest].named if lowest < self.universe.atom_offset else ()
        several = {(name, protocol): numbers for name, protocol, numbers in declared if len(numbers) > 1}
        port = z3.BitVec("port", 16)
        found = []
        for number, named in enumerate(self.encoding.named_ports):
            numbers = several.get((named.name, named.protocol)) if named.protocol else None
            if numbers:
                variable = z3.Bool(f"m_{number}")
                among = z3.Or(*(port == value for value in numbers))
                found.append((variable, z3.And(model.eval(variable, model_completion=True), among)))
        return found

    def _model(self, *terms: str) -> z3.ModelRef:
        solver = self._solver(*terms)
        assert self._check(solver), "a choice that was found satisfies the question"
        return solver.model()

    def _smallest(self, solver: z3.Solver, present: Sequence[z3.BoolRef]) -> z3.ModelRef:
        """Return a model with labels left out, one after the other, wherever the rest does not need them."""
        kept: list[z3.BoolRef] = list(present)
        model = solver.model()
        for preference in self._preferences():
            if z3.is_true(model.eval(preference, model_completion=True)):
                kept.append(preference)
            elif self._check(solver, *kept, preference):
                kept.append(preference)
                model = solver.model()
        return model

    def _preferences(self) -> Iterable[z3.BoolRef]:
        """What makes a witness easy to read, most wanted first: a known namespace, few labels, TCP, a low port."""
        encoding = self.encoding
        new = z3.BitVecVal(encoding.new_namespace, encoding.namespace_width)
        for end in ("s", "d"):
            for variables in (encoding.pod_labels, encoding.namespace_labels):
                for key in variables.keys:
                    yield z3.BitVec(variables.variable(end, key), variables.width(key)) == 0
            yield z3.ULT(z3.BitVec(f"{end}_ns", encoding.namespace_width), new)
        yield z3.BitVec("proto", 2) == 0
        yield z3.ULE(z3.BitVec("port", 16), 1024)

    def _choice(self, model: z3.ModelRef, source: SymbolicEnd, destination: SymbolicEnd) -> str:
        """Return the term that fixes what the question leaves free, and none of the facts that are merely missing."""
        found = self._decode(model)
        parts = [f"(= proto (_ bv{PROTOCOLS.index(found.protocol)} 2))", f"(= port (_ bv{found.port} 16))"]
        for end, symbolic, decoded in (("s", source, found.source), ("d", destination, found.destination)):
            match symbolic:
                case Existing():
                    assert decoded.element is not None
                    parts.append(self.encoding.element(end, decoded.element))
                case Outside():
                    parts += self._fixed_addresses(end, decoded)
                case AnyPod():
                    parts += self._fixed_pod(model, end, decoded)
        return conj(parts)

    def _fixed_addresses(self, end: str, decoded: FoundEnd) -> list[str]:
        parts = [neg(f"{end}_has{version}") for version in (4, 6) if version not in decoded.addresses]
        for version, number in decoded.addresses.items():
            parts.append(f"(and {end}_has{version} (= {end}_a{version} (_ bv{number} {32 if version == 4 else 128})))")
        return parts

    def _fixed_pod(self, model: z3.ModelRef, end: str, decoded: FoundEnd) -> list[str]:
        encoding = self.encoding
        parts = self._fixed_addresses(end, decoded)
        parts.append(
            f"(= {end}_ns (_ bv{_number(model, f'{end}_ns', encoding.namespace_width)} {encoding.namespace_width}))"
        )
        parts += [encoding.pod_labels.equals(end, key, decoded.labels.get(key)) for key in encoding.pod_labels.keys]
        if decoded.namespace_is_new:
            parts += [
                encoding.namespace_labels.equals(end, key, decoded.namespace_labels.get(key))
                for key in encoding.namespace_labels.keys
            ]
        if end == "d":
            for number in range(len(encoding.named_ports)):
                value = z3.is_true(model.eval(z3.Bool(f"m_{number}"), model_completion=True))
                parts.append(f"m_{number}" if value else neg(f"m_{number}"))
        return parts

    def _core(self, solver: z3.Solver, present: Sequence[z3.BoolRef]) -> tuple[str, ...]:
        """Return the labels of a minimal set of policies without which the question is no longer refuted."""
        labels = {name: label for label, name in self.encoding.presence.items()}
        self._check(solver, *present)
        core = sorted(solver.unsat_core(), key=str)
        for candidate in list(core):
            rest = [item for item in core if item is not candidate]
            if not self._check(solver, *rest):
                core = rest
        return tuple(sorted(labels[str(item)] for item in core))

    # ---- two programs ------------------------------------------------------------------------------------------

    def separating_flow(self) -> FoundFlow | None:
        """Return a flow that one of the first two programs lets pass and the other does not, in some cluster that could
        exist; None iff Z3 proves that there is none.

        Ends are any pods (host-network ones too), nodes and addresses, with any labels; at least one is a pod.

        Raises:
            SolverLimit: the solver gave up.

        """
        first, second = self.encoding.programs[:2]
        differs = disj(
            conj(
                (
                    f"s_has{version}",
                    f"d_has{version}",
                    f"(not (= {self.encoding.passes(first, version)} {self.encoding.passes(second, version)}))",
                )
            )
            for version in (4, 6)
        )
        some_pod = disj((self.encoding.is_pod("s"), self.encoding.is_pod("d")))
        outside = [
            f"(=> {self.encoding.is_kind(end, Kind.EXTERNAL)} (not (and {end}_has4 {end}_has6)))" for end in "sd"
        ]
        nameless = f"(=> (not {self.encoding.is_pod('d')}) {conj(self.encoding.no_named_ports())})"
        solver = self._solver(differs, some_pod, *outside, nameless, self._all_present())
        return self._decode(solver.model()) if self._check(solver) else None

    # ---- ends --------------------------------------------------------------------------------------------------

    def _end(self, end: str, symbolic: SymbolicEnd) -> str:
        match symbolic:
            case Existing(elements=elements):
                return self.encoding.elements(end, elements)
            case Outside(addresses=addresses):
                return self._outside(end, addresses)
            case AnyPod():
                return self._any_pod(end, symbolic)

    def _outside(self, end: str, addresses: IPSet) -> str:
        parts = [self.encoding.is_kind(end, Kind.EXTERNAL)]
        families = []
        for version, other, width in ((4, 6, 32), (6, 4, 128)):
            address = in_ranges(f"{end}_a{version}", addresses.of_family(version), width)
            families.append(conj((f"{end}_has{version}", neg(f"{end}_has{other}"), address)))
        parts.append(disj(families))
        return conj([*parts, *(self.encoding.no_named_ports() if end == "d" else [])])

    def _any_pod(self, end: str, symbolic: AnyPod) -> str:
        encoding = self.encoding
        parts = [encoding.is_kind(end, Kind.POD)]
        lies_in = encoding.lies_in(Kind.POD)
        for version, width in ((4, 32), (6, 128)):
            ranges = lies_in.of_family(version)
            address = in_ranges(f"{end}_a{version}", ranges, width)
            parts.append(conj((f"{end}_has{version}", address)) if ranges else neg(f"{end}_has{version}"))
        if symbolic.namespaces is not None:
            parts.append(disj(self._namespace(end, name) for name in sorted(symbolic.namespaces)))
        parts += [encoding.pod_labels.requirement(end, item) for item in symbolic.pods.requirements]
        parts += [encoding.namespace_labels.requirement(end, item) for item in symbolic.namespace_labels.requirements]
        return conj(parts)

    def _namespace(self, end: str, name: str) -> str:
        """Return the term true iff the end's namespace is called `name`, whether it exists yet or not."""
        if name in self.encoding.namespaces:
            return self.encoding.in_namespace(end, name)
        named = self.encoding.namespace_labels.equals(end, NAMESPACE_NAME_LABEL, name)
        return conj((self.encoding.in_new_namespace(end), named))

    # ---- models ------------------------------------------------------------------------------------------------

    def _decode(self, model: z3.ModelRef) -> FoundFlow:
        encoding = self.encoding
        protocol = PROTOCOLS[_number(model, "proto", 2)]
        named = tuple(
            port.name
            for number, port in enumerate(encoding.named_ports)  # of another protocol a name says nothing of this flow
            if port.protocol is protocol and z3.is_true(model.eval(z3.Bool(f"m_{number}"), model_completion=True))
        )
        source, destination = self._decode_end(model, "s"), self._decode_end(model, "d")
        common = sorted(set(source.addresses) & set(destination.addresses))
        return FoundFlow(
            source=source,
            destination=destination,
            protocol=protocol,
            port=_number(model, "port", 16),
            version=common[0] if common else 4,
            named=named,
        )

    def _decode_end(self, model: z3.ModelRef, end: str) -> FoundEnd:
        encoding = self.encoding
        kind = KINDS[_number(model, f"{end}_kind", 3)]
        addresses = {
            version: _number(model, f"{end}_a{version}", width)
            for version, width in ((4, 32), (6, 128))
            if z3.is_true(model.eval(z3.Bool(f"{end}_has{version}"), model_completion=True))
        }
        number = _number(model, f"{end}_ns", encoding.namespace_width)
        is_new = number >= encoding.new_namespace
        labels = self._decode_labels(model, end, namespace=False)
        found = FoundEnd(
            kind=kind,
            namespace=self._new_name(model, end, number) if is_new else encoding.namespaces[number],
            namespace_is_new=is_new,
            namespace_labels=self._decode_labels(model, end, namespace=True),
            labels=labels,
            addresses=addresses,
        )
        return self._with_element(model, end, found)

    def _new_name(self, model: z3.ModelRef, end: str, number: int) -> str:
        """Return a name for a namespace that does not exist yet: the one that the model's labels say, if they do."""
        encoding = self.encoding
        labels = self._decode_labels(model, end, namespace=True)
        name = labels.get(NAMESPACE_NAME_LABEL, "")
        mentioned = encoding.namespace_labels.keys.get(NAMESPACE_NAME_LABEL, (0, ()))[1]
        return name if name in mentioned else f"new-namespace-{number - encoding.new_namespace + 1}"

    def _decode_labels(self, model: z3.ModelRef, end: str, *, namespace: bool) -> dict[str, str]:
        variables = self.encoding.namespace_labels if namespace else self.encoding.pod_labels
        found = {}
        for key in variables.keys:
            code = _number(model, variables.variable(end, key), variables.width(key))
            value = variables.value(key, code)
            if value is not None:
                found[key] = value
        return found

    def _with_element(self, model: z3.ModelRef, end: str, found: FoundEnd) -> FoundEnd:
        """Name the element of the universe that the end is, if it is one."""
        for number in range(self.universe.size):
            if self._is_element(found, number) and z3.is_true(
                model.eval(self._element_term(end, number), model_completion=True)
            ):
                return replace(found, element=number)
        return found

    def _is_element(self, found: FoundEnd, number: int) -> bool:
        """A cheap test that rules out most elements."""
        if number >= self.universe.atom_offset:
            return found.kind is Kind.EXTERNAL
        element = self.universe.elements[number]
        if element.kind is not found.kind:
            return False
        if not element.namespace:
            return True
        labels = self.encoding.pod_labels
        return element.namespace == found.namespace and all(
            labels.code(key, element.labels.get(key)) == labels.code(key, found.labels.get(key)) for key in labels.keys
        )

    def _element_term(self, end: str, number: int) -> z3.BoolRef:
        text = "\n".join([*self.encoding.variables(), f"(assert {self.encoding.element(end, number)})"])
        return z3.And(*z3.parse_smt2_string(text))


def separating_flow(one: Cluster, other: Cluster, *, timeout_ms: int = DEFAULT_TIMEOUT_MS) -> FoundFlow | None:
    """Return a flow on which the policies of two clusters differ, in some cluster that could exist; None iff none does.

    Only the policies of the two are compared, under the profile and addressing of `one`; what exists in them does not
    matter. A profile switch that is not known is compared at each of its values.

    Raises:
        SolverLimit: the solver gave up.

    """
    bare = [replace(item, namespaces={}, pods=(), nodes=(), profile=one.profile) for item in (one, other)]
    for profile in resolutions(
        replace(bare[0], admin=(*one.admin, *other.admin), policies=(*one.policies, *other.policies))
    ):
        programs = [translate(item, profile) for item in bare]
        engine = SmtEngine(bare[0], Universe(bare[0], programs), programs=programs, timeout_ms=timeout_ms)
        found = engine.separating_flow()
        if found is not None:
            return found
    return None


class Refuter:
    """Questions about one text of assertions: each names the Boolean constants that are to be true."""

    def __init__(self, lines: Iterable[str], timeout_ms: int = DEFAULT_TIMEOUT_MS) -> None:
        self._solver = z3.SolverFor("QF_FD")
        self._solver.set("timeout", timeout_ms)
        self._solver.add(z3.parse_smt2_string("\n".join(lines)))
        self._named = cache(z3.Bool)

    def refuted(self, names: Iterable[str], *, strictly: bool = False) -> tuple[str, ...] | None:
        """Return names, of those given, that cannot all be true; None where that is not proved (`strictly`: SolverLimit)."""
        result = self._solver.check(*map(self._named, names))
        if strictly and result == z3.unknown:
            raise SolverLimit("the solver gave up")
        return tuple(map(str, self._solver.unsat_core())) if result == z3.unsat else None


def _number(model: z3.ModelRef, name: str, width: int) -> int:
    value = model.eval(z3.BitVec(name, width), model_completion=True)
    found: int = value.as_long()
    return found
