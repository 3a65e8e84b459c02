"""Lowering of predicates to bit sets over a universe, three-valued.

A predicate becomes a pair (must, may): the elements of which it is certainly true, and of which it can be true. They
differ only where a fact is missing: labels of a namespace that nothing defines, and addresses that are not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from itertools import product

from netcheck.logic.classes import Universe, mask_of
from netcheck.logic.ir import (
    AllOf,
    AnyOf,
    Everything,
    InAddresses,
    InNamespace,
    IsKind,
    IsNode,
    Kind,
    NamespaceLabels,
    Not,
    PodLabels,
    Predicate,
    ResolvedFrom,
)
from netcheck.logic.mentions import label_domain
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace
from netcheck.values.labels import LabelSelector, Operator, Requirement
from netcheck.values.ports import Protocol

Bounds = tuple[int, int]
"""(must, may) with must a subset of may."""


PortName = tuple[str, Protocol]
"""The name and protocol of a container port."""


@dataclass(frozen=True, slots=True)
class Place:
    """One way in which the facts about peers can be that are no labels of namespaces.

    Attributes:
        pod_atom, node_atom: where the unknown addresses of pods and of nodes lie.
        node_labels: the labels of a node that is not known.
        resolved: the domain names that resolve to the outside address in question.
        port_names: the names in doubt (NP-26) that stand for the port in question.
    """

    pod_atom: int
    node_atom: int
    node_labels: tuple[tuple[str, str], ...] = ()
    resolved: frozenset[str] = frozenset()
    port_names: frozenset[PortName] = frozenset()


MAX_ASSIGNMENTS = 4096
"""Beyond this many label assignments of one namespace a union is not searched for completeness: it stays unknown."""


class Lowering:
    """Lowers predicates over one universe; results are memoized by predicate."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self._memo: dict[tuple[Predicate, int], Bounds]
        self.namespaces: Mapping[str, Namespace]
        self._namespaces: _NamespaceBits
        self._reset(universe.cluster.namespaces)
        self._labels = _LabelBits(universe, self._namespaces)
        self._kinds = _kind_bits(universe)
        self.addresses = AddressBits(universe, self._kinds)
        self.pods = self._kinds[Kind.POD] | self._kinds[Kind.HOST_POD]

    def with_namespace_labels(self, name: str, labels: Mapping[str, str]) -> Lowering:
        """Return a lowering that differs from this one in that the labels of one namespace are known to be `labels`."""
        namespaces = {**self.namespaces, name: Namespace(name=name, labels=labels)}
        other = copy(self)
        other._reset(namespaces)  # noqa: SLF001 - a copy of this very object
        return other

    def _reset(self, namespaces: Mapping[str, Namespace]) -> None:
        self._memo = {}
        self.namespaces = namespaces
        self._namespaces = _NamespaceBits(self.universe, namespaces)

    @property
    def open_namespaces(self) -> Mapping[str, int]:
        """Namespace with unknown labels -> its elements."""
        return self._namespaces.open

    def bounds(self, predicate: Predicate, version: int) -> Bounds:
        """Return the elements of which `predicate` must and may be true for flows of one IP family."""
        key = (predicate, version)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._lower(predicate, version)
        return found

    def _lower(self, predicate: Predicate, version: int) -> Bounds:
        universe = self.universe
        match predicate:
            case Everything():
                return universe.everything, universe.everything
            case IsKind(kinds):
                return self._exactly(self.kinds(kinds))
            case InNamespace(name):
                return self._exactly(self._namespaces.of_name(name))
            case NamespaceLabels(selector):
                return self._namespaces.matching(selector)
            case PodLabels(selector):
                return self._exactly(self._labels.matching(selector))
            case IsNode(selector):
                return self._nodes(selector)
            case ResolvedFrom():
                return 0, self._kinds[Kind.EXTERNAL]
            case InAddresses(addresses):
                return self.addresses.bounds(universe.addresses.bits(addresses), version, frozenset(Kind))
            case Not(part):
                must, may = self.bounds(part, version)
                return universe.everything & ~may, universe.everything & ~must
            case AnyOf(parts):
                return self._any(parts, version)
            case AllOf(parts):
                return self._all(parts, version)

    @staticmethod
    def _exactly(bits: int) -> Bounds:
        return bits, bits

    def _any(self, parts: tuple[Predicate, ...], version: int) -> Bounds:
        must = may = 0
        for part in parts:
            part_must, part_may = self.bounds(part, version)
            must |= part_must
            may |= part_may
        return must, may

    def _all(self, parts: tuple[Predicate, ...], version: int) -> Bounds:
        named = [part.name for part in parts if isinstance(part, InNamespace)]
        if named:
            return self._all_within(named[0], parts, version)
        must = may = self.universe.everything
        for part in parts:
            part_must, part_may = self.bounds(part, version)
            must &= part_must
            may &= part_may
        return must, may

    def _all_within(self, namespace: str, parts: tuple[Predicate, ...], version: int) -> Bounds:
        """A conjunction inside one namespace: label selectors are evaluated on that namespace's few classes only."""
        must = may = self._namespaces.of_name(namespace)
        for part in parts:
            if isinstance(part, PodLabels):
                part_must = part_may = self._labels.matching_within(namespace, part.selector)
            else:
                part_must, part_may = self.bounds(part, version)
            must &= part_must
            may &= part_may
        return must, may

    def kinds(self, kinds: frozenset[Kind]) -> int:
        """Return the elements of the given kinds."""
        found = 0
        for kind in kinds:
            found |= self._kinds[kind]
        return found

    def _nodes(self, selector: LabelSelector) -> Bounds:
        """ADM-16: known nodes, host-network pods by their node; the own node depends on the subject (`own_node`)."""
        must = may = 0
        for index, element in enumerate(self.universe.elements):
            if element.kind not in (Kind.NODE, Kind.HOST_POD, Kind.OWN_NODE):
                continue
            certain, possible = node_bounds(selector, None if element.kind is Kind.OWN_NODE else element.node_labels)
            may |= possible << index
            must |= certain << index
        return must, may


