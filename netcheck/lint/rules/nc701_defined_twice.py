"""Two objects with one identity and different content.

What it finds: objects of the same kind, namespace and name that the input defines twice, differently.
Why it matters: the API server keeps one. Which one depends on the order in which files are applied, so what the cluster does is
not what either file says to its reader.
When to ignore it: the files are alternatives of which only one is ever applied. Name the one that is meant instead.
How it is decided: by the identities; objects that are alike are no finding. netcheck goes by the last one. Within a file it is
an error; of two files it is one warning for all, or an info where they lie in two directories, for they may be alternatives,
and an error where the input is known to be whole.
Source: SEMANTICS LIVE-15.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from netcheck.errors import Place, Problem
from netcheck.lint.finding import Finding, Related
from netcheck.lint.refusals import Fault, fault_of
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import counted, listed

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1  # finds: NC701
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""

_FIRST = re.compile(r"first at (.*):(\d+):\d+; ")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each later definition in one file, and one for each two files that define some twice."""
    files: dict[tuple[str, str], list[Problem]] = {}
    for problem in _problems(snapshot):
        first = _first_file(problem)
        later = problem.place.file if problem.place is not None else ""
        if first == later:
            yield _of_file(problem)
        else:
            files.setdefault((first, later), []).append(problem)
    for (first, later), problems in files.items():
        yield _of_files(snapshot, first, later, problems)


def _of_file(problem: Problem) -> Finding:
    found = _FIRST.search(problem.message)
    line = f" at line {found[2]}" if found else ""
    return RULE.finding(
        f"defined twice, differently: first{line}; the last one counts",
        about=problem.object,
        place=problem.place,
        hint="delete one of the two",
    )


def _of_files(snapshot: Snapshot, first: str, later: str, problems: list[Problem]) -> Finding:
    """Return the finding about two files. They may be alternatives, above all in two directories."""
    beside = PurePath(first).parent == PurePath(later).parent
    number = counted(len(problems), "object that another file defines", "objects that another file defines")
    return RULE.finding(
        f"defines {number} too, differently: {listed(problem.object for problem in problems)}",
        about=problems[0].object,
        place=problems[0].place,
        severity="error" if snapshot.whole else "warning" if beside else "info",
        related=(Related(message="defines them first", place=Place(first), object=problems[0].object),),
        hint="delete one of the two; if they are alternatives, name the one that is meant",
    )


def _first_file(problem: Problem) -> str:
    """Return the file of the first definition, which the problem's message names."""
    found = _FIRST.search(problem.message)
    return found[1] if found else ""


def _problems(snapshot: Snapshot) -> list[Problem]:
    return [problem for problem in snapshot.loaded.problems if fault_of(problem) is Fault.TWICE]


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(_problems(snapshot))


RULE = Rule(
    code="NC701",
    name="defined-twice",
    severity="error",
    basis="syntactic",
    summary="Two objects with one identity and different content",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
