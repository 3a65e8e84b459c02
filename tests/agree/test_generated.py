"""Generated clusters with everything at once: oracle = sets at all boundary values, sets = Z3 proved.

`NETCHECK_AGREE=N` multiplies the number of clusters (nightly runs); seeds are printed in a failure and reproduce it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from netcheck.engines.sets import SetEngine
from netcheck.engines.smt import AnyPod, Existing, Reached, SmtEngine, Undecided, Unreached
from netcheck.load.loader import load_text
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Flow, PodEnd, Verdict
from netcheck.model.objects import Pod, WorkloadId
from netcheck.semantics.decide import decide
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PROTOCOLS, PortSet, Protocol
from tests import strategies
from tests.agree.compare import oracle_against_sets, sets_against_z3

TIMES = int(os.environ.get("NETCHECK_AGREE", "1"))
CHUNK = 25
TINY = range(0, 700 * TIMES, CHUNK)
SMALL = range(10_000, 10_000 + 350 * TIMES, CHUNK)
SAMPLED = range(40_000, 40_000 + 250 * TIMES, CHUNK)
PROVED = range(20_000, 20_000 + 1_000 * TIMES, 2 * CHUNK)


@pytest.mark.parametrize("first", TINY)
def test_oracle_and_sets_agree_on_every_boundary_of_tiny_clusters(first: int) -> None:
    for seed in range(first, first + CHUNK):
        cluster = _drawn(seed, "tiny")
        _agree(cluster, strategies.all_flows(cluster), seed)


@pytest.mark.parametrize("first", SMALL)
def test_oracle_and_sets_agree_on_every_boundary_of_small_clusters(first: int) -> None:
    for seed in range(first, first + CHUNK):
        cluster = strategies.of_seed(seed)
        _agree(cluster, strategies.all_flows(cluster), seed)


@pytest.mark.parametrize("first", SAMPLED)
def test_oracle_and_sets_agree_on_sampled_flows_through_all_tiers(first: int) -> None:
    for seed in range(first, first + CHUNK):
        cluster = strategies.of_seed(seed, admin=True)
        _agree(cluster, strategies.sample_flows(random.Random(seed), cluster, 300), seed)


def _drawn(seed: int, size: str = "small") -> Cluster:
    """Every other cluster mixes in the admin tiers."""
    return strategies.of_seed(seed, size=size, admin=bool(seed % 2))


def _agree(cluster: Cluster, flows: Iterable[Flow], seed: int) -> None:
    _, difference = oracle_against_sets(cluster, flows)
    assert difference is None, f"seed {seed}: {difference}"


@pytest.mark.parametrize("first", PROVED)
def test_z3_proves_the_sets_right(first: int) -> None:
    for seed in range(first, first + 2 * CHUNK):
        difference = sets_against_z3(_drawn(seed))
        assert difference is None, f"seed {seed}: {difference}"


# ---- ends that are not known ---------------------------------------------------------------------------------------

TRIED = 40


def _random_pod(rng: random.Random, cluster: Cluster, number: int) -> Pod:
    namespaces = sorted(cluster.namespaces)
    name = f"tried-{number}"
    namespace = rng.choice(namespaces)
    return Pod(
        namespace=namespace,
        name=name,
        workload=WorkloadId(namespace, "Pod", name),
        labels=dict(strategies.labels(rng)),
    )


@pytest.mark.parametrize("first", range(30_000, 30_000 + 300 * TIMES, CHUNK))
def test_no_pod_that_is_tried_reaches_what_z3_says_none_can(first: int) -> None:
    answers = {Reached: 0, Unreached: 0, Undecided: 0}
    for seed in range(first, first + CHUNK):
        rng = random.Random(seed)
        cluster = _drawn(seed)
        if not cluster.pods:
            continue
        target = rng.randrange(len(cluster.pods))
        protocol, port = rng.choice(list(Protocol)), rng.choice(strategies.boundary_numbers(cluster))
        sets = SetEngine(cluster)
        ends = (AnyPod(), Existing(elements=1 << sets.universe.class_of[target]))
        asked = ConnectionSet.of({protocol: PortSet.single(port)})
        answer = SmtEngine(cluster, sets.universe, ends=ends).reach(*ends, asked)
        answers[type(answer)] += 1
        verdicts = _tried(rng, cluster, target, protocol, port)
        if isinstance(answer, Unreached):
            assert verdicts <= {Verdict.DENIED}, f"seed {seed}"
        elif isinstance(answer, Undecided):
            assert not answer.limit
            assert Verdict.ALLOWED not in verdicts, f"seed {seed}"
    assert answers[Reached]


def _tried(rng: random.Random, cluster: Cluster, target: int, protocol: Protocol, port: int) -> set[Verdict]:
    found = set()
    for number in range(TRIED):
        pod = _random_pod(rng, cluster, number)
        bigger = replace(cluster, pods=(*cluster.pods, pod))
        flow = Flow(source=PodEnd(pod), destination=PodEnd(cluster.pods[target]), protocol=protocol, port=port)
        found.add(decide(bigger, flow).verdict)
    return found


def test_a_name_of_another_protocol_is_no_part_of_a_witness():
    """Beside the flow's own protocol a name may stand for any number: it must not be declared for the flow's port."""
    cluster = load_text(
        """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress: [{ports: [{port: dns, protocol: TCP}, {port: dns, protocol: UDP}]}]
"""
    ).cluster
    engine = SmtEngine(cluster, ends=(AnyPod(), AnyPod()))
    names = {port.protocol: f"m_{number}" for number, port in enumerate(engine.encoding.named_ports)}
    ends = engine._end("s", AnyPod()), engine._end("d", AnyPod())
    udp = f"(= proto (_ bv{PROTOCOLS.index(Protocol.UDP)} 2))"
    for own, named in ((names[Protocol.UDP], ("dns",)), (f"(not {names[Protocol.UDP]})", ())):
        model = engine._model(*ends, udp, own, names[Protocol.TCP])
        assert engine._decode(model).named == named
