"""Suggested policies as YAML to apply: what each closes and serves, and what is proved, in comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.errors import Place
from netcheck.queries.suggest_results import Check, Need, Suggestion, Suggestions
from netcheck.report.layout import count, prose
from netcheck.report.policy_yaml import policy_yaml
from netcheck.report.query_text import flow_text

_WIDTH = 118
_MOST_NAMES = 5


def suggestions_yaml(found: Suggestions) -> Iterator[str]:
    """Yield the documents; without policies only comments, which are no document."""
    yield _comment(_head(found))
    start = "---\n"
    for item in found.policies:
        yield start + policy_yaml(item.policy, _wrapped(_why(item, found.needs)))
    tail = [
        *unknown_lines(found),
        *dropped_lines(found),
        *(f"note: {note}" for note in found.notes),
        *map(check_text, found.checks),
    ]
    if tail:
        yield ("#\n" if found.policies else "") + _comment(tail)


def _comment(lines: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for line in _wrapped(lines))


def _wrapped(lines: Iterable[str]) -> list[str]:
    return [part for line in lines for part in prose(line, indent=4, width=_WIDTH)]


def _head(found: Suggestions) -> Iterator[str]:
    if not found.gaps and not found.policies:
        yield nothing(found)
        return
    yield summary(found)
    if not found.smallest:
        yield "not proved to be the fewest: the solver did not finish in time (--solver-timeout)"


def nothing(found: Suggestions) -> str:
    """Return why nothing is suggested, in a line."""
    if not found.enforced:
        return "no policies are suggested: nothing enforces them in this cluster (--cni)"
    if found.unknown:
        return "no policies are suggested: what no NetworkPolicy isolates, one of unknown effect may"
    return "no policies are suggested: policies isolate every pod, in the directions and namespaces that were asked for"


def unknown_lines(found: Suggestions) -> Iterator[str]:
    """Yield what may be open, and what would have to be known."""
    for gap in found.unknown:
        names = ", ".join(gap.workloads[:_MOST_NAMES])
        more = f" and {len(gap.workloads) - _MOST_NAMES:,} more" if len(gap.workloads) > _MOST_NAMES else ""
        why = "; ".join(f"{reason.message} ({reason.rule})" for reason in gap.reasons)
        yield f"not known: whether {gap.direction.value.lower()} of {names}{more} is open: {why}"


def summary(found: Suggestions) -> str:
    """Return what the policies do, in a line."""
    policies = "1 policy closes" if len(found.policies) == 1 else f"{len(found.policies):,} policies close"
    fewest = "; no fewer do" if found.smallest else ""
    keeps = "keeps" if len(found.policies) == 1 else "keep"
    gaps = "the gap" if len(found.gaps) == 1 else f"{len(found.gaps):,} gaps"
    return f"{policies} {gaps} and {keeps} {count(len(found.needs), 'needed connection')}{fewest}"


def _why(item: Suggestion, needs: tuple[Need, ...]) -> Iterator[str]:
    if item.denies:
        ways = " and ".join(direction.value.lower() for direction in item.denies)
        yield f"closes: {ways} of all pods of namespace {item.policy.namespace}, but for what policies let through"
    for number in item.serves:
        yield f"needed: {need_text(needs[number])}"


def need_text(need: Need) -> str:
    """Return a need with what tells of it."""
    return f"{need.text} ({need.why}{_at(need.place)})"


def _at(place: Place | None) -> str:
    return f", {place}" if place is not None else ""


def dropped_lines(found: Suggestions) -> Iterator[str]:
    """Yield what was not taken for a need, or could not be served."""
    for item in found.dropped:
        yield f"not kept: {item.text}: {item.reason}{_at(item.place)}"


def check_text(check: Check) -> str:
    """Return what became of a check."""
    if check.holds is None:
        return f"not known: {check.claim} [{check.by}]" + "".join(f"; {reason.message}" for reason in check.reasons)
    if check.holds:
        return f"proved: {check.claim} [{check.by}]"
    head = f"note: {check.otherwise}" if check.otherwise else f"NOT SO: {check.claim}"
    return f"{head} [{check.by}]" + (f"; witness: {flow_text(check.witness)}" if check.witness is not None else "")
