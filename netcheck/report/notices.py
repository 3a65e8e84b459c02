"""What an answer wants looked at, on lines of files: as SARIF, as GitHub annotations, as GitLab code quality.

Source: OASIS Static Analysis Results Interchange Format (SARIF) 2.1.0.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from netcheck import __version__
from netcheck.errors import Place
from netcheck.load.rendering import is_rendered
from netcheck.model.cluster import Loaded
from netcheck.report.code_quality import SEVERITIES
from netcheck.report.located import Relative
from netcheck.report.sarif import LEVELS, SCHEMA, Item, invocation, location
from netcheck.report.workflow_commands import COMMANDS, command, problem_command


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRule:
    """A kind of notice: its id, a sentence, and its usual level: `error`, `warning` or `info`."""

    code: str
    text: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another place that a notice speaks of."""

    text: str
    object: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to look at.

    Attributes:
        key: with rule and path what makes it the same notice in another run.
        level: if it is not the usual one of its rule.
        properties: for SARIF.
    """

    rule: NoticeRule
    message: str
    object: str
    place: Place | None
    key: tuple[str, ...]
    level: str = ""
    related: tuple[Related, ...] = ()
    properties: Item = field(default_factory=dict)

    @property
    def shown_level(self) -> str:
        """Its own level, or that of its rule."""
        return self.level or self.rule.level


def notices_sarif(
    loaded: Loaded, rules: Sequence[NoticeRule], notices: Sequence[Notice], relative: Relative
) -> Iterator[str]:
    """Yield the SARIF log."""
    driver = {
        "name": "netcheck",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [
            {"id": rule.code, "shortDescription": {"text": rule.text}, "defaultConfiguration": {"level": _level(rule)}}
            for rule in rules
        ],
    }
    marks = _fingerprints(notices, relative)
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the root of the repository"}}},
        "invocations": [invocation(loaded, relative)],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(item, list(rules).index(item.rule), mark, relative)
            for item, mark in zip(notices, marks, strict=True)
        ],
    }
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
    yield "\n"


def _level(rule: NoticeRule) -> str:
    return LEVELS[rule.level]


def _result(item: Notice, index: int, mark: str, relative: Relative) -> Item:
    out: Item = {
        "ruleId": item.rule.code,
        "ruleIndex": index,
        "level": LEVELS[item.shown_level],
        "message": {"text": item.message},
        "locations": [location(item.place or Place(""), relative, item.object)],
        "partialFingerprints": {"netcheck/v1": mark},
    }
    related = [
        {"id": number, **location(one.place, relative, one.object), "message": {"text": one.text}}
        for number, one in enumerate(item.related, start=1)
    ]
    out |= {"relatedLocations": related} if related else {}
    out |= {"properties": item.properties} if item.properties else {}
    return out


def notices_github(loaded: Loaded, notices: Iterable[Notice], relative: Relative) -> Iterator[str]:
    """Yield one workflow command for each problem of the input and each notice."""
    for problem in loaded.problems:
        yield problem_command(problem, relative)
    for item in notices:
        place = item.place or Place("")
        if place.file:
            known = Place(place.file) if is_rendered(place.file) else place
            place = Place(relative(place.file), known.line, known.column)
        yield command(COMMANDS[item.shown_level], place, f"netcheck: {item.rule.code}", item.message)


def notices_gitlab(notices: Sequence[Notice], relative: Relative) -> Iterator[str]:
    """Yield a code quality report: a JSON list with one issue for each notice."""
    issues = []
    for item, mark in zip(notices, _fingerprints(notices, relative), strict=True):
        place = item.place or Place("")
        line = 0 if is_rendered(place.file) else place.line
        issues.append(
            {
                "description": item.message.replace(":\n", ": ").replace("\n", "; "),
                "check_name": item.rule.code,
                "fingerprint": mark,
                "severity": SEVERITIES[item.shown_level],
                "location": {"path": _path(item, relative) or ".", "lines": {"begin": max(1, line)}},
            }
        )
    yield json.dumps(issues, indent=2, ensure_ascii=False)
    yield "\n"


def _path(item: Notice, relative: Relative) -> str:
    return relative(item.place.file) if item.place is not None and item.place.file else ""


def _fingerprints(notices: Iterable[Notice], relative: Relative) -> list[str]:
    """Return a mark for each notice, none of them twice: of rule, path and key, not of lines."""
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for item in notices:
        key = (item.rule.code, _path(item, relative), *item.key)
        again = (str(seen[key]),) if seen[key] else ()
        seen[key] += 1
        found.append(hashlib.sha256("\0".join((*key, *again)).encode()).hexdigest()[:32])
    return found
