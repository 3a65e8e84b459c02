"""Applies fixes in memory: only those that are proved to change what they say, make their finding go, and bring no other.

Each round edits the texts as they are, several findings at once, and reads and judges everything again. Where a group of
fixes does not stand, halves of it are tried, down to single ones; what does not stand alone is refused, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from netcheck.engines.changes import Disproof, disproof
from netcheck.errors import InputError, Severity
from netcheck.lint.baseline import introduced
from netcheck.lint.finding import Finding, LintResult, LintSettings
from netcheck.lint.fix import Fix
from netcheck.lint.run import lint
from netcheck.load.rewrite import NotEditable, Source, changed_objects, edits_of, overlap
from netcheck.model.cluster import Cluster, Loaded
from netcheck.model.edits import Edit
from netcheck.model.policy import NetworkPolicy
from netcheck.queries.migrate import flow_text

MOST_ROUNDS = 5
Key = tuple[str, str, str]
"""Rule, object, message: what a finding is known by while lines move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of a run: how they are read, why one may not be edited (or nothing), and what all are read to."""

    read: Callable[[str], bytes]
    hindrance: Callable[[str], str]
    load: Callable[[Mapping[str, bytes]], Loaded]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A fix that stands."""

    finding: Finding
    fix: Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A fix that was not applied, and why."""

    finding: Finding
    fix: Fix
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What became of the fixes: the new bytes of each file that changed, and what is loaded and found with them."""

    texts: Mapping[str, bytes]
    applied: tuple[Applied, ...]
    refused: tuple[Refused, ...]
    loaded: Loaded
    result: LintResult


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    finding: Finding
    fix: Fix
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    texts: Mapping[str, bytes] = field(default_factory=dict)
    loaded: Loaded
    result: LintResult


class _NotProved(Exception):
    """Fixes do not stand; the message says why."""


def fixed(
    loaded: Loaded,
    result: LintResult,
    wanted: Iterable[Finding],
    files: Files,
    settings: LintSettings,
    *,
    unsafe: bool = False,
) -> Fixed:
    """Return the files with the fixes of the wanted findings, or of those that take their place, applied.

    Those that are not safe are applied only if `unsafe` is set; they too must change what they say and nothing else.
    """
    keys = frozenset((finding.rule, finding.object) for finding in wanted)
    run = _Fixing(files, settings, keys, unsafe=unsafe)
    return run.run(_State(loaded=loaded, result=result))


def with_edits(result: LintResult, read: Callable[[str], bytes]) -> LintResult:
    """Return the result with the edits of each fix; a fix that cannot be written into its file is left out."""
    sources: dict[str, Source | None] = {}

    def resolved(fix: Fix) -> Iterable[Fix]:
        if fix.file not in sources:
            try:
                sources[fix.file] = Source(read(fix.file))
            except (OSError, NotEditable):
                sources[fix.file] = None
        source = sources[fix.file]
        try:
            return [replace(fix, edits=edits_of(source, fix.operations))] if source is not None else []
        except NotEditable:
            return []

    findings = (
        replace(item, fixes=tuple(found for fix in item.fixes for found in resolved(fix))) if item.fixes else item
        for item in result.findings
    )
    return replace(result, findings=tuple(findings))


class _Fixing:
    """One run: rounds until nothing changes."""

    def __init__(
        self, files: Files, settings: LintSettings, wanted: frozenset[tuple[str, str]], *, unsafe: bool
    ) -> None:
        self._files = files
        self._settings = settings
        self._wanted = wanted
        self._unsafe = unsafe
        self._applied: list[Applied] = []
        self._refused: dict[Key, Refused] = {}

    def run(self, state: _State) -> Fixed:
        for _ in range(MOST_ROUNDS):
            group = self._candidates(state)
            accepted, after = self._accept(state, [], group, state)
            if not accepted:
                break
            self._applied += [Applied(finding=item.finding, fix=item.fix) for item in accepted]
            state = after
        return Fixed(
            texts=state.texts,
            applied=tuple(self._applied),
            refused=tuple(self._refused.values()),
            loaded=state.loaded,
            result=state.result,
        )

    # ---- what is tried -------------------------------------------------------------------------------------------

    def _candidates(self, state: _State) -> list[_Candidate]:
        """Return fixes that can be made at once: no two of one object, none that touch each other in the text."""
        found: list[_Candidate] = []
        for finding in state.result.findings:
            for fix in finding.fixes:
                if (finding.rule, finding.object) not in self._wanted or _key(finding) in self._refused:
                    continue
                if not fix.is_safe and not self._unsafe:
                    self._refuse(finding, fix, "it is not safe: --unsafe-fixes applies it")
                    continue
                try:
                    edits = self._edits(state, fix)
                except NotEditable as error:
                    self._refuse(finding, fix, str(error))
                    continue
                if not any(_are_at_odds(fix, edits, other) for other in found):
                    found.append(_Candidate(finding=finding, fix=fix, edits=edits))
        return found

    def _edits(self, state: _State, fix: Fix) -> tuple[Edit, ...]:
        hindrance = self._files.hindrance(fix.file)
        if hindrance:
            raise NotEditable(hindrance)
        return edits_of(Source(self._bytes(state, fix.file)), fix.operations)

    def _bytes(self, state: _State, file: str) -> bytes:
        if file in state.texts:
            return state.texts[file]
        try:
            return self._files.read(file)
        except OSError:
            raise NotEditable("the file cannot be read again") from None

    def _refuse(self, finding: Finding, fix: Fix, why: str) -> None:
        self._refused[_key(finding)] = Refused(finding=finding, fix=fix, why=why)

    def _accept(
        self, base: _State, accepted: list[_Candidate], group: list[_Candidate], best: _State
    ) -> tuple[list[_Candidate], _State]:
        """Return those of `group` that stand beside the accepted ones, with these, and the state with all of them."""
        if not group:
            return accepted, best
        try:
            return [*accepted, *group], self._attempt(base, [*accepted, *group])
        except _NotProved as error:
            if len(group) == 1:
                self._refuse(group[0].finding, group[0].fix, str(error))
                return accepted, best
        half = len(group) // 2
        accepted, best = self._accept(base, accepted, group[:half], best)
        return self._accept(base, accepted, group[half:], best)

    # ---- what is asked of a group ----------------------------------------------------------------------------------

    def _attempt(self, base: _State, group: Sequence[_Candidate]) -> _State:
        """Return the state with the fixes of a group.

        Raises:
            _NotProved: something else would change, the finding would stay, or another would come.
        """
        texts = dict(base.texts)
        for file in sorted({item.fix.file for item in group}):
            ours = [item for item in group if item.fix.file == file]
            before = self._bytes(base, file)
            texts[file] = Source(before).with_edits(edit for item in ours for edit in item.edits)
            _check_objects(before, texts[file], frozenset(item.fix.about for item in ours))
        try:
            loaded = self._files.load(texts)
        except InputError as error:
            raise _NotProved(str(error)) from None
        _check_problems(base.loaded, loaded)
        _check_flows(base.loaded.cluster, loaded.cluster, [item.fix for item in group])
        result = lint(loaded, self._settings)
        _check_findings(base.result, result, [item.finding for item in group])
        return _State(texts=texts, loaded=loaded, result=result)


