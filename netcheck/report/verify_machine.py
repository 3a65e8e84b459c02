"""What became of intents for machines that keep track: JUnit XML, and SARIF with the intent's line and the policies'.

Source: OASIS Static Analysis Results Interchange Format (SARIF) 2.1.0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from netcheck import __version__
from netcheck.errors import Place
from netcheck.model.cluster import Loaded
from netcheck.queries.verify_results import IntentResult, Outcome, Verification
from netcheck.report.json_v1 import flow_item
from netcheck.report.junit import plain
from netcheck.report.located import Relative
from netcheck.report.query_text import decider_text, flow_text
from netcheck.report.sarif import SCHEMA, Item, location

_RULES = {
    Outcome.VIOLATED: ("intent-violated", "An intent does not hold.", "error"),
    Outcome.UNKNOWN: ("intent-unknown", "Whether an intent holds depends on a missing fact.", "warning"),
}


def described(result: IntentResult) -> str:
    """Return what became of an intent, in lines: the intent, what is wrong, the witness, and what decides."""
    lines = [f"{result.intent.name}: {result.intent.text}"]
    lines += [result.message] if result.message else []
    if result.evidence is not None:
        lines.append(f"witness: {flow_text(result.evidence.flow)}")
        lines += [" ".join(decider_text(item).split()) for item in result.evidence.decided_by]
    lines += [f"{reason.rule}: {reason.message}" for reason in result.reasons]
    return "\n".join(lines)


def verify_junit(found: Verification, relative: Relative) -> Iterator[str]:
    """Yield JUnit XML: a case for each intent; violated ones are failures, unknown ones errors."""
    numbers = f'tests="{len(found.results)}" failures="{found.count(Outcome.VIOLATED)}" errors="{found.count(Outcome.UNKNOWN)}"'
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="netcheck" {numbers}>\n  <testsuite name="netcheck verify" {numbers} skipped="0">\n'
    for item in found.results:
        yield from _case(item, relative)
    yield "  </testsuite>\n</testsuites>\n"


def _case(item: IntentResult, relative: Relative) -> Iterator[str]:
    place = item.intent.place
    where = f" file={quoteattr(relative(place.file))} line={quoteattr(str(place.line))}" if place and place.file else ""
    head = f'    <testcase classname="netcheck.{item.intent.demand.value}" name={quoteattr(plain(item.intent.name))}{where}'
    if item.outcome is Outcome.HOLDS:
        yield f"{head}/>\n"
        return
    tag = "failure" if item.outcome is Outcome.VIOLATED else "error"
    message = quoteattr(plain(item.message))
    yield f"{head}>\n      <{tag} type={quoteattr(item.outcome.value)} message={message}>"
    yield f"{escape(plain(described(item)))}</{tag}>\n    </testcase>\n"


def verify_sarif(loaded: Loaded, found: Verification, relative: Relative) -> Iterator[str]:
    """Yield the SARIF log: a result at each intent that does not surely hold, related to the policies that decide."""
    driver = {
        "name": "netcheck",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [
            {"id": code, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
            for code, text, level in _RULES.values()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the root of the repository"}}},
        "invocations": [{"executionSuccessful": not loaded.lost_anything}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, relative) for item in found.results if item.outcome in _RULES],
    }
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
    yield "\n"


def _result(item: IntentResult, relative: Relative) -> Item:
    code, _, level = _RULES[item.outcome]
    place = item.intent.place or Place("")
    key = "\0".join((code, relative(place.file) if place.file else "", item.intent.name))
    out: Item = {
        "ruleId": code,
        "ruleIndex": list(_RULES).index(item.outcome),
        "level": level,
        "message": {"text": described(item)},
        "locations": [location(place, relative, f"Intent {item.intent.name}")],
        "partialFingerprints": {"netcheck/v1": hashlib.sha256(key.encode()).hexdigest()[:32]},
    }
    related = list(_related(item, relative))
    if related:
        out["relatedLocations"] = related
    if item.evidence is not None:
        out["properties"] = {"witness": flow_item(item.evidence.flow)}
    return out


def _related(item: IntentResult, relative: Relative) -> Iterator[Item]:
    deciders = item.evidence.decided_by if item.evidence is not None else ()
    placed = [decider for decider in deciders if decider.place is not None]
    for number, decider in enumerate(placed, start=1):
        assert decider.place is not None
        text = " ".join(decider_text(decider).split())
        yield {"id": number, **location(decider.place, relative, decider.policy), "message": {"text": text}}
