"""Sources to `Loaded`: the one entry of this floor.

Sources are overlaid in order; objects are validated one by one and then assembled to a `Cluster`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from netcheck.errors import InputError, Place, Problem, Severity
from netcheck.load import assemble, kustomize
from netcheck.load.admit import Admitted, Identity, admit
from netcheck.load.capture import Capture
from netcheck.load.check_common import mapping
from netcheck.load.cluster_api import Access
from netcheck.load.detect_cni import Detection, detect
from netcheck.load.documents import Broken, Note, Outcome, RawObject, Skipped, read
from netcheck.load.fast_json import FastPod, is_large_json, read_large_json
from netcheck.load.gaps import Gap, problems
from netcheck.load.ignores import ANNOTATION, comments, of_annotations
from netcheck.load.lost import Sketch, sketch
from netcheck.load.rendering import Rendering
from netcheck.load.sources import Reading, SourceFile, describe_search, files_of
from netcheck.model.cluster import Assumption, Loaded
from netcheck.model.evidence import Evidence
from netcheck.model.ignores import IgnoreNote
from netcheck.model.intents import API_VERSION, DOCUMENT_KINDS, IntentDocument
from netcheck.model.profile import Addressing, Profile
from netcheck.model.routes import Controller


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadKind:
    """A custom kind that makes pods, and the path to its pod template."""

    api_group: str
    kind: str
    template_path: tuple[str, ...] = ("spec", "template")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How to load.

    Attributes:
        namespace: of objects that name none.
        detected: what makes a profile of the CNI that is found; None: `profile` counts, whatever there is.
        controllers: the pods of proxies as the user named them (ING-13).
        cluster_domain: the zone of the cluster's names (DNS-6).
        whole: whether the input is all there is.
        namespace_labels: labels of namespaces that no file defines.
        workload_kinds: custom kinds that make pods.
        rendering: which charts and kustomizations are rendered.
        stdin: what `-` reads.
        access: how to get to clusters.
        namespaces: those to read of a cluster that does not let itself be read whole; none: that of the context.
        kept: clusters and snapshots that were read before, by source; those that are read now are put there.
        replaced: bytes to read in place of files of these names.
        evidence: whether to read the configuration of containers for names of hosts.
        progress: called with the name of each file before it is read.
    """

    namespace: str = "default"
    profile: Profile = Profile()
    addressing: Addressing = Addressing()
    detected: Callable[[Detection], Profile] | None = None
    controllers: tuple[Controller, ...] = ()
    cluster_domain: str = "cluster.local"
    whole: bool = False
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    workload_kinds: tuple[WorkloadKind, ...] = ()
    rendering: Rendering = Rendering()
    stdin: BinaryIO | None = None
    access: Access = Access()
    namespaces: tuple[str, ...] = ()
    kept: MutableMapping[str, Capture] | None = None
    replaced: Mapping[str, bytes] = field(default_factory=dict)
    evidence: bool = False
    progress: Callable[[str], None] | None = None


