"""Suggested policies for drawn clusters, judged by the oracle flow by flow: gaps close, needs stay, nothing else passes,
nothing opens, and nothing of the policies can go.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from functools import cache, cached_property
from itertools import product

import pytest

from netcheck.lint.finding import LintSettings
from netcheck.lint.run import lint
from netcheck.load.recorded_flows import RecordedFlow
from netcheck.model.cluster import Loaded
from netcheck.model.evidence import Evidence, Mention
from netcheck.model.flow import AddressEnd, Flow, NodeEnd, PodEnd, Tier, Verdict
from netcheck.model.intents import Demand
from netcheck.model.objects import (
    NAMESPACE_NAME_LABEL,
    ContainerPort,
    Namespace,
    Pod,
    Service,
    ServicePort,
    Workload,
    WorkloadId,
)
from netcheck.model.policy import Direction, IPBlockPeer
from netcheck.model.profile import Profile, Switch
from netcheck.queries.suggest import OWN_NAMESPACES, Scope, suggest
from netcheck.queries.suggest_needs import Sources, gather
from netcheck.queries.suggest_proof import with_policies
from netcheck.queries.suggest_results import NeedKind
from netcheck.queries.verify_any_pod import GENERATED_LABELS
from netcheck.semantics.decide import decide
from netcheck.values.addresses import IPSet
from netcheck.values.ports import PortSet, Protocol
from tests import strategies
from tests.queries.test_verify import drawn_intents, is_pair

SEEDS = [*range(45), 83, 209, 229, 257]
SYSTEM = "kube-system"
ELSEWHERE = "93.184.216.34"
TIMEOUT_MS = 20_000


# ---- what is drawn -----------------------------------------------------------------------------------------------------


def with_dns(cluster):
    """The cluster with the pods that answer for its DNS, or without: policies then name them by their labels."""
    workload = WorkloadId(SYSTEM, "Deployment", "coredns")
    pod = Pod(
        namespace=SYSTEM,
        name="coredns",
        workload=workload,
        labels={"k8s-app": "kube-dns"},
        template=True,
        replicas=2,
        ports=(ContainerPort(number=53, protocol="UDP", name="dns"), ContainerPort(number=53, name="dns-tcp")),
    )
    service = Service(
        namespace=SYSTEM,
        name="kube-dns",
        selector={"k8s-app": "kube-dns"},
        ports=tuple(ServicePort(port=53, target_port=53, protocol=name, name=name.lower()) for name in ("UDP", "TCP")),
    )
    labels = {NAMESPACE_NAME_LABEL: SYSTEM}
    return replace(
        cluster,
        namespaces={**cluster.namespaces, SYSTEM: Namespace(name=SYSTEM, labels=labels)},
        pods=(*cluster.pods, pod),
        workloads={**cluster.workloads, workload: Workload(id=workload, replicas=2, several=True)},
        services=(*cluster.services, service),
    )


def drawn_services(rng, cluster):
    for number in range(rng.randint(0, 2)):
        pod = rng.choice(cluster.pods)
        labels = dict(rng.sample(sorted(pod.labels.items()), min(1, len(pod.labels))))
        declared = [port.number for port in pod.ports] or [80]
        yield Service(
            namespace=pod.namespace,
            name=f"service-{number}",
            selector=labels or {"app": "a"},
            ports=(ServicePort(port=80, target_port=rng.choice(declared)),),
        )


def end_text(pod):
    return f"{pod.namespace}/{pod.workload.kind.lower()}/{pod.workload.name}"


def drawn_sources(rng, cluster):
    pods = [pod for pod in cluster.pods if pod.namespace != SYSTEM]
    mentions, flows = [], []
    for _ in range(rng.randint(0, 3)):
        pod, other = rng.choice(pods), rng.choice(pods)
        hosts = [ELSEWHERE, *(f"{item.name}.{item.namespace}" for item in cluster.services), *other.addresses]
        host = rng.choice(hosts)
        port = rng.choice((80, 443, 8080))
        mentions.append(Mention(owner=pod.workload, host=host, port=port, where="env PEER"))
        source, destination = end_text(pod), rng.choice((end_text(other), ELSEWHERE))
        flows.append(RecordedFlow(source=source, destination=destination, protocol=Protocol.TCP, port=port))
    intents = drawn_intents(rng, cluster, rng.choice((0, 0, 1, 2)))
    return Sources(intents=tuple(intents), flows=tuple(flows[:1]), evidence=Evidence(mentions=tuple(mentions)))


@cache
def story(seed):
    return Story(seed)


class Story:
    """A drawn cluster, what is suggested for it, and the verdicts of the oracle with and without that."""

    def __init__(self, seed):
        rng = random.Random(seed)
        cluster = strategies.of_seed(seed, size="tiny" if seed % 3 else "small", admin=seed % 5 == 0)
        cluster = replace(cluster, services=tuple(drawn_services(rng, cluster)))
        self.seed = seed
        self.cluster = with_dns(cluster) if seed % 4 else cluster
        self.sources = drawn_sources(rng, self.cluster)
        if seed % 6 == 0:
            self.sources = replace(self.sources, intents=())
        self.scope = Scope(
            directions=frozenset((rng.choice(list(Direction)),)) if seed % 7 == 0 else frozenset(Direction)
        )
        self.found = suggest(self.cluster, self.sources, self.scope, timeout_ms=TIMEOUT_MS)
        self.policies = [item.policy for item in self.found.policies]
        self.before = Oracle(self.cluster)
        self.after = Oracle(with_policies(self.cluster, self.policies))
        bounds = [item for item in self.sources.intents if item.demand is not Demand.ALLOW]
        self.needs = self.found.needs if bounds else tuple(gather(self.cluster, self.sources).needs)

    @cached_property
    def ends(self):
        found = [end for end in strategies.ends(self.cluster) if type(end) in (PodEnd, NodeEnd, AddressEnd)]
        pods = [end for end in found if isinstance(end, PodEnd)]
        nodes = [end for end in found if isinstance(end, NodeEnd)]
        outside = [end for end in found if isinstance(end, AddressEnd)]
        chosen = random.Random(self.seed).sample(outside, min(4, len(outside)))
        return [*pods, *nodes, *chosen, AddressEnd(ELSEWHERE)]

    @cached_property
    def ports(self):
        """Ports at which needs and policies begin and end, and one of which nobody speaks."""
        numbers = {79, 80, 443}
        for need in self.needs:
            for _, held in tuple(need.connections.items()):
                for low, high in held.ranges:
                    numbers |= {low, high}
        few = sorted(numbers)
        return [(protocol, number) for protocol in Protocol for number in few[:10]]

    @cached_property
    def pairs(self):
        return [pair for pair in product(self.ends, self.ends) if is_pair(self.cluster, *pair)]

    def isolated(self, pod, direction, policies=None):
        """Whether some NetworkPolicy selects a pod in a direction."""
        given = (*self.cluster.policies, *(self.policies if policies is None else policies))
        return any(
            policy.namespace == pod.namespace and direction in policy.types and policy.pod_selector.matches(pod.labels)
            for policy in given
        )

    def was_open(self, end, direction):
        """Whether an end is a pod that is newly isolated."""
        if not isinstance(end, PodEnd) or end.pod.host_network:
            return False
        return not self.isolated(end.pod, direction, ()) and self.isolated(end.pod, direction)

    def means(self, need_end, end, *, broadly):
        """Whether an end of a need means an end of a flow; `broadly`: as policies can at best tell ends apart."""
        if need_end.anybody:
            return broadly or need_end.selector is not None or not isinstance(end, PodEnd)
        if isinstance(end, PodEnd) and not end.pod.host_network:
            meant = [self.cluster.pods[position] for position in need_end.pods]
            if broadly:
                return any(
                    group_of(pod) == group_of(end.pod) for pod in meant if not pod.host_network
                ) or self.may_hold(need_end, end.pod.addresses)
            return any(pod is end.pod for pod in meant)
        addresses = (end.address,) if isinstance(end, AddressEnd) else address_of(end)
        if broadly and isinstance(end, PodEnd) and self.cluster.profile.host_net_peer is not Switch.NO:
            return any(self.cluster.pods[position].namespace == end.pod.namespace for position in need_end.pods)
        if broadly:
            return bool(need_end.addresses) and (not addresses or self.may_hold(need_end, addresses))
        return isinstance(end, AddressEnd) and self.may_hold(need_end, addresses)

    @staticmethod
    def may_hold(need_end, addresses):
        return any(need_end.addresses & IPSet.of_cidrs(one) for one in addresses)

    def needed(self, source, destination, port, *, broadly=False):
        """The needs that some flow belongs to."""
        return [
            need
            for need in self.needs_for(broadly)
            if any(held is port[0] and ports & PortSet.single(port[1]) for held, ports in need.connections.items())
            and self.means(need.source, source, broadly=broadly)
            and self.means(need.destination, destination, broadly=broadly)
        ]

    def needs_for(self, broadly):
        return self.needs if not broadly else (*self.needs, *self.found.needs)


def address_of(end):
    return end.pod.addresses if isinstance(end, PodEnd) else end.node.addresses


def group_of(pod):
    labels = {key: value for key, value in pod.labels.items() if key not in GENERATED_LABELS}
    return pod.namespace, tuple(sorted(labels.items()))


class Oracle:
    def __init__(self, cluster):
        self.cluster = cluster
        self.known = {}

    def __call__(self, source, destination, port):
        key = (id(source), id(destination), port)
        if key not in self.known:
            flow = Flow(source=source, destination=destination, protocol=port[0], port=port[1])
            self.known[key] = decide(self.cluster, flow).verdict
        return self.known[key]


# ---- what holds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_every_pod_in_scope_is_isolated_and_lint_finds_no_gap(seed):
    case = story(seed)
    loaded = Loaded(cluster=case.after.cluster)
    left = {
        finding.object.split(" ")[-1].split("/")[0]
        for finding in lint(loaded, LintSettings(select=("NC120",))).findings
        if case.scope.directions == frozenset(Direction)
    }
    assert left <= OWN_NAMESPACES, seed
    for pod in case.cluster.pods:
        gaps = {gap.direction for gap in case.found.gaps if gap.namespace == pod.namespace}
        for direction in gaps:
            assert pod.host_network or case.isolated(pod, direction), (seed, pod.name, direction)
        assert gaps <= case.scope.directions


@pytest.mark.parametrize("seed", SEEDS)
def test_needed_flows_that_passed_still_pass(seed):
    case = story(seed)
    for source, destination in case.pairs:
        for port in case.ports:
            if case.before(source, destination, port) is Verdict.ALLOWED and case.needed(source, destination, port):
                assert case.after(source, destination, port) is Verdict.ALLOWED, (seed, source, destination, port)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_passes_that_did_not_but_what_an_intent_asks_for(seed):
    case = story(seed)
    for source, destination in case.pairs:
        for port in case.ports:
            now = case.after(source, destination, port)
            if now is Verdict.ALLOWED and case.before(source, destination, port) is Verdict.DENIED:
                asked = case.needed(source, destination, port, broadly=True)
                assert any(need.kind is NeedKind.INTENTS for need in asked), (seed, source, destination, port)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_open_passes_only_where_it_is_needed(seed):
    case = story(seed)
    for source, destination in case.pairs:
        if source is destination:
            continue
        if case.was_open(source, Direction.EGRESS) or case.was_open(destination, Direction.INGRESS):
            for port in case.ports:
                if case.after(source, destination, port) is Verdict.ALLOWED:
                    needed = case.needed(source, destination, port, broadly=True)
                    assert needed or granted(case, source, destination, port), (seed, source, destination, port)


def granted(case, source, destination, port):
    """Whether an admin policy lets a flow through, whatever NetworkPolicies deny (ADM-3)."""
    flow = Flow(source=source, destination=destination, protocol=port[0], port=port[1])
    deciders = decide(case.after.cluster, flow).deciders
    return any(item.tier is Tier.ADMIN and item.action == "allow" for item in deciders)


def pieces(policies):
    """Every way to leave something out: a policy, a rule, a peer, a port; with what it was."""
    for at, policy in enumerate(policies):
        rest = [*policies[:at], *policies[at + 1 :]]
        yield "policy", policy.label, rest
        for field in ("ingress", "egress"):
            rules = getattr(policy, field)
            for number, rule in enumerate(rules):
                others = (*rules[:number], *rules[number + 1 :])
                yield "rule", f"{policy.label} {field}[{number}]", [*rest, replace(policy, **{field: others})]
                for part in ("peers", "ports"):
                    items = getattr(rule, part)
                    for index in range(len(items) if len(items) > 1 else 0):
                        fewer = replace(rule, **{part: (*items[:index], *items[index + 1 :])})
                        changed = (*rules[:number], fewer, *rules[number + 1 :])
                        text = f"{policy.label} {field}[{number}].{part}[{index}] {block_of(items[index])}"
                        yield part, text, [*rest, replace(policy, **{field: changed})]


def block_of(item):
    return f"ipBlock {item.cidr}" if isinstance(item, IPBlockPeer) else ""


def with_more_pods(case):
    """The cluster with a pod more in each namespace: policies that deny by default, and needs by label, are about it too."""
    labels = ({"zone": "new", "k8s-app": "kube-dns"}, dict.fromkeys(strategies.KEYS, "other"))
    more = [
        Pod(
            namespace=name,
            name=f"new-{at}",
            workload=WorkloadId(name, "Pod", f"new-{at}"),
            labels=held,
            addresses=(f"10.0.0.{77 + at}", f"fd00::{77 + at}"),
        )
        for at, (name, held) in enumerate(product(sorted(case.cluster.namespaces), labels))
    ]
    workloads = {pod.workload: Workload(id=pod.workload) for pod in more}
    return replace(case.cluster, pods=(*case.cluster.pods, *more), workloads={**case.cluster.workloads, **workloads}), [
        PodEnd(pod) for pod in more
    ]


def is_missed(case, policies):
    """Whether something is amiss with these policies only: a flow that differs, or a pod that is open."""
    cluster, more = with_more_pods(case)
    for pod in cluster.pods:
        for direction in Direction:
            if not pod.host_network and case.isolated(pod, direction) and not case.isolated(pod, direction, policies):
                return True
    given, left = Oracle(with_policies(cluster, case.policies)), Oracle(with_policies(cluster, policies))
    for source, destination in case.pairs:
        if any(case.after(source, destination, port) is not left(source, destination, port) for port in case.ports):
            return True
    return any(
        given(*pair, port) is not left(*pair, port)
        for end in case.ends
        for new in more
        for pair in ((end, new), (new, end))
        for port in case.ports
    )


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed % 3 and seed % 4])
def test_nothing_of_the_policies_can_go(seed):
    case = story(seed)
    for kind, what, policies in pieces(case.policies):
        if kind == "peers" and "ipBlock" in what:
            continue  # pods of one family do not need the node's address of the other
        assert is_missed(case, policies), (seed, what)


@pytest.mark.parametrize("seed", range(10))
def test_the_same_question_has_the_same_answer(seed):
    case = story(seed)
    again = suggest(case.cluster, case.sources, case.scope, timeout_ms=TIMEOUT_MS)
    held = [(item.claim, item.holds, item.by, item.binding) for item in again.checks]
    assert held == [(item.claim, item.holds, item.by, item.binding) for item in case.found.checks]
    assert replace(again, checks=()) == replace(case.found, checks=())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_proof_is_complete_where_everything_is_known(seed):
    case = story(seed)
    if not case.cluster.admin and not case.cluster.opaque and case.cluster.profile == Profile():
        assert [
            item for item in case.found.checks if item.binding and not item.holds and "intent" not in item.claim
        ] == []


def test_drawn_stories_have_needs_of_most_kinds_and_policies_of_their_own():
    kinds, names = Counter(), Counter()
    for seed in SEEDS:
        kinds.update(need.kind for need in story(seed).found.needs)
        names.update(bool(item.denies) for item in story(seed).found.policies)
    assert {
        NeedKind.INTENTS,
        NeedKind.FLOWS,
        NeedKind.POLICIES,
        NeedKind.NAMES,
        NeedKind.SERVICES,
        NeedKind.DNS,
    } <= set(kinds)
    assert names[True] > 30
    assert names[False] > 30
