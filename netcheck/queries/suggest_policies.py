"""The smallest set of policies that lets through what is wanted and isolates what is open, namespace by namespace.

A policy is considered for every selector of `suggest_groups`, and for what two groups have in common. It may let through
what all the pods need that it selects, and nothing else; so no choice of policies opens more than is wanted, and the
cheapest choice is a cover: first the fewest policies, then the fewest rules and peers, then the plainest selectors.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from netcheck.engines.covers import cheapest_cover
from netcheck.logic.atoms import indexes
from netcheck.model.cluster import Cluster
from netcheck.model.intents import SelectedPods
from netcheck.model.objects import NAMESPACE_NAME_LABEL
from netcheck.model.policy import Direction, NetworkPolicy, Peer, PodPeer, PolicyRule
from netcheck.queries.manifests import blocks_of, ports_of
from netcheck.queries.suggest_cells import (
    AddressPeer,
    Anybody,
    Cells,
    GroupPeer,
    LabelledPeer,
    Open,
    PeerSymbol,
    Wanted,
    pods_of_peer,
)
from netcheck.queries.suggest_groups import Choice, Groups
from netcheck.queries.suggest_results import Suggestion
from netcheck.values.addresses import IPSet
from netcheck.values.labels import LabelSelector, Operator, Requirement

DEFAULT_DENY = "default-deny"
_POLICY, _RULE = 10_000_000, 10_000
_MOST_PAIRS = 20_000
_LONGEST_NAME = 63


Cell = tuple[tuple[Direction, PeerSymbol], int]
"""A direction and a peer with the ports on which it is let through."""


@dataclass(slots=True)
class Planned:
    """A policy in the making: whom it selects, by which selector, and what it lets through."""

    selector: LabelSelector
    groups: int
    cells: Cells = field(default_factory=dict)
    denies: tuple[Direction, ...] = ()
    subject: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The policies of all namespaces, and whether none of the sets that were considered is smaller."""

    suggestions: tuple[Suggestion, ...]
    smallest: bool


def compose(
    cluster: Cluster, groups: Groups, wanted: Wanted, open_: Open, namespaces: Iterable[str], *, timeout_ms: int
) -> Composed:
    """Return the policies for some namespaces, each with the needs that it serves."""
    composer = _Composer(cluster, groups, wanted, timeout_ms)
    found = [item for name in sorted(namespaces) for item in composer.namespace(name, open_)]
    return Composed(suggestions=tuple(found), smallest=composer.smallest)