def _key(finding: Finding) -> Key:
    return (finding.rule, finding.object, finding.message)


def _are_at_odds(fix: Fix, edits: tuple[Edit, ...], other: _Candidate) -> bool:
    if fix.about and fix.about == other.fix.about:
        return True
    return fix.file == other.fix.file and overlap(edits, other.edits)


def _check_objects(before: bytes, after: bytes, about: frozenset[str]) -> None:
    """Hold that in the text only the objects that are edited differ."""
    changed = changed_objects(before, after)
    if changed is None:
        raise _NotProved("the file would read differently elsewhere")
    for kind, namespace, name in sorted(changed):
        names = {f"{kind} {namespace}/{name}"} if namespace else {label for label in about if _is_of(label, kind, name)}
        if not names & about:
            raise _NotProved(f"{kind} {f'{namespace}/' if namespace else ''}{name} would change too")


def _is_of(label: str, kind: str, name: str) -> bool:
    return label.startswith(f"{kind} ") and label.rpartition("/")[2] == name


def _check_problems(before: Loaded, after: Loaded) -> None:
    known = Counter((problem.object, problem.message) for problem in before.problems)
    for problem in after.problems:
        known[problem.object, problem.message] -= 1
        if known[problem.object, problem.message] < 0:
            word = "refused" if problem.severity is Severity.ERROR else "doubtful"
            raise _NotProved(f"the edited object would be {word}: {problem.message}")


def _check_flows(before: Cluster, after: Cluster, fixes: Sequence[Fix]) -> None:
    """Hold that nothing but the edited policies differs, and that each of these changes exactly what its fix states."""
    others: dict[str, Any] = {"policies": ()}
    if replace(before, **others) != replace(after, **others):
        raise _NotProved("something else than policies would change")
    policies = {policy.label: policy for policy in before.policies}
    edited = {policy.label: policy for policy in after.policies}
    if list(policies) != list(edited):
        raise _NotProved("there would be other policies")
    differing = {label for label, policy in policies.items() if edited[label] != policy}
    extra = sorted(differing - {fix.about for fix in fixes})
    if extra:
        raise _NotProved(f"{extra[0]} would change too")
    current = dict(policies)
    for fix in fixes:
        if fix.about not in policies:
            continue
        cluster = replace(before, policies=tuple(current.values()))
        _check_policy(cluster, current[fix.about], edited[fix.about], fix)
        current[fix.about] = edited[fix.about]


def _check_policy(cluster: Cluster, before: NetworkPolicy, after: NetworkPolicy, fix: Fix) -> None:
    found = disproof(cluster, before, after, added=fix.added, removed=fix.removed)
    if found is not None:
        raise _NotProved(_why(found))


def _why(found: Disproof) -> str:
    if found.flow is None:
        return "what it says would change no flow" if found.why == "changes nothing" else "the solver gave up"
    flow = flow_text(found.flow)
    return f"it is not proved: it decides otherwise than it says on {flow.source} -> {flow.destination}, {flow.protocol} {flow.port}"


def _check_findings(before: LintResult, after: LintResult, fixed_ones: Sequence[Finding]) -> None:
    """Hold that the findings that are fixed are gone, and that none of weight has come."""
    left = Counter((finding.rule, finding.object) for finding in after.findings)
    had = Counter((finding.rule, finding.object) for finding in before.findings)
    for key, count in Counter((finding.rule, finding.object) for finding in fixed_ones).items():
        if left[key] > had[key] - count:
            raise _NotProved("the finding would stay")
    for finding in introduced(after.findings, before.findings):
        if finding.severity != "info":
            raise _NotProved(f"{finding.rule} would be found: {finding.message}")