class _Loading:
    """One run: the objects of each source overlay those of the sources before it."""

    def __init__(self, options: LoadOptions) -> None:
        self.options = options
        self.items: dict[Identity, Admitted | FastPod] = {}
        self.problems: list[Problem] = []
        self.lost: list[tuple[Sketch, Problem]] = []
        self.skipped = 0
        self.anything_lost = False
        self.ignores: list[IgnoreNote] = []
        self.intents: list[IntentDocument] = []
        self._annotated: dict[Identity, tuple[IgnoreNote, ...]] = {}
        self.captures: list[Capture] = []
        self.files = 0
        self._templates = {(kind.api_group, kind.kind): kind.template_path for kind in options.workload_kinds}
        self._charts: dict[str, int] = {}
        self._generated = 0

    def source(self, files: Iterable[SourceFile]) -> None:
        """Read one source and lay its objects over those read before."""
        found: dict[Identity, Admitted | FastPod] = {}
        for file in files:
            self.files += 1
            if self.options.progress is not None:
                self.options.progress(file.name)
            self._file(file, found)
        self.items.update(found)

    def _file(self, file: SourceFile, found: dict[Identity, Admitted | FastPod]) -> None:
        if file.capture is not None:
            kept = self.options.kept if self.options.kept is not None else {}
            captured = kept[file.name] = kept[file.name] if file.name in kept else file.capture()
            self.captures.append(captured)
            self._outcomes(file, captured.outcomes(self.options.namespace), found)
            return
        try:
            data = self.options.replaced[file.name] if file.name in self.options.replaced else file.read()
        except OSError as error:
            message = f"cannot be read: {(error.strerror or 'unknown reason').lower()}"
            self._problem(Problem(severity=Severity.ERROR, message=message, place=Place(file.name)))
            return
        self.ignores.extend(comments(data, file.name))
        if is_large_json(data) and ANNOTATION.encode() not in data:
            outcomes = read_large_json(data, file.name, self.options.namespace, keep=self.options.evidence)
        else:
            outcomes = read(data, file.name)
        if file.name.replace("\\", "/").rpartition("/")[2] in kustomize.FILES:
            self._kustomization(file, data)
        self._outcomes(file, outcomes, found)

    def _outcomes(
        self, file: SourceFile, outcomes: Iterable[Outcome | FastPod], found: dict[Identity, Admitted | FastPod]
    ) -> None:
        broken: list[Broken] = []
        for outcome in outcomes:
            if isinstance(outcome, FastPod):
                self._add(outcome.identity, outcome, found)
            elif isinstance(outcome, Broken):
                broken.append(outcome)
            else:
                self._outcome(outcome, found)
        if broken:
            self._broken(file, broken)

    def _kustomization(self, file: SourceFile, data: bytes) -> None:
        if kustomize.patch_files(data):
            self.problems.append(
                Problem(
                    severity=Severity.WARNING,
                    message="the patches of this kustomization are not applied",
                    hint="analyse what `kubectl kustomize` prints, or pass --kustomize",
                    place=Place(file.name),
                )
            )

    def _outcome(self, outcome: Outcome, found: dict[Identity, Admitted | FastPod]) -> None:
        if isinstance(outcome, Skipped):
            self.skipped += 1
        elif isinstance(outcome, Note):
            self.problems.append(outcome.problem)
        elif isinstance(outcome, RawObject):
            item = admit(outcome, self.options.namespace, self._templates)
            if item is None:
                self._not_an_object(outcome)
                return
            identity = item.identity
            if item.generated:  # WL-5: never one object twice
                self._generated += 1
                identity = (*identity[:3], f"{identity[3]}\0{self._generated}")
            self._add(identity, item, found)
            annotations = mapping(mapping(item.value.get("metadata")).get("annotations"))
            if ANNOTATION in annotations or identity in self._annotated:
                self._annotated[identity] = tuple(of_annotations(annotations, item.label, item.place))

    def _not_an_object(self, raw: RawObject) -> None:
        """Keep a document with intents for `verify`; whatever else is no cluster object is skipped."""
        if raw.value.get("apiVersion") == API_VERSION and raw.value.get("kind") in DOCUMENT_KINDS:
            self.intents.append(IntentDocument(value=raw.value, file=raw.file, first_line=raw.first_line))
        else:
            self.skipped += 1

    def _add(self, identity: Identity, item: Admitted | FastPod, found: dict[Identity, Admitted | FastPod]) -> None:
        before = found.get(identity)
        if before is not None:
            self._twice(before, item)
        found[identity] = item

    def _twice(self, before: Admitted | FastPod, item: Admitted | FastPod) -> None:
        """Record that one source defines an object twice; the last one wins (SEMANTICS LIVE-15)."""
        same = before.value == item.value
        if any(one.origin == item.place.file for one in self.captures):
            if not same:  # pages of a list may show an object before and after a change
                message = "the server sent it twice, changed between: the last one counts"
                self.problems.append(
                    Problem(severity=Severity.WARNING, message=message, place=item.place, object=item.label)
                )
            return
        self.problems.append(
            Problem(
                severity=Severity.WARNING if same else Severity.ERROR,
                message=f"defined twice{', alike' if same else ''}: first at {before.place}; the last one counts",
                hint="delete one of the two",
                place=item.place,
                object=item.label,
            )
        )

    def _problem(self, problem: Problem) -> None:
        self.anything_lost = True
        self.problems.append(problem)

    def _broken(self, file: SourceFile, broken: list[Broken]) -> None:
        templates = [item for item in broken if "{{" in item.text]
        for item in broken:
            if item not in templates:
                self._problem(item.problem)
            self._lose(item)
        if templates and file.chart:
            self.anything_lost = True
            self._charts[file.chart] = self._charts.get(file.chart, 0) + 1
        elif templates:
            self._problem(
                Problem(
                    severity=Severity.ERROR,
                    message="unrendered template: it holds `{{` and is not YAML",
                    hint="render it first, e.g. with `helm template`, and analyse the output",
                    place=templates[0].problem.place,
                )
            )

    def _lose(self, item: Broken) -> None:
        found = sketch(item.text, self.options.namespace)
        if found is not None and found.namespace is not None:
            self.lost.append((found, item.problem))

    def finish(self, sources: Sequence[str]) -> Loaded:
        """Assemble what was read.

        Raises:
            InputError: there is no Kubernetes object.
        """
        for chart, count in sorted(self._charts.items()):
            self.problems.append(
                Problem(
                    severity=Severity.ERROR,
                    message=f"chart with {count} unrendered template{'s' if count > 1 else ''}, which cannot be read as YAML",
                    hint=f"render it: `helm template {chart} | netcheck ... -`, or pass --helm",
                    place=Place(f"{chart}/Chart.yaml"),
                )
            )
        gaps = tuple(Gap(item, Place(one.origin)) for one in self.captures for item in one.unread)
        if not self.items:
            told = [*self.problems, *problems(gaps)]
            raise InputError(self._nothing(sources, gaps), tuple(sorted(told, key=lambda item: item.sort_key)))
        profile, found, isolating = self._profile()
        loaded = assemble.assemble(
            assemble.Parts(
                items=list(self.items.values()),
                problems=self.problems,
                lost=self.lost,
                skipped=self.skipped,
                anything_lost=self.anything_lost,
                namespace_labels=self.options.namespace_labels,
                profile=profile,
                addressing=self.options.addressing,
                controllers=self.options.controllers,
                cluster_domain=self.options.cluster_domain,
                whole=(self.options.whole or bool(self.captures)) and not any(gap.unread.decides for gap in gaps),
                gaps=gaps,
                isolating=isolating,
                live=bool(self.captures),
                captures=tuple(self.captures),
            )
        )
        notes = [*self.ignores, *(note for noted in self._annotated.values() for note in noted)]
        return replace(
            loaded,
            ignores=tuple(sorted(notes, key=lambda note: (note.place, note.object, note.text))),
            intents=tuple(self.intents),
            assumptions=(*loaded.assumptions, *found),
            evidence=self._evidence(),
            home=next((one.home for one in self.captures if one.home), ""),
        )

    def _evidence(self) -> Evidence | None:
        if not self.options.evidence:
            return None
        from netcheck.load.evidence import evidence  # noqa: PLC0415 - one command wants it

        return evidence(self.items.values())

    def _profile(self) -> tuple[Profile, tuple[Assumption, ...], str]:
        """Return the profile that counts, what it is taken from, and why the plugin isolates every pod, or nothing."""
        if self.options.detected is None:
            return self.options.profile, (), ""
        found = detect(self.items.values(), {group for one in self.captures for group in one.groups})
        told = Assumption(message=found.message, option="--cni", rule="CNI-2")
        return self.options.detected(found), (told,), found.message if found.isolates_all else ""

    def _nothing(self, sources: Sequence[str], gaps: Sequence[Gap]) -> str:
        looked = describe_search(sources)
        if self.captures and len(self.captures) == self.files:
            why = ": the user may not list them" if any(gap.unread.denied for gap in gaps) else ""
            hint = "\n  hint: `netcheck rbac` prints the rights that reading a cluster takes" if why else ""
            return f"no object of {looked} could be read{why}{hint}"
        if not self.files:
            return f"no *.yaml, *.yml or *.json file in {looked}"
        files = "1 file" if self.files == 1 else f"{self.files} files"
        first = next((f": {problem}" for problem in self.problems if problem.severity is Severity.ERROR), "")
        return f"no Kubernetes object (a document with `apiVersion` and `kind`) in {looked}: {files} read{first}"


