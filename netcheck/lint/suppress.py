"""Findings that users chose to ignore: what their notes say, which findings they cover, and what is wrong with a note.

A note names rules and gives a reason: `# netcheck: ignore[NC101] because the peers are meant apart until 2027-01-31`,
or in the annotation `netcheck/ignore`: `NC101 because ...; NC112 because ... until 2027-01-31`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from netcheck.errors import UsageError
from netcheck.lint.finding import Finding, Suppressed
from netcheck.model.ignores import IgnoreNote

_NAMED = re.compile(
    r"\s*\[(?P<rules>[^\]]*)\](?P<rest>.*)|\s*(?P<plain>[\w-]+(?:\s*,\s*[\w-]+)*)(?P<tail>\b.*)?", re.DOTALL
)
_UNTIL = re.compile(r"\s*,?\s*\buntil\s+(?P<date>\S+)\s*$|\buntil\s+(?P<early>\S+)\s+(?=because\b)")
CodeOf = Callable[[str], str]
_BECAUSE = re.compile(r"\s*:?\s*because\b:?\s*(?P<reason>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """A note that was understood: it covers findings of `rules` (codes) up to and on the day `until`, if that is set."""

    note: IgnoreNote
    rules: frozenset[str]
    reason: str
    until: dt.date | None = None

    def covers(self, finding: Finding) -> bool:
        """Return whether the finding is of a named rule, and on the note's line or about its object."""
        if finding.rule not in self.rules:
            return False
        if self.note.object:
            return finding.object == self.note.object
        place = finding.place
        return place is not None and (place.file, place.line) == (self.note.place.file, self.note.line)

    def is_expired(self, today: dt.date | None) -> bool:
        """Return whether the last day of the note is before `today`; never if `today` is None."""
        return today is not None and self.until is not None and self.until < today

    def over(self, finding: Finding) -> Suppressed:
        """Return the finding as ignored by this note."""
        until = self.until.isoformat() if self.until is not None else ""
        return Suppressed(finding=finding, reason=self.reason, place=self.note.place, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadNote:
    """A note that cannot be used, why, and what to write."""

    note: IgnoreNote
    message: str
    hint: str


EXAMPLE = "# netcheck: ignore[NC101] because <reason> until 2027-01-31"


def read(note: IgnoreNote, code_of: CodeOf) -> Ignore | BadNote:
    """Return what a note says. `code_of` returns the code of a rule named by code or name; UsageError: there is none."""
    named = _NAMED.fullmatch(note.text)
    words = [word.strip() for word in ((named["rules"] or named["plain"] or "") if named else "").split(",")]
    if named is None or not all(words) or words[0].lower() == "because":
        return BadNote(note=note, message="the note names no rule", hint=f"write `{EXAMPLE}`")
    rest = (named["rest"] if named["rules"] is not None else named["tail"]) or ""
    try:
        rules = frozenset(code_of(word) for word in words)
        until, rest = _until(rest)
    except (UsageError, ValueError) as error:
        message, _, hint = str(error).partition("\n  hint: ")
        return BadNote(note=note, message=message, hint=hint or f"write `{EXAMPLE}`")
    because = _BECAUSE.fullmatch(rest)
    reason = because["reason"].strip() if because else ""
    if not reason:
        message = f"the note gives no reason why {', '.join(sorted(rules))} is ignored"
        return BadNote(note=note, message=message, hint=f"write `{EXAMPLE}`")
    return Ignore(note=note, rules=rules, reason=reason, until=until)


def _until(rest: str) -> tuple[dt.date | None, str]:
    found = _UNTIL.search(rest)
    if found is None:
        return None, rest
    text = found["date"] or found["early"]
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text}` is no date\n  hint: write the last day like 2027-01-31") from None
    return day, rest[: found.start()] + rest[found.end() :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Findings apart: those that stay, those that are ignored, and the notes that cover nothing or no longer count."""

    kept: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    unused: tuple[Ignore, ...]
    expired: tuple[Ignore, ...]


def suppress(findings: Iterable[Finding], ignores: Sequence[Ignore], today: dt.date | None) -> Outcome:
    """Return the findings with the ignored ones set apart; each is counted to the first note that covers it."""
    expired = tuple(ignore for ignore in ignores if ignore.is_expired(today))
    valid = [ignore for ignore in ignores if not ignore.is_expired(today)]
    by_rule: dict[str, list[Ignore]] = {}
    for ignore in valid:
        for rule in ignore.rules:
            by_rule.setdefault(rule, []).append(ignore)
    kept, suppressed, used = [], [], set()
    for finding in findings:
        covering = [ignore for ignore in by_rule.get(finding.rule, ()) if ignore.covers(finding)]
        if covering:
            used.update(covering)
            suppressed.append(covering[0].over(finding))
        else:
            kept.append(finding)
    unused = tuple(ignore for ignore in valid if ignore not in used)
    return Outcome(kept=tuple(kept), suppressed=tuple(suppressed), unused=unused, expired=expired)
