"""Pods that do not exist yet: which of them reach a workload, and what such a pod would need (NP-8, NP-11)."""

from __future__ import annotations

from dataclasses import replace

from netcheck.model.flow import PodEnd, Reason, Verdict
from netcheck.model.policy import Direction
from netcheck.queries.ends import PodsThatCouldExist
from netcheck.queries.exposure_results import UNKNOWN_PODS, Clients, Opening
from netcheck.queries.exposure_scene import ExposureScene, Here
from netcheck.queries.free import FreeQuestion, answer_free
from netcheck.queries.hypothetical_pods import HypotheticalPod, Needs
from netcheck.queries.incoming import Block
from netcheck.queries.isolation_proof import is_closed_to_new_pods
from netcheck.queries.results import PairResult
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector

MOST_WAYS = 4
"""So many different kinds of pods are shown for a workload, the weakest first."""
MOST_QUESTIONS = 100
"""So many workloads are put to the solver; each can cost a second."""
ANY_POD = PodsThatCouldExist(text="any-pod", namespaces=None, pods=LabelSelector(), namespace_labels=LabelSelector())


class NewPods:
    """Answers for one workload at a time; those that no policy tells apart share the solver's answer."""

    def __init__(self, scene: ExposureScene, timeout_ms: int) -> None:
        self._scene = scene
        self._timeout_ms = timeout_ms
        order = {id(item): number for number, item in enumerate(scene.hypothetical_pods)}
        self._rank = {element: order[id(item)] for element, item in scene.hypothetical_of.items()}
        self._weakest: dict[int, int] = {}
        self._answers: dict[int, PairResult | None] = {}

    def of(self, here: Here) -> list[Opening]:
        """Return what kinds of new pods reach a workload, the weakest first, or that none does, or that it is not known."""
        blocks = sorted(self._scene.incoming.blocks(here.element, self._scene.new_pods), key=self._place)
        found: list[Opening] = []
        seen = 0
        for block in blocks:
            if block.must & ~seen and len(found) < MOST_WAYS:
                seen |= block.must
                found.append(self._opening(here, block, self._hypothetical(block)))
        return found or [self._none_of_them(here, blocks)]

    def _place(self, block: Block) -> int:
        return self._rank[self._element(block)]

    def _element(self, block: Block) -> int:
        """Return the weakest hypothetical pod of a block."""
        found = self._weakest.get(block.sources)
        if found is None:
            members = (element for element in self._rank if block.sources >> element & 1)
            found = self._weakest[block.sources] = min(members, key=self._rank.__getitem__)
        return found

    def _hypothetical(self, block: Block) -> HypotheticalPod:
        return self._scene.hypothetical_of[self._element(block)]

    def _opening(self, here: Here, block: Block, hypothetical: HypotheticalPod) -> Opening:
        connections = self._scene.connections(block.must)
        pod = self._scene.cluster.pods[here.pods[0]]
        _, deciders = self._scene.confirmed(PodEnd(hypothetical.pod), PodEnd(pod), connections, Verdict.ALLOWED)
        return Opening(
            door=UNKNOWN_PODS,
            verdict=Verdict.ALLOWED,
            connections=connections,
            clients=Clients(needs=hypothetical.needs),
            decided_by=deciders,
        )

    # ---- where no hypothetical pod gets in -------------------------------------------------------------------------

    def _none_of_them(self, here: Here, blocks: list[Block]) -> Opening:
        if not blocks and self._is_closed(here):
            pod = self._scene.cluster.pods[here.pods[0]]
            hypothetical = PodEnd(self._scene.hypothetical_pods[0].pod)
            _, deciders = self._scene.confirmed(hypothetical, PodEnd(pod), ConnectionSet.none(), Verdict.DENIED)
            closed = Opening(door=UNKNOWN_PODS, verdict=Verdict.DENIED, connections=ConnectionSet.none())
            return replace(closed, clients=Clients(needs=Needs()), decided_by=deciders)
        if here.element not in self._answers:
            asked = sum(answer is not None for answer in self._answers.values())
            self._answers[here.element] = self._solved(here) if asked < MOST_QUESTIONS else None
        answer = self._answers[here.element]
        return _not_examined(here) if answer is None else self._of_answer(answer)

    def _is_closed(self, here: Here) -> bool:
        """Return whether NetworkPolicies let nobody in, having no rules (NP-3, NP-4), or nobody who can get out."""
        scene = self._scene
        if scene.cluster.admin or scene.cluster.opaque or here.endpoint.host_network:
            return False
        table = scene.engine.table(here.element, Direction.INGRESS)
        if not table.restricted:
            return False
        pod = scene.cluster.pods[here.pods[0]]
        return not any(stage.rules for stage in table.stages) or is_closed_to_new_pods(scene.given, scene.policies, pod)

    def _solved(self, here: Here) -> PairResult:
        """Ask about the policies of the pod's own namespace first; those of others can only forbid what these allow."""
        cluster = self._scene.given
        if not cluster.admin:
            own = tuple(item for item in cluster.policies if item.namespace == here.endpoint.namespace)
            found = answer_free(replace(cluster, policies=own), self._question(here))
            if found.verdict is Verdict.DENIED:
                return found
        return answer_free(cluster, self._question(here))

    def _question(self, here: Here) -> FreeQuestion:
        return FreeQuestion(
            source=ANY_POD,
            destination=None,
            source_pod=None,
            destination_pod=here.pods[0],
            source_text=ANY_POD.text,
            destination_text=here.endpoint.id,
            asked=ConnectionSet.all(),
            timeout_ms=self._timeout_ms,
        )

    @staticmethod
    def _of_answer(answer: PairResult) -> Opening:
        shown, note = answer.witness, ""
        if shown is not None and shown.protocol is not None:
            note = f"for one: {shown.source} ({shown.source_labels}) on {shown.protocol.value}/{shown.port}"
        return Opening(
            door=UNKNOWN_PODS,
            verdict=answer.verdict,
            connections=ConnectionSet.none(),
            note=note,
            reasons=answer.reasons,
            decided_by=answer.decided_by,
        )


def _not_examined(here: Here) -> Opening:
    message = f"too many workloads need the solver; ask `netcheck query --from any-pod --to {here.endpoint.id}`"
    return Opening(
        door=UNKNOWN_PODS,
        verdict=Verdict.UNKNOWN,
        connections=ConnectionSet.none(),
        reasons=(Reason(rule="LIMIT", message=message),),
    )