def node_bounds(selector: LabelSelector, labels: tuple[tuple[str, str], ...] | None) -> tuple[bool, bool]:
    """Return whether `selector` must and may match a node of which the labels are known, or None: not known."""
    if labels is None:
        return bounds_with_open_labels(selector, {})
    matches = selector.matches(dict(labels))
    return matches, matches


def _kind_bits(universe: Universe) -> dict[Kind, int]:
    found = {kind: mask_of(i for i, e in enumerate(universe.elements) if e.kind is kind) for kind in Kind}
    found[Kind.EXTERNAL] = universe.addresses.everything << universe.atom_offset
    return found


class _NamespaceBits:
    """Elements by namespace: each namespace is one run of bits."""

    def __init__(self, universe: Universe, namespaces: Mapping[str, Namespace]) -> None:
        self._known = namespaces
        self._runs: dict[str, tuple[int, int]] = {}
        for index in range(universe.pod_count):
            name = universe.elements[index].namespace
            first, _ = self._runs.get(name, (index, index))
            self._runs[name] = (first, index)
        self._memo: dict[LabelSelector, Bounds] = {}
        self._by_label: dict[str, dict[str | None, int]] = {}
        self.open = {
            name: self.of_name(name)
            for name in self._runs
            if name in self._known and not self._known[name].labels_known
        }

        self._all_known = _union(self.of_name(name) for name in self._runs if name not in self.open)

    def run(self, name: str) -> tuple[int, int] | None:
        """Return (first, last) of a namespace's elements, or None if it has none."""
        return self._runs.get(name)

    def of_name(self, name: str) -> int:
        run = self._runs.get(name)
        return 0 if run is None else ((1 << (run[1] - run[0] + 1)) - 1) << run[0]

    def matching(self, selector: LabelSelector) -> Bounds:
        found = self._memo.get(selector)
        if found is None:
            found = self._memo[selector] = self._match(selector)
        return found

    def _match(self, selector: LabelSelector) -> Bounds:
        must = self._all_known
        for requirement in selector.requirements:
            must &= self._known_matching(requirement)
        may = must
        for name, bits in self.open.items():
            certain, possible = bounds_with_open_labels(selector, self._known[name].labels)
            may |= bits if possible else 0
            must |= bits if certain else 0
        return must, may

    def _known_matching(self, requirement: Requirement) -> int:
        """Return the elements in namespaces with known labels that satisfy the requirement."""
        values = self._by_label.get(requirement.key)
        if values is None:
            values = self._by_label[requirement.key] = self._values_of(requirement.key)
        return _union(bits for value, bits in values.items() if requirement.matches(value))

    def _values_of(self, key: str) -> dict[str | None, int]:
        values: dict[str | None, list[str]] = {}
        for name in self._runs:
            if name not in self.open:
                namespace = self._known.get(name)
                value = namespace.labels.get(key) if namespace is not None else None
                values.setdefault(value, []).append(name)
        return {value: _union(map(self.of_name, names)) for value, names in values.items()}