class _Composer:
    def __init__(self, cluster: Cluster, groups: Groups, wanted: Wanted, timeout_ms: int) -> None:
        self._cluster = cluster
        self._groups = groups
        self._wanted = wanted
        self._timeout_ms = timeout_ms
        self._meant: dict[SelectedPods, int] = {}
        self._by_group: dict[int, Cells] = {}
        self.smallest = True

    def namespace(self, namespace: str, open_: Open) -> Iterator[Suggestion]:
        """Yield the policies of one namespace, the one that denies by default first."""
        mine = self._groups.of_namespace(namespace)
        denied = tuple(direction for direction in Direction if mine & open_.groups[direction])
        planned = self._labelled(namespace, denied)
        left = {number: self._left(number, planned) for number in indexes(mine)}
        open_ones = {number: cells for number, cells in left.items() if cells}
        planned = _merged(planned, self._chosen(namespace, open_ones, [item.selector for item in planned]))
        names = _Names(item.name for item in self._cluster.policies if item.namespace == namespace)
        for item in planned:
            name = names.new(self._name(item))
            policy = _Renderer(self._groups, self._wanted).policy(namespace, name, item)
            yield Suggestion(policy=policy, serves=self._served(item), denies=item.denies)

    def _labelled(self, namespace: str, denied: tuple[Direction, ...]) -> list[Planned]:
        """Return the policies that needs about labels ask for, and the one that denies by default."""
        found = {
            selector: Planned(
                selector,
                self._groups.matching(namespace, selector),
                self._reduced(cells),
                subject=(namespace, selector),
            )
            for (name, selector), cells in self._wanted.labelled.items()
            if name == namespace
        }
        everything = LabelSelector.everything()
        if denied:
            base = found.setdefault(everything, Planned(everything, self._groups.of_namespace(namespace)))
            base.denies = denied
            base.subject = (namespace, everything)
        ordered = sorted(found.values(), key=lambda item: (len(item.selector.requirements), str(item.selector)))
        for at, item in enumerate(ordered):
            broader = [one for one in ordered[:at] if _is_part(one.selector, item.selector)]
            item.cells = self._without(item.cells, [cell for one in broader for cell in one.cells.items()])
        return [item for item in ordered if item.cells or item.denies]

    def _without(self, cells: Cells, others: list[Cell]) -> Cells:
        """Return what others do not let through."""
        left = {key: self._beside(*key, mask, others) for key, mask in cells.items()}
        return {key: mask for key, mask in left.items() if mask}

    # ---- what is left to a group's own policies -------------------------------------------------------------------

    def _reduced(self, cells: Cells) -> Cells:
        """Return cells without what a broader peer of the same cells covers."""
        left = dict(cells)
        broad = [key for key in cells if not isinstance(key[1], GroupPeer)]
        for key in cells:
            left[key] = self._beside(*key, left[key], ((other, left[other]) for other in broad if other != key))
        return {key: mask for key, mask in left.items() if mask}

    def _of_group(self, number: int) -> Cells:
        """Return what is wanted of one group."""
        found = self._by_group.get(number)
        if found is None:
            found = self._by_group[number] = self._reduced(self._wanted.groups.get(number, {}))
        return found

    def _beside(
        self,
        direction: Direction,
        symbol: PeerSymbol,
        mask: int,
        others: Iterable[Cell],
    ) -> int:
        """Return the ports of a cell that no other one, of the same peer or a broader one, lets through.

        If a range would fall apart for that it is left whole, which lets through the same and is shorter to say.
        """
        left = mask
        for (way, other), held in others:
            if way is direction and left & held and (other == symbol or self._covers(other, symbol)):
                left &= ~held
        return mask if left != mask and self._length(left) > self._length(mask) else left

    def _length(self, mask: int) -> int:
        return len(ports_of(self._wanted.ports.connections(mask)))

    def _covers(self, broad: PeerSymbol, narrow: PeerSymbol) -> bool:
        match broad, narrow:
            case Anybody(), _:
                return True
            case LabelledPeer(selector=selector), GroupPeer(number=number):
                return bool(self._meaning(selector) >> number & 1)
            case LabelledPeer(selector=outer), LabelledPeer(selector=inner):
                return _is_broader(outer, inner)
            case AddressPeer(addresses=outer), AddressPeer(addresses=inner):
                return inner <= outer
            case _:
                return False

    def _meaning(self, selector: SelectedPods) -> int:
        found = self._meant.get(selector)
        if found is None:
            found = self._meant[selector] = pods_of_peer(self._cluster, self._groups, selector)
        return found

    def _left(self, number: int, planned: Iterable[Planned]) -> Cells:
        """Return what a group needs beside what the policies by label let through."""
        held = [item for item in planned if item.groups >> number & 1]
        return self._without(self._of_group(number), [cell for item in held for cell in item.cells.items()])

    # ---- the choice ------------------------------------------------------------------------------------------------

    def _chosen(self, namespace: str, left: Mapping[int, Cells], known: Container[LabelSelector]) -> list[Planned]:
        """Return the cheapest policies that let through what is left; those with `known` selectors are there anyway."""
        offers = [offer for offer in self._offers(namespace, left) if offer[1]]
        wanted = []
        for number, cells in left.items():
            for key, mask in cells.items():
                for bit in indexes(mask):
                    wanted.append(
                        frozenset(
                            at
                            for at, (choice, common) in enumerate(offers)
                            if choice.groups >> number & 1 and common.get(key, 0) >> bit & 1
                        )
                    )
        costs = {
            at: (_POLICY if choice.selector not in known else 1) + _RULE * len(common) + choice.cost
            for at, (choice, common) in enumerate(offers)
        }
        cover = cheapest_cover(list(dict.fromkeys(wanted)), costs, timeout_ms=self._timeout_ms)
        self.smallest &= cover.smallest
        planned = [Planned(offers[at][0].selector, offers[at][0].groups, offers[at][1]) for at in cover.chosen]
        return _trimmed(planned, left)

    def _offers(self, namespace: str, left: Mapping[int, Cells]) -> list[tuple[Choice, Cells]]:
        """Return each selector that is considered, with what all the pods need that it selects."""
        choices = dict(self._groups.choices(namespace))
        for shared in self._shared(left):
            if shared not in choices and (joined := self._groups.joined(namespace, shared)) is not None:
                choices[shared] = joined
        concerned = sum(1 << number for number in left)
        ordered = sorted(choices.values(), key=lambda one: (one.cost, str(one.selector)))
        return [(choice, self._common(choice.groups)) for choice in ordered if choice.groups & concerned]

    def _shared(self, left: Mapping[int, Cells]) -> Iterator[int]:
        """Yield the sets of groups that have in common what some two of them have."""
        seen: set[frozenset[object]] = set()
        held = {number: frozenset(cells.items()) for number, cells in left.items()}
        for count, (one, other) in enumerate(combinations(sorted(held), 2)):
            if count > _MOST_PAIRS:
                self.smallest = False
                return
            common = held[one] & held[other]
            if common and common not in seen:
                seen.add(common)
                yield sum(1 << number for number, cells in held.items() if common <= cells)

    def _common(self, groups: int) -> Cells:
        found: Cells | None = None
        for number in indexes(groups):
            cells = self._of_group(number)
            if found is None:
                found = dict(cells)
            else:
                found = {key: mask & cells[key] for key, mask in found.items() if mask & cells.get(key, 0)}
            if not found:
                return {}
        return found or {}

    # ---- names and reasons -----------------------------------------------------------------------------------------

    def _name(self, item: Planned) -> str:
        if item.denies:
            return DEFAULT_DENY
        chosen = [self._groups.groups[number] for number in indexes(item.groups)]
        workloads = sorted(
            {workload.partition("/")[2].partition("[")[0] for one in chosen for workload in one.workloads}
        )
        if len(workloads) == 1:
            return f"allow-{workloads[0]}"
        values = [value for one in item.selector.requirements for value in one.values if value]
        return "allow-" + "-".join(values or ["pods"])

    def _served(self, item: Planned) -> tuple[int, ...]:
        subjects = [item.subject, *(GroupPeer(number) for number in indexes(item.groups))]
        return tuple(
            sorted(
                {
                    need
                    for subject in subjects
                    for (direction, symbol), mask in item.cells.items()
                    for held, need in self._wanted.serving.get((subject, direction, symbol), ())
                    if held & mask
                }
            )
        )


