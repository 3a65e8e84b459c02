"""A note that ignores nothing.

What it finds: `# netcheck: ignore[...]` comments and `netcheck/ignore` annotations that cover no finding.
Why it matters: the fault that it excused is gone, or the note stands on the wrong line. Left there, it would hide the next one.
When to ignore it: never; delete the note, or move it to the line that the finding names.
Fix: the comment is deleted; an entry of an annotation is left to you.
How it is decided: after all rules have run. Notes that name a rule which was not run are left alone.
Source: STYLE 5 (unused suppressions are findings).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.fix import without_note
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.suppress import Ignore

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]  # netcheck: ignore[NC104] because Egress was missing once  # finds: NC903
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress:
  # netcheck: ignore[NC104] because the rule is kept for a later change
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield nothing: which notes are unused is known only after all rules have run; `of_notes` says it then."""
    del snapshot
    return iter(())


def of_notes(unused: Iterable[Ignore]) -> Iterator[Finding]:
    """Yield one finding for each note that covers nothing."""
    for ignore in unused:
        rules = ", ".join(sorted(ignore.rules))
        what = f"about {ignore.note.object}" if ignore.note.object else f"on line {ignore.note.line}"
        yield RULE.finding(
            f"the note ignores {rules}, and there is no such finding {what}",
            about=ignore.note.object,
            place=ignore.note.place,
            fix=without_note(ignore.note),
            hint="delete the note, or move it to the line that the finding names",
        )


RULE = Rule(
    code="NC903",
    name="unused-note",
    severity="warning",
    basis="proved",
    summary="A note that ignores nothing",
    page=__doc__ or "",
    since="0.2.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
    looks_at=lambda snapshot: bool(snapshot.loaded.ignores),
)