def bounds_with_open_labels(selector: LabelSelector, labels: Mapping[str, str]) -> tuple[bool, bool]:
    """Return whether `selector` must and may match labels of which only `labels` are known."""
    by_key: dict[str, list[Requirement]] = {}
    for requirement in selector.requirements:
        by_key.setdefault(requirement.key, []).append(requirement)
    must = may = True
    for key, requirements in by_key.items():
        candidates = [labels[key]] if key in labels else candidate_values(requirements)
        outcomes = [all(item.matches(value) for item in requirements) for value in candidates]
        must &= all(outcomes)
        may &= any(outcomes)
    return must, may


def candidate_values(requirements: list[Requirement]) -> list[str | None]:
    """Return values that stand for all values of a label: absent, each mentioned one, and one that nobody mentions."""
    mentioned = sorted({value for item in requirements for value in item.values})
    return [None, *mentioned, fresh_value(mentioned)]


def fresh_value(mentioned: list[str]) -> str:
    """Return a label value that is not in `mentioned`."""
    value = "other"
    while value in mentioned:
        value += "-x"
    return value


def cover_every_labelling(selectors: list[LabelSelector], labels: Mapping[str, str]) -> bool:
    """Return whether whatever the unknown labels are, some selector matches; False when there are too many to try."""
    assignments = labellings(selectors, labels)
    return assignments is not None and all(
        any(selector.matches(assignment) for selector in selectors) for assignment in assignments
    )


def name_selector(names: Iterable[str]) -> LabelSelector:
    """Return the selector of namespaces by name (NP-15)."""
    return LabelSelector.of(expressions=[Requirement(NAMESPACE_NAME_LABEL, Operator.IN, tuple(sorted(names)))])


def labellings(selectors: list[LabelSelector], labels: Mapping[str, str]) -> list[dict[str, str]] | None:
    """Return assignments that stand for every labelling that `selectors` can tell apart; None if they are too many."""
    domain = {key: values for key, values in label_domain(selectors).items() if key not in labels}
    choices = [[None, *values, fresh_value(list(values))] for values in domain.values()]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > MAX_ASSIGNMENTS:
        return None
    return [
        {**labels, **{key: value for key, value in zip(domain, combination, strict=True) if value is not None}}
        for combination in product(*choices)
    ]


class _LabelBits:
    """Pod label selectors over all classes, and over the classes of one namespace."""

    def __init__(self, universe: Universe, namespaces: _NamespaceBits) -> None:
        self._universe = universe
        self._namespaces = namespaces
        self._memo: dict[LabelSelector, int] = {}
        self._local: dict[str, _LocalLabels] = {}
        self._index: _LocalLabels | None = None

    def matching(self, selector: LabelSelector) -> int:
        found = self._memo.get(selector)
        if found is None:
            if self._index is None:
                self._index = _LocalLabels(self._universe, 0, self._universe.pod_count - 1)
            found = self._memo[selector] = self._index.matching(selector)
        return found

    def matching_within(self, namespace: str, selector: LabelSelector) -> int:
        run = self._namespaces.run(namespace)
        if run is None:
            return 0
        local = self._local.get(namespace)
        if local is None:
            local = self._local[namespace] = _LocalLabels(self._universe, *run)
        return local.matching(selector) << run[0]