def _is_part(broad: LabelSelector, narrow: LabelSelector) -> bool:
    """Return whether the requirements of one selector are among those of another: whom the latter means the former does."""
    return set(broad.requirements) <= set(narrow.requirements)


def _is_broader(outer: SelectedPods, inner: SelectedPods) -> bool:
    """Return whether all that is written about some pods is written about others too, so that these are among them."""
    if outer.namespaces is not None and (inner.namespaces is None or not inner.namespaces <= outer.namespaces):
        return False
    return _is_part(outer.namespace_labels, inner.namespace_labels) and _is_part(outer.pods, inner.pods)


def _merged(planned: list[Planned], chosen: Iterable[Planned]) -> list[Planned]:
    """Return all policies, those about every pod of the namespace as one."""
    found = [*planned]
    for item in chosen:
        base = next((one for one in planned if one.selector == item.selector), None)
        if base is None:
            found.append(item)
            continue
        for key, mask in item.cells.items():
            base.cells[key] = base.cells.get(key, 0) | mask
    return found


def _trimmed(planned: list[Planned], left: Mapping[int, Cells]) -> list[Planned]:
    """Return the policies without what nobody needs of them because others let it through too."""
    for item in planned:
        kept: Cells = {}
        for key, mask in item.cells.items():
            needed = 0
            for number in indexes(item.groups):
                lacking = left.get(number, {}).get(key, 0)
                for other in planned:
                    if other is not item and other.groups >> number & 1:
                        lacking &= ~other.cells.get(key, 0)
                needed |= lacking
            if mask & needed:
                kept[key] = mask & needed
        item.cells = kept
    return [item for item in planned if item.cells]


