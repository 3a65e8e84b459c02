"""A baseline: the findings that were there when a team began, by rule, object and path, so that moved lines do not count."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from netcheck.errors import UsageError
from netcheck.lint.finding import Finding

API_VERSION, KIND = "netcheck/v1", "Baseline"
Key = tuple[str, str, str]
"""Rule, object, path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """How many findings of each key are known."""

    known: Counter[Key] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Findings against a baseline: those that are new, those that it knows, and the keys that it no longer needs."""

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    gone: tuple[Key, ...]


def key_of(finding: Finding, relative: Callable[[str], str]) -> Key:
    """Return the key of a finding."""
    file = finding.place.file if finding.place is not None else ""
    return (finding.rule, finding.object, relative(file) if file else "")


def compare(findings: Iterable[Finding], baseline: Baseline, relative: Callable[[str], str]) -> Compared:
    """Return the findings apart: of a key that the baseline knows n times, the first n are known."""
    left = Counter(baseline.known)
    new, known = [], []
    for finding in findings:
        key = key_of(finding, relative)
        if left[key] > 0:
            left[key] -= 1
            known.append(finding)
        else:
            new.append(finding)
    gone = tuple(sorted(key for key, count in left.items() if count > 0))
    return Compared(new=tuple(new), known=tuple(known), gone=gone)


def written(findings: Iterable[Finding], relative: Callable[[str], str]) -> str:
    """Return the baseline of the findings as the text of its file."""
    counts = Counter(key_of(finding, relative) for finding in findings)
    items = [
        {"rule": rule, "object": about, "path": path, "count": counts[rule, about, path]}
        for rule, about, path in sorted(counts)
    ]
    lines = ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in items)
    body = f"[\n{lines}\n  ]" if items else "[]"
    return f'{{\n  "apiVersion": "{API_VERSION}",\n  "kind": "{KIND}",\n  "findings": {body}\n}}\n'


def read(text: str, file: str) -> Baseline:
    """Return the baseline that a file's text holds.

    Raises:
        UsageError: it is no baseline.
    """
    hint = "write it with `netcheck lint --write-baseline FILE`"
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{file}: not valid JSON: {error}\n  hint: {hint}") from None
    if not isinstance(value, dict) or (value.get("apiVersion"), value.get("kind")) != (API_VERSION, KIND):
        raise UsageError(f"{file}: not a baseline of this version\n  hint: {hint}")
    found: Counter[Key] = Counter()
    items = value.get("findings")
    for index, item in enumerate(items if isinstance(items, list) else []):
        fields = item if isinstance(item, dict) else {}
        texts = [fields.get(name) for name in ("rule", "object", "path")]
        count = fields.get("count", 1)
        if not all(isinstance(part, str) for part in texts) or not isinstance(count, int) or count < 1:
            raise UsageError(f"{file}: findings[{index}] is not {{rule, object, path, count}}\n  hint: {hint}")
        found[str(texts[0]), str(texts[1]), str(texts[2])] += count
    if not isinstance(items, list):
        raise UsageError(f"{file}: `findings` must be a list\n  hint: {hint}")
    return Baseline(known=found)


def introduced(now: Iterable[Finding], before: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings of `now` that `before` does not have: by rule, object and message, then by rule and object.

    Files and lines do not count, so that moving an object introduces nothing.
    """
    exact = Counter((finding.rule, finding.object, finding.message) for finding in before)
    rest, unmatched = [], []
    for finding in now:
        key = (finding.rule, finding.object, finding.message)
        if exact[key] > 0:
            exact[key] -= 1
        else:
            unmatched.append(finding)
    loose: Counter[tuple[str, str]] = Counter()
    for (rule, about, _), count in exact.items():
        loose[rule, about] += count
    for finding in unmatched:
        if loose[finding.rule, finding.object] > 0:
            loose[finding.rule, finding.object] -= 1
        else:
            rest.append(finding)
    return tuple(rest)
