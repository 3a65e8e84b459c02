"""A note that should ignore findings and cannot be used.

What it finds: `# netcheck: ignore[...]` comments and `netcheck/ignore` annotations that name no rule or one that does not
exist, that give no reason, or whose date cannot be read.
Why it matters: such a note ignores nothing, while its author believes that it does; and an exception without a reason is one
that nobody dares to delete.
When to ignore it: never.
How it is decided: by the text of the note: rules in brackets, `because` and a reason, and maybe `until` and the last day.
Source: STYLE 5 (suppressions carry a reason).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.suppress import BadNote

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress:
  - {}  # netcheck: ignore[NC104]  # finds: NC901
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]  # netcheck: ignore[NC104] because the rule is kept for a later change
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield nothing: notes are read once for all rules; `of_notes` says what is wrong with them."""
    del snapshot
    return iter(())


def of_notes(bad: Iterable[BadNote]) -> Iterator[Finding]:
    """Yield one finding for each note that cannot be used."""
    for item in bad:
        yield RULE.finding(item.message, about=item.note.object, place=item.note.place, hint=item.hint)


RULE = Rule(
    code="NC901",
    name="unusable-note",
    severity="error",
    basis="syntactic",
    summary="A note that should ignore findings and cannot be used",
    page=__doc__ or "",
    since="0.2.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
    looks_at=lambda snapshot: bool(snapshot.loaded.ignores),
)