class _Names:
    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def new(self, wanted: str) -> str:
        """Return a name that no policy of the namespace has."""
        plain = "".join(char if char.isalnum() or char in "-." else "-" for char in wanted.lower())
        name = plain = plain[:_LONGEST_NAME].strip("-.")
        number = 1
        while name in self._taken:
            number += 1
            name = f"{plain[: _LONGEST_NAME - 4]}-{number}"
        self._taken.add(name)
        return name


# ---- as NetworkPolicies ----------------------------------------------------------------------------------------------


class _Renderer:
    def __init__(self, groups: Groups, wanted: Wanted) -> None:
        self._groups = groups
        self._wanted = wanted

    def policy(self, namespace: str, name: str, item: Planned) -> NetworkPolicy:
        """Return a planned policy; it isolates in the directions in which it lets something through or denies."""
        used = {direction for direction, _ in item.cells} | set(item.denies)
        return NetworkPolicy(
            namespace=namespace,
            name=name,
            pod_selector=item.selector,
            types=tuple(direction for direction in Direction if direction in used),
            ingress=self._rules(namespace, item.cells, Direction.INGRESS),
            egress=self._rules(namespace, item.cells, Direction.EGRESS),
        )

    def _rules(self, namespace: str, cells: Cells, direction: Direction) -> tuple[PolicyRule, ...]:
        by_ports: dict[int, list[PeerSymbol]] = {}
        for (way, symbol), mask in cells.items():
            if way is direction:
                by_ports.setdefault(mask, []).append(symbol)
        rules = [
            PolicyRule(peers=self._peers(namespace, symbols), ports=ports_of(self._wanted.ports.connections(mask)))
            for mask, symbols in by_ports.items()
        ]
        return tuple(sorted(rules, key=lambda rule: (str(rule.ports), str(rule.peers))))

    def _peers(self, namespace: str, symbols: list[PeerSymbol]) -> tuple[Peer, ...]:
        """Return the peers of a rule, sorted; none iff everybody is meant."""
        if Anybody() in symbols:
            return ()
        pods: list[PodPeer] = []
        by_namespace: dict[str, int] = {}
        addresses = IPSet.none()
        for symbol in symbols:
            match symbol:
                case GroupPeer(number=number):
                    name = self._groups.groups[number].namespace
                    by_namespace[name] = by_namespace.get(name, 0) | 1 << number
                case LabelledPeer(selector=selector):
                    pods.append(_labelled_peer(namespace, selector))
                case AddressPeer(addresses=found):
                    addresses |= found
        for name, groups in by_namespace.items():
            space = None if name == namespace else LabelSelector.of({NAMESPACE_NAME_LABEL: name})
            pods += [
                PodPeer(pod_selector=selector, namespace_selector=space)
                for selector in self._groups.fewest(name, groups)
            ]
        pods.sort(key=lambda peer: (str(peer.namespace_selector or ""), str(peer.pod_selector or "")))
        return (*pods, *blocks_of(addresses))


def _labelled_peer(namespace: str, selector: SelectedPods) -> PodPeer:
    if selector.namespaces == frozenset({namespace}) and not selector.namespace_labels.requirements:
        return PodPeer(pod_selector=selector.pods)
    names = (
        [Requirement(NAMESPACE_NAME_LABEL, Operator.IN, tuple(sorted(selector.namespaces)))]
        if selector.namespaces is not None
        else []
    )
    space = LabelSelector.of(None, [*names, *selector.namespace_labels.requirements])
    return PodPeer(namespace_selector=space, pod_selector=selector.pods if selector.pods.requirements else None)
