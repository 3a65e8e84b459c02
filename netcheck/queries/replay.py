"""No witness leaves unreplayed: every flow that an answer shows is first put to the oracle."""

from __future__ import annotations

from netcheck.errors import WitnessMismatch
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decision, Flow, Verdict
from netcheck.semantics.decide import OracleLimit, decide


def replayed(cluster: Cluster, flow: Flow, expected: Verdict) -> Decision:
    """Return the oracle's decision about `flow`, which is the expected one.

    Where the oracle would have to try too many completions the decision has no deciders.

    Raises:
        WitnessMismatch: the oracle decides otherwise.

    """
    try:
        decision = decide(cluster, flow)
    except OracleLimit:
        return Decision(verdict=expected)
    if decision.verdict is not expected:
        raise WitnessMismatch(
            f"an engine says {expected.value}, the oracle {decision.verdict.value}: {flow.source} -> {flow.destination} "
            f"on {flow.protocol.value}/{flow.port}"
        )
    return decision
