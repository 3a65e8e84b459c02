"""A note whose last day has passed.

What it finds: `# netcheck: ignore[...]` comments and `netcheck/ignore` annotations with `until` and a day that is over.
Why it matters: the exception was meant to end. Its findings are reported again, and the note only misleads.
When to ignore it: never; give the note a later day, or delete it.
Fix: the comment is deleted; an entry of an annotation is left to you.
How it is decided: by the note's day and today's date, both without time zones; on its last day a note still counts.
Source: STYLE 5 (suppressions may expire).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.fix import without_note
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.suppress import Ignore

BAD = """
# today: 2026-06-01
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress:
  - {}  # netcheck: ignore[NC104] because it is kept for May until 2026-05-31  # finds: NC902
"""

GOOD = """
# today: 2026-06-01
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]  # netcheck: ignore[NC104] because it is kept for June until 2026-06-30
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield nothing: notes are read once for all rules; `of_notes` says which have expired."""
    del snapshot
    return iter(())


def of_notes(expired: Iterable[Ignore]) -> Iterator[Finding]:
    """Yield one finding for each note whose last day has passed."""
    for ignore in expired:
        last = ignore.until.isoformat() if ignore.until is not None else ""
        yield RULE.finding(
            f"the note that ignores {', '.join(sorted(ignore.rules))} was good until {last}",
            about=ignore.note.object,
            place=ignore.note.place,
            fix=without_note(ignore.note),
            hint="give it a later day and a reason that still holds, or delete it",
        )


RULE = Rule(
    code="NC902",
    name="expired-note",
    severity="warning",
    basis="syntactic",
    summary="A note whose last day has passed",
    page=__doc__ or "",
    since="0.2.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
    looks_at=lambda snapshot: bool(snapshot.loaded.ignores),
)