def load(sources: Sequence[str], options: LoadOptions | None = None) -> Loaded:
    """Load sources, each overlaying those before it.

    Raises:
        InputError: a source is missing, or nothing in them is a Kubernetes object.
        UsageError: a source is of a kind that is not supported.
    """
    options = options or LoadOptions()
    if not sources:
        raise InputError("no source: name a file, a directory, `-`, or `git:REV[:PATH]`")
    reading = Reading(
        stdin=options.stdin, rendering=options.rendering, namespace=options.namespace, access=options.access,
        namespaces=options.namespaces, progress=options.progress,
    )  # fmt: skip
    return _collected((files_of(source, reading) for source in sources), options, sources)


def load_text(text: str, name: str = "input.yaml", options: LoadOptions | None = None) -> Loaded:
    """Load one text as if it were the file `name`.

    Raises:
        InputError: nothing in it is a Kubernetes object.
    """
    file = SourceFile(name, lambda: text.encode(errors="surrogatepass"))
    return _collected([[file]], options or LoadOptions(), [name])


def _collected(given: Iterable[Iterable[SourceFile]], options: LoadOptions, sources: Sequence[str]) -> Loaded:
    run = _Loading(options)
    enabled = gc.isenabled()
    gc.disable()  # nothing here makes cycles, and collecting costs a third of the time
    try:
        for files in given:
            run.source(files)
        return run.finish(sources)
    finally:
        if enabled:
            gc.enable()
