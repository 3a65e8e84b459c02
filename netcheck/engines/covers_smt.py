"""The cheapest cover as a question to Z3's `Optimize`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import z3


def optimum(wanted: Sequence[frozenset[int]], costs: Mapping[int, int], timeout_ms: int) -> set[int] | None:
    """Return a cheapest set of candidates that meets each of `wanted`; None if that is not found out in time."""
    solver = z3.Optimize()
    solver.set("timeout", timeout_ms)
    candidates = sorted(set().union(*wanted))
    chosen = {candidate: z3.Bool(f"c{candidate}") for candidate in candidates}
    for item in wanted:
        solver.add(z3.Or([chosen[candidate] for candidate in sorted(item)]))
    for candidate in candidates:
        solver.add_soft(z3.Not(chosen[candidate]), costs[candidate])
    if solver.check() != z3.sat:
        return None
    model = solver.model()
    return {candidate for candidate in candidates if z3.is_true(model.eval(chosen[candidate], model_completion=True))}
