"""A template that was not rendered.

What it finds: files that hold `{{` and are not YAML, and charts with such files: they were skipped.
Why it matters: nothing in them is checked, and objects elsewhere that refer to theirs seem to refer to nothing.
When to ignore it: the rendered output is part of the input too.
How it is decided: by the text. `--helm` renders charts with the local binary.
Source: SEMANTICS LIVE-14.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from netcheck.errors import Problem
from netcheck.lint.finding import Finding
from netcheck.lint.refusals import is_template
from netcheck.lint.rule import Rule, Snapshot

BAD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "chart.name" . }}  # finds: NC702
"""

GOOD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {greeting: "{{ name }}"}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each file or chart."""
    for problem in _problems(snapshot):
        file = PurePath(problem.place.file).name if problem.place is not None else ""
        yield RULE.finding(problem.message, about=file, place=problem.place, hint=problem.hint)


def _problems(snapshot: Snapshot) -> list[Problem]:
    return [problem for problem in snapshot.loaded.problems if is_template(problem)]


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(_problems(snapshot))


RULE = Rule(
    code="NC702",
    name="template-skipped",
    severity="info",
    basis="syntactic",
    summary="A template that was not rendered",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
