"""Two policy sets over every cluster that could exist: a flow that tells them apart, or the proof that there is none.

Free are both ends, with all labels and addresses; the namespaces, with all labels but the name label (NP-15); protocol and
port. What exists in the loaded clusters does not matter, but a witness has as few labels as can be, and prefers pods, the
namespaces that policies name, and the labels that these have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from netcheck.engines.smt import DEFAULT_TIMEOUT_MS, FoundEnd, FoundFlow, SmtEngine, _number
from netcheck.engines.terms import Context, bits, conj, disj, in_ranges, neg
from netcheck.logic.classes import Universe
from netcheck.logic.ir import Kind, Mode, Pipeline, Program, Stage
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace
from netcheck.model.policy import Direction

_FAMILIES = ((4, 32), (6, 128))
_WELL_KNOWN = (80, 443)


class Ask(Enum):
    """Which flows are looked for."""

    ONE_ONLY = "one allows it and the other does not"
    BOTH = "both allow it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Separated:
    """What was found: `witness` whatever policies of unknown effect do, `doubtful` if they do what they may."""

    witness: FoundFlow | None = None
    doubtful: FoundFlow | None = None


def policies_alone(one: Cluster, other: Cluster) -> tuple[Cluster, Cluster]:
    """Return both clusters without anything that exists but the namespaces that their policies name, with free labels."""
    names = {policy.namespace for item in (one, other) for policy in item.policies}
    names |= {policy.namespace for item in (one, other) for policy in item.opaque if policy.namespace}
    spaces = {
        name: Namespace(name=name, labels={NAMESPACE_NAME_LABEL: name}, labels_known=False) for name in sorted(names)
    }
    bare = [
        replace(item, namespaces=spaces, pods=(), nodes=(), profile=one.profile, addressing=one.addressing)
        for item in (one, other)
    ]
    return bare[0], bare[1]


class Separation:
    """Two policy sets under the profile of the first; a switch that is not known has one engine for each value.

    `same_unknown` says that policies of unknown effect do the same in both: then they tell a flow apart only where the
    others isolate an end otherwise, or decide otherwise in one of the directions.
    """

    def __init__(
        self, one: Cluster, other: Cluster, *, timeout_ms: int = DEFAULT_TIMEOUT_MS, same_unknown: bool = False
    ) -> None:
        loaded = [dict(item.namespaces) for item in (one, other)]
        bare = policies_alone(one, other)
        every = replace(bare[0], policies=(*one.policies, *other.policies), admin=(*one.admin, *other.admin))
        self._engines = [
            _Engine(bare, [translate(item, profile) for item in bare], loaded[1] | loaded[0], timeout_ms, same_unknown)
            for profile in resolutions(every)
        ]

    def find(self, ask: Ask, *, swapped: bool = False) -> Separated:
        """Return a flow that is as asked; `swapped`: the other one allows it and the first does not.

        It is no certain witness unless there is one for every value of the switches that are not known.

        Raises:
            SolverLimit: the solver gave up.
        """
        found = [engine.find(ask, swapped=swapped) for engine in self._engines]
        if all(item.witness is not None for item in found):
            return found[0]
        doubtful = next((flow for item in found for flow in (item.witness, item.doubtful) if flow is not None), None)
        return Separated(doubtful=doubtful)


class _Engine(SmtEngine):
    """The engine of two programs."""

    def __init__(
        self,
        bare: Sequence[Cluster],
        programs: Sequence[Program],
        loaded: dict[str, Namespace],
        timeout_ms: int,
        same_unknown: bool,
    ) -> None:
        super().__init__(bare[0], Universe(bare[0], programs), programs=programs, timeout_ms=timeout_ms)
        self._loaded = loaded
        self._same_unknown = same_unknown
        self._kept: list[Program] = []
        self._passing = [self._passes(program) for program in self.encoding.programs]
        self._clear = conj(neg(term) for program in self.encoding.programs for term in self._opaque_subjects(program))

    def find(self, ask: Ask, *, swapped: bool) -> Separated:
        """Return a flow that is as asked: first beside all policies of unknown effect, then among them."""
        one, other = reversed(self._passing) if swapped else self._passing
        asked = conj((one, other if ask is Ask.BOTH else neg(other), self._ends()))
        witness = self._readable(conj((asked, self._clear)))
        if witness is not None or self._clear == "true":
            return Separated(witness=witness)
        if ask is Ask.ONE_ONLY and self._same_unknown:
            asked = conj((asked, self._told_apart()))
        return Separated(doubtful=self._readable(asked))

    def _told_apart(self) -> str:
        """Return the term true iff the policies of known effect isolate an end of a flow otherwise, or decide otherwise.

        Each direction counts by itself, since a policy of unknown effect may deny what the other one lets pass.
        """
        found = []
        for direction in Direction:
            one, other = (self._alone(program, direction) for program in self.encoding.programs)
            for version, _ in _FAMILIES:
                found.append(_differ(*(self.encoding.passes(program, version) for program in (one, other))))
                found.append(_differ(*(self._isolated(program, direction, version) for program in (one, other))))
        return disj(found)

    def _alone(self, program: Program, direction: Direction) -> Program:
        """Return one direction of a program without the policies of unknown effect."""
        chosen = Pipeline(direction, program.pipeline(direction).groups)
        if direction is Direction.INGRESS:
            alone = replace(program, ingress=chosen, egress=Pipeline(Direction.EGRESS, ()))
        else:
            alone = replace(program, ingress=Pipeline(Direction.INGRESS, ()), egress=chosen)
        self._kept.append(alone)  # terms know programs by their identity
        return alone

    def _isolated(self, program: Program, direction: Direction, version: int) -> str:
        subject, peer = ("d", "s") if direction is Direction.INGRESS else ("s", "d")
        context = Context(program, direction, version, subject, peer)
        groups = (group for group in program.pipeline(direction).groups if group.mode is Mode.UNION)
        return disj(self.encoding.stage_terms(stage, context)[0] for group in groups for stage in group.stages)

    def _passes(self, program: Program) -> str:
        return disj(
            conj((f"s_has{version}", f"d_has{version}", self.encoding.passes(program, version)))
            for version, _ in _FAMILIES
        )

    def _opaque_subjects(self, program: Program) -> Iterator[str]:
        for direction in Direction:
            subject, peer = ("d", "s") if direction is Direction.INGRESS else ("s", "d")
            for opaque in program.pipeline(direction).opaque:
                stage = Stage(subject=opaque.subject, rules=(), origin=opaque.origin)
                for version, _ in _FAMILIES:
                    yield self.encoding.stage_terms(stage, Context(program, direction, version, subject, peer))[0]

    def _ends(self) -> str:
        """At least one end is a pod; an address has one family; what is no pod has no named ports."""
        encoding = self.encoding
        some_pod = disj((encoding.is_pod("s"), encoding.is_pod("d")))
        outside = [
            f"(=> {encoding.is_kind(end, Kind.EXTERNAL)} (not (and {end}_has4 {end}_has6)))" for end in ("s", "d")
        ]
        nameless = f"(=> (not {encoding.is_pod('d')}) {conj(encoding.no_named_ports())})"
        return conj((some_pod, *outside, nameless, self._all_present()))

    # ---- small witnesses ---------------------------------------------------------------------------------------

    def _readable(self, asked: str) -> FoundFlow | None:
        """Return the flow that satisfies as many of the wishes as can be, each held on to once it is met."""
        solver, kept = self._solver(asked), list[Any]()
        if not self._check(solver):
            return None
        for wish in self._wishes():
            term = self._parsed(wish) if wish != "true" else None
            if term is not None and self._check(solver, *kept, term):
                kept.append(term)
                asked = conj((asked, wish))
        for end in ("d", "s"):
            asked = self._in_first_namespace(asked, end)
        solver = self._solver(asked)
        self._check(solver)
        return self._plain(self._decode(self._smallest(solver, self._canonical(solver))))

    def _canonical(self, solver: Any) -> tuple[Any, ...]:
        """Return what fixes protocol, port and labels to the first that can be: which model a solver finds depends on more.

        Of ports a well-known one goes first; of the values of a label its absence does.
        """
        encoding = self.encoding
        kept: list[Any] = []
        self._keep_lowest(solver, kept, "proto", 2)
        known = (self._of("port", 16, "=", number) for number in _WELL_KNOWN)
        plain = next((term for term in known if self._check(solver, *kept, term)), None)
        if plain is not None:
            kept.append(plain)
        else:
            self._keep_lowest(solver, kept, "port", 16)
        for end in ("s", "d"):
            for variables in (encoding.pod_labels, encoding.namespace_labels):
                for key in variables.keys:
                    self._keep_lowest(solver, kept, variables.variable(end, key), variables.width(key))
        self._check(solver, *kept)
        return tuple(kept)

    def _keep_lowest(self, solver: Any, kept: list[Any], variable: str, width: int) -> None:
        """Add to `kept` that the variable has the lowest value that it can have beside it, found by halving."""
        low, high = 0, (1 << width) - 1
        while low < high:
            middle = (low + high) // 2 if low else 0
            if self._check(solver, *kept, self._of(variable, width, "bvule", middle)):
                high = middle
            else:
                low = middle + 1
        kept.append(self._of(variable, width, "=", low))

    def _of(self, variable: str, width: int, relation: str, number: int) -> Any:
        declared = (f"(declare-const {variable} (_ BitVec {width}))",)
        return self._parsed(f"({relation} {variable} {bits(number, width)})", declared)

    def _in_first_namespace(self, asked: str, end: str) -> str:
        """Return `asked` with the end in the first namespace that it can be in, found by halving."""
        encoding = self.encoding
        low, high = 0, len(encoding.namespaces)
        solver = self._solver(asked)
        while low < high:
            middle = (low + high) // 2
            lower = self._of(f"{end}_ns", encoding.namespace_width, "bvule", middle)
            if middle >= encoding.new_namespace or self._check(solver, lower):
                high = middle
            else:
                low = middle + 1
        return conj((asked, self._at_most(end, high)))

    def _at_most(self, end: str, number: int) -> str:
        """Return the term true iff the end's namespace has this number or a lower one, or a new one if it is theirs."""
        width = self.encoding.namespace_width
        return "true" if number >= self.encoding.new_namespace else f"(bvule {end}_ns {bits(number, width)})"

    def _plain(self, found: FoundFlow) -> FoundFlow:
        """Return the flow on a plain port and between plain addresses, which no rule tells from those of the model."""
        alike = self.universe.ports.single(found.protocol, found.port)
        ports = self.universe.ports.connections(alike).of_protocol(found.protocol)
        return replace(
            found,
            source=self._at_plain_address(found.source, 1),
            destination=self._at_plain_address(found.destination, 2),
            port=next((port for port in _WELL_KNOWN if port in ports), ports.lowest),
        )

    def _at_plain_address(self, end: FoundEnd, number: int) -> FoundEnd:
        """Return the end with address `number` of the first range alike, where that is long enough."""
        atoms = self.universe.addresses
        addresses = {}
        for version, address in end.addresses.items():
            low, high = atoms.ranges(atoms.atom(version, address))[0]
            addresses[version] = min(low + number, high)
        return replace(end, addresses=addresses)

    def _wishes(self) -> Iterator[str]:
        encoding = self.encoding
        for end in ("d", "s"):
            yield encoding.is_kind(end, Kind.POD)
        for kind in (Kind.OWN_NODE, Kind.HOST_POD):  # of the node that these stand for or lie on nothing is known
            yield conj(neg(encoding.is_kind(end, kind)) for end in ("d", "s"))
        yield conj(neg(f"{end}_has6") for end in ("s", "d"))
        yield conj(encoding.no_named_ports())
        yield conj(self._as_loaded(end) for end in ("s", "d"))
        for end in ("s", "d"):
            for kind in (Kind.POD, Kind.NODE):
                private = in_ranges(f"{end}_a4", encoding.lies_in(kind).of_family(4), 32)
                yield f"(=> (and {encoding.is_kind(end, kind)} {end}_has4) {private})"

    def _as_loaded(self, end: str) -> str:
        """Return the term true iff the end's namespace, if it is loaded, has its loaded labels."""
        labels = self.encoding.namespace_labels
        return conj(
            f"(=> {self.encoding.in_namespace(end, name)} "
            f"{conj(labels.equals(end, key, space.labels.get(key)) for key in labels.keys)})"
            for name, space in sorted(self._loaded.items())
            if space.labels_known and name in self.encoding.namespaces and labels.keys
        )

    # ---- models ------------------------------------------------------------------------------------------------

    def _decode_end(self, model: Any, end: str) -> FoundEnd:
        """A node has the labels that rules read of nodes."""
        found = super()._decode_end(model, end)
        if found.kind is not Kind.NODE:
            return found
        nodes = self.encoding.node_labels
        codes = {key: _number(model, nodes.variable(end, key), nodes.width(key)) for key in nodes.keys}
        values = {key: nodes.value(key, code) for key, code in codes.items()}
        return replace(found, labels={key: value for key, value in values.items() if value is not None})


def _differ(one: str, other: str) -> str:
    return "false" if one == other else f"(xor {one} {other})"