class _LocalLabels:
    """An inverted index of the labels of a run of classes; results are relative to its first."""

    def __init__(self, universe: Universe, first: int, last: int) -> None:
        self._all = (1 << (last - first + 1)) - 1
        members: dict[str, dict[str, list[int]]] = {}
        for index in range(first, last + 1):
            for key, value in universe.elements[index].labels.items():
                members.setdefault(key, {}).setdefault(value, []).append(index - first)
        self._values = {
            key: {value: mask_of(found) for value, found in values.items()} for key, values in members.items()
        }
        self._present = {key: _union(values.values()) for key, values in self._values.items()}
        self._memo: dict[LabelSelector, int] = {}

    def matching(self, selector: LabelSelector) -> int:
        found = self._memo.get(selector)
        if found is None:
            found = self._all
            for requirement in selector.requirements:
                found &= self._requirement(requirement)
            self._memo[selector] = found
        return found

    def _requirement(self, requirement: Requirement) -> int:
        values = self._values.get(requirement.key, {})
        match requirement.operator:
            case Operator.IN:
                return _union(values.get(value, 0) for value in requirement.values)
            case Operator.NOT_IN:
                return self._all & ~_union(values.get(value, 0) for value in requirement.values)
            case Operator.EXISTS:
                return self._present.get(requirement.key, 0)
            case Operator.DOES_NOT_EXIST:
                return self._all & ~self._present.get(requirement.key, 0)


def _union(sets: Iterable[int]) -> int:
    found = 0
    for bits in sets:
        found |= bits
    return found


class AddressBits:
    """Elements by the atom that their address lies in, with unknown addresses as bounds (NP-20)."""

    def __init__(self, universe: Universe, kinds: Mapping[Kind, int]) -> None:
        self._universe = universe
        self._kinds = kinds
        self._at: dict[int, dict[int, int]] = {4: {}, 6: {}}
        self._unknown_pods: dict[int, int] = {4: 0, 6: 0}
        self._unknown_nodes: dict[int, int] = {4: 0, 6: 0}
        at: dict[int, dict[int, list[int]]] = {4: {}, 6: {}}
        for index, element in enumerate(universe.elements):
            for version, atom in element.address_atoms:
                if atom is not None:
                    at[version].setdefault(atom, []).append(index)
                elif element.kind is Kind.POD:
                    self._unknown_pods[version] |= 1 << index
                else:
                    self._unknown_nodes[version] |= 1 << index
        for version, found in at.items():
            self._at[version] = {atom: mask_of(indexes) for atom, indexes in found.items()}
        self._family = {version: universe.addresses.of_family(version) for version in (4, 6)}
        self._memo: dict[tuple[int, int, frozenset[Kind], int, int], Bounds] = {}

    def unknown(self, version: int) -> int:
        """Return the elements whose address in a family is not known."""
        return self._unknown_pods[version] | self._unknown_nodes[version]

    def bounds(self, atoms: int, version: int, kinds: frozenset[Kind], place: Place | None = None) -> Bounds:
        """Return the elements of `kinds` whose address must and may lie in `atoms`, in one family.

        With a `place` the addresses that are not known lie there.
        """
        pod_atom, node_atom = (-1, -1) if place is None else (place.pod_atom, place.node_atom)
        key = (atoms, version, kinds, pod_atom, node_atom)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._find(atoms & self._family[version], version, kinds, place)
        return found

    def _find(self, atoms: int, version: int, kinds: frozenset[Kind], place: Place | None) -> Bounds:
        universe = self._universe
        must = atoms << universe.atom_offset
        for atom, bits in self._at[version].items():
            if atom >= 0 and atoms >> atom & 1:
                must |= bits
        may = must
        for lies_in, bits in self._open(version, place):
            if bits and lies_in & atoms:
                may |= bits
                must |= 0 if lies_in & ~atoms else bits
        allowed = _union(self._kinds[kind] for kind in kinds)
        return must & allowed, may & allowed

    def _open(self, version: int, place: Place | None) -> Iterable[tuple[int, int]]:
        """Return (the atoms in which they lie, elements) for the elements whose address is not known."""
        pods, nodes = self.lies_in(version)
        if place is not None:
            pods, nodes = (1 << place.pod_atom, 1 << place.node_atom)
        return ((pods, self._unknown_pods[version]), (nodes, self._unknown_nodes[version]))

    def lies_in(self, version: int) -> tuple[int, int]:
        """Return the atoms of one family in which unknown addresses of pods and of nodes lie."""
        family = self._family[version]
        return self._universe.pod_range_atoms & family, self._universe.node_range_atoms & family
