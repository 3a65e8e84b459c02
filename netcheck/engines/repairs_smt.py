"""The cheapest choices of edits by Z3's optimizer: fewest edits first, then the least that they change besides."""

from __future__ import annotations

import time
from collections.abc import Iterator

import z3

from netcheck.engines.repairs import Choice, Way
from netcheck.errors import SolverLimit


def cheapest(choice: Choice, timeout_ms: int) -> Iterator[frozenset[int]]:
    """Yield the sets of edits that meet a choice and of which no part was yielded before, cheapest first.

    A set is cheaper iff it holds fewer edits, or as many with smaller costs; each is as small as sets that hold none of
    those before can be.

    Raises:
        SolverLimit: the solver did not finish within `timeout_ms` in all.
    """
    end = time.monotonic() + timeout_ms / 1000
    context = z3.Context()
    solver = z3.Optimize(ctx=context)
    edits = [z3.Bool(f"edit_{number}", context) for number in range(len(choice.costs))]
    for ways in dict.fromkeys(choice.demands):
        solver.add(z3.Or([_met(way, edits, context) for way in ways] + [z3.BoolVal(False, context)]))
    for group in choice.exclusive:
        solver.add(z3.AtMost(*(edits[number] for number in group), 1))
    for number, edit in enumerate(edits):
        solver.add_soft(z3.Not(edit), weight=1, id="edits")
        solver.add_soft(z3.Not(edit), weight=choice.costs[number], id="costs")
        solver.add_soft(z3.Not(edit), weight=number + 1, id="order")
    while True:
        left = round((end - time.monotonic()) * 1000)
        if left <= 0:
            raise SolverLimit("the choice of edits was not found in time")
        solver.set("timeout", left)
        result = solver.check()
        if result == z3.unknown:
            raise SolverLimit(f"the solver gave up: {solver.reason_unknown()}")
        if result == z3.unsat:
            return
        model = solver.model()
        chosen = frozenset(n for n, edit in enumerate(edits) if z3.is_true(model.eval(edit, model_completion=True)))
        yield chosen
        solver.add(z3.Or([z3.Not(edits[number]) for number in sorted(chosen)] + [z3.BoolVal(False, context)]))


def _met(way: Way, edits: list[z3.BoolRef], context: z3.Context) -> z3.BoolRef:
    parts = [z3.Or([edits[number] for number in need] + [z3.BoolVal(False, context)]) for need in way.needs]
    parts += [z3.Not(edits[number]) for number in way.without]
    return z3.And([*parts, z3.BoolVal(True, context)])
