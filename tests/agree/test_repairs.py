"""Repairs of drawn intents on drawn clusters, judged by the oracle flow by flow: each holds, none of its edits can go,
and what it is said to change besides is all that changes besides.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from itertools import combinations, product

import pytest

from netcheck.engines.repairs import Choice, Way
from netcheck.engines.repairs_smt import cheapest
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.intents import Demand, Intent, IntentPort, IntentScope, NamedEnd
from netcheck.queries.repair import with_repairs
from netcheck.queries.repair_edits import applied
from netcheck.queries.verify import verify
from netcheck.queries.verify_results import Outcome
from netcheck.semantics.decide import decide
from netcheck.values.ports import Protocol
from tests import strategies
from tests.queries.test_verify import (
    ANYBODY,
    Brute,
    an_end,
    drawn_intents,
    families,
    is_pair,
    new_pods,
    outcome_of_all_completions,
    selects,
)

PORTS = (79, 80, 81, 443)
SEEDS = [*range(40), 545]  # the last: what passed perhaps, and passes for sure after a repair, is opened too
TIMEOUT_MS = 20_000


@cache
def repaired(seed):
    """Return a cluster, and the results of intents about it with their repairs."""
    cluster = strategies.of_seed(seed, size="tiny" if seed % 3 else "small", admin=seed % 4 == 0)
    intents = drawn_intents(random.Random(seed), cluster, 2)
    found = verify(cluster, intents, coverage=False)
    return cluster, with_repairs(cluster, found, timeout_ms=TIMEOUT_MS).results


def holds(cluster, intent):
    outcome = Brute(cluster, PORTS).outcome(intent)
    if outcome is Outcome.UNKNOWN and sum(not one.labels_known for one in cluster.namespaces.values()) == 1:
        outcome = outcome_of_all_completions(cluster, intent)
    return outcome is Outcome.HOLDS


def edits_of(repair):
    return [item.edit for item in repair.edits]


@pytest.mark.parametrize("seed", SEEDS)
def test_each_repair_holds_and_is_minimal_for_the_oracle(seed):
    cluster, results = repaired(seed)
    for result in results:
        for repair in result.repairs.repairs if result.repairs is not None else ():
            edits = edits_of(repair)
            assert holds(applied(cluster, edits), result.intent), (seed, result.intent)
            for left_out in edits:
                rest = [edit for edit in edits if edit is not left_out]
                assert not holds(applied(cluster, rest), result.intent), (seed, result.intent, left_out)


@pytest.mark.parametrize("seed", SEEDS)
def test_repairs_break_no_intent_that_held_but_those_that_they_name(seed):
    cluster, results = repaired(seed)
    held = [result.intent for result in results if result.outcome is Outcome.HOLDS]
    for result in results:
        for repair in result.repairs.repairs if result.repairs is not None else ():
            after = applied(cluster, edits_of(repair))
            for intent in held:
                broken = verify(after, [intent], coverage=False).results[0].outcome is not Outcome.HOLDS
                assert broken == (intent.name in repair.breaks)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_changes_besides_is_said_and_nothing_else_changes(seed):
    cluster, results = repaired(seed)
    before = Brute(cluster, PORTS)
    for result in results:
        for repair in result.repairs.repairs[:1] if result.repairs is not None else ():
            closed, opened = changes(before, applied(cluster, edits_of(repair)), result.intent)
            assert closed <= bool(repair.closed), (seed, result.intent, repair.edits)
            assert opened <= bool(repair.opened), (seed, result.intent, repair.edits)


def changes(before, cluster, intent):
    """Whether some flow that the intent does not speak of passes no longer, and whether one passes that did not."""
    after = Brute(cluster, PORTS)
    spoken = spoken_of(before, intent)
    closed = opened = False
    for source, destination in product(before.ends, before.ends):
        if is_pair(before.cluster, source, destination):
            for port in before.all_ports:
                old, new = before.verdict(source, destination, port), after.verdict(source, destination, port)
                if old is not new and not spoken(source, destination, port):
                    closed |= old is Verdict.ALLOWED
                    opened |= new is Verdict.ALLOWED or old is Verdict.DENIED
    return closed, opened


def spoken_of(brute, intent):
    """The test whether an intent demands something of a flow."""
    sources, destinations = brute.sides(intent.sources), brute.sides(intent.destinations)
    asked = brute.ports(intent)

    def spoken(source, destination, port):
        if intent.demand is Demand.ALLOW:
            return source in sources[1] and destination in destinations[1] and port in asked
        return brute.forbidden(intent, source, destination, port, (sources, destinations), certainly=False)

    return spoken


def test_most_violated_intents_of_drawn_clusters_have_repairs_of_every_kind():
    """Drawn clusters are hostile: where none is found, the host network, an admin policy or a missing fact stands in the way."""
    violated, mended, actions = Counter(), Counter(), set()
    for seed in range(30):
        for result in repaired(seed)[1]:
            if result.outcome is Outcome.VIOLATED:
                violated[result.intent.demand] += 1
                mended[result.intent.demand] += bool(result.repairs.repairs)
                actions |= {edit.action for repair in result.repairs.repairs for edit in repair.edits}
                assert result.repairs.repairs or result.repairs.message
    assert all(2 * mended[demand] > violated[demand] for demand in Demand)
    assert {"remove-rule", "narrow-ports", "replace-rule", "add-rule", "add-policy"} <= actions


@pytest.mark.parametrize("seed", range(12))
def test_repairs_for_any_pod_hold_for_pods_that_are_created(seed):
    cluster = strategies.of_seed(seed, size="tiny")
    rng = random.Random(seed)
    target = rng.choice(cluster.pods)
    to = NamedEnd(text=f"{target.namespace}/{target.workload.kind.lower()}/{target.workload.name}")
    ports = (IntentPort(port="80", protocol="TCP"),)
    chosen = [end for end in (an_end(rng, cluster) for _ in range(3)) if end is not ANYBODY]
    intents = [
        Intent(name=f"{demand.value}-{number}", demand=demand, sources=(end,), destinations=(to,), ports=ports,
               scope=IntentScope.ANY_POD, allow_empty=True)
        for number, end in enumerate(chosen) for demand in (Demand.DENY, Demand.ALLOW)
    ]  # fmt: skip
    position = [pod.workload for pod in cluster.pods].index(target.workload)
    found = with_repairs(cluster, verify(cluster, intents, coverage=False), timeout_ms=TIMEOUT_MS)
    for result in found.results:
        for repair in result.repairs.repairs if result.repairs is not None else ():
            wanted = Verdict.ALLOWED if result.intent.demand is Demand.ALLOW else Verdict.DENIED
            for bigger, pod in new_pods(rng, applied(cluster, edits_of(repair)), 6):
                flow = Flow(
                    source=PodEnd(pod), destination=PodEnd(bigger.pods[position]), protocol=Protocol.TCP, port=80
                )
                share = families(bigger, flow.source) & families(bigger, flow.destination)
                if share and selects(bigger, result.intent.sources[0], pod):
                    assert decide(bigger, flow).verdict is wanted, (seed, result.intent, repair.edits, pod)


# ---- the choice ----------------------------------------------------------------------------------------------------


def drawn_choice(rng):
    edits = range(5)

    def way():
        needs = tuple(tuple(sorted(rng.sample(edits, rng.randint(1, 2)))) for _ in range(rng.randint(0, 2)))
        return Way(needs, tuple(rng.sample(edits, rng.randint(0, 1))))

    demands = tuple(tuple(way() for _ in range(rng.randint(1, 2))) for _ in range(rng.randint(1, 4)))
    return Choice(
        costs=tuple(rng.randint(1, 4) for _ in edits),
        demands=demands,
        exclusive=(tuple(rng.sample(edits, 2)),) if rng.random() < 0.5 else (),
    )


@pytest.mark.parametrize("seed", range(60))
def test_the_optimizer_chooses_what_trying_all_sets_would(seed):
    choice = drawn_choice(random.Random(seed))
    every = [frozenset(some) for size in range(6) for some in combinations(range(5), size)]
    left = [some for some in every if choice.is_met(some)]
    for chosen in cheapest(choice, TIMEOUT_MS):
        best = min((len(some), sum(choice.costs[edit] for edit in some)) for some in left)
        assert chosen in left
        assert (len(chosen), sum(choice.costs[edit] for edit in chosen)) == best
        left = [some for some in left if not chosen <= some]
    assert not left
