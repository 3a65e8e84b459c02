"""`netcheck lint`: what is wrong or dangerous."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.config import Config, LintConfig
from netcheck.cli.inputs import configuration, is_lossy, load_inputs, split_names
from netcheck.cli.options import CONTEXT, Inputs, flag, option, reads_input
from netcheck.cli.outputs import STDOUT, Output, parse_outputs, to_stdout, write
from netcheck.cli.repository import at_revision, relative_to_repository
from netcheck.cli.rewriting import hindrance, patch, told, write_files
from netcheck.cli.styles import style_of
from netcheck.errors import InputError, UsageError
from netcheck.lint import baseline
from netcheck.lint.finding import SEVERITIES, Finding, LintResult, LintSettings
from netcheck.lint.fixing import Files, Fixed, fixed, with_edits
from netcheck.lint.joined import joined_inputs, joined_results
from netcheck.lint.run import lint as check
from netcheck.lint.scope import scoped
from netcheck.load.sources import is_captured
from netcheck.model.cluster import Loaded
from netcheck.report.finding_table import finding_table
from netcheck.report.json_findings import findings
from netcheck.report.located import Relative

FORMATS = ("table", "json", "sarif", "junit", "github", "gitlab")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What one run is told."""

    inputs: Inputs
    config: Config
    settings: LintSettings
    relative: Relative
    fail_on: str
    baseline: str | None
    write_baseline: str | None
    changed_since: str | None
    fixing: str
    unsafe_fixes: bool


@click.command("lint", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    says="warning",
    text="Exit 1 on findings of this severity or a worse one.",
)
@flag("--pedantic", text="Heuristic rules too: they may cry wolf.")
@option("--select", metavar="RULE", multiple=True, says="all", text="Only this rule, by its code or name. Repeatable.")
@option("--ignore", metavar="RULE", multiple=True, says="none", text="Not this rule. Repeatable; wins over --select.")
@option("--baseline", metavar="FILE", says="none", text="Leave out the findings that this file knows.")
@option(
    "--write-baseline",
    metavar="FILE",
    says="none",
    text="Write what is found now to this file, for --baseline, and exit 0.",
)
@option(
    "--changed-since",
    metavar="REV",
    says="none",
    text="Only findings that git revision REV does not have; both are judged whole.",
)
@flag("--fix", text="Write the fixes that are safe and proved to change what they say, and report what remains.")
@flag("--diff", text="Print the same as a patch on stdout, and write nothing.")
@flag("--unsafe-fixes", text="With --fix or --diff: also those for which what the author meant is not certain.")
def lint(
    inputs: Inputs,
    *,
    fail_on: str | None,
    pedantic: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    baseline: str | None,
    write_baseline: str | None,
    changed_since: str | None,
    fix: bool,
    diff: bool,
    unsafe_fixes: bool,
) -> int:
    """Say what is wrong or dangerous in the policies: the rules of `netcheck rules`.

    A finding is left out by a note: `# netcheck: ignore[NC101] because ... until 2027-01-31` on its line, or the
    object's annotation `netcheck/ignore`. --fix edits files of the repository around the current directory. Exit 0 iff there is no finding at or above --fail-on, 1 iff there is one.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    config = configuration(inputs)
    run = _Run(
        inputs=inputs,
        config=config,
        settings=_settings(config.lint, pedantic, select, ignore),
        relative=relative_to_repository(Path.cwd()),
        fail_on=fail_on or config.lint.fail_on or "warning",
        baseline=baseline or config.lint.baseline or None,
        write_baseline=write_baseline,
        changed_since=changed_since,
        fixing="fix" if fix else "diff" if diff else "",
        unsafe_fixes=unsafe_fixes,
    )
    if fix or diff or unsafe_fixes:
        _check_fixing(run, both=fix and diff)
    loaded, result = _checked(run)
    compared = _compared(result, run, tells_gone=run.fixing != "fix")
    if run.fixing == "diff":
        _print_patch(loaded, result, compared, run)
        outputs = tuple(item for item in outputs if item.file != STDOUT)
    elif run.fixing:
        loaded, result = _with_fixes(loaded, result, compared, run)
        compared = _compared(result, run)
    result = compared
    if any(item.format in ("json", "sarif") for item in outputs) and any(item.fixes for item in result.findings):
        result = _with_edits(result)
    if to_stdout(outputs) not in ("json", "sarif", "github"):
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, run, loaded, result) for item in outputs})
    return exit_codes.decide(
        negative=run.write_baseline is None and bool(_failing(result, run.fail_on)),
        incomplete=is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _checked(run: _Run) -> tuple[Loaded, LintResult]:
    """Return what was loaded and found. Sources that are rendered are a cluster each: overlays of one base are variants."""
    sources = run.inputs.sources
    rendered = run.inputs.kustomize or run.inputs.helm or run.inputs.helm_values
    if not rendered or len(sources) < 2:
        loaded = load_inputs(run.inputs, run.config)
        return loaded, _reported(check(loaded, run.settings), run)
    each = [load_inputs(replace(run.inputs, sources=(source,)), run.config) for source in sources]
    results = [check(loaded, run.settings) for loaded in each]
    return joined_inputs(each), _reported(joined_results(results), run)


def _reported(result: LintResult, run: _Run) -> LintResult:
    """Return the findings of the namespaces that the report is of."""
    return scoped(result, split_names(run.inputs.only_namespace), split_names(run.inputs.exclude_namespace))


def _check_fixing(run: _Run, *, both: bool) -> None:
    """Raise UsageError iff options do not go together with --fix, --diff and --unsafe-fixes."""
    if both:
        raise UsageError("--fix writes and --diff prints: give one of them")
    if not run.fixing:
        raise UsageError("--unsafe-fixes goes with --fix or --diff")
    if run.write_baseline is not None:
        raise UsageError(f"--{run.fixing} and --write-baseline do not go together")
    if run.inputs.kustomize or run.inputs.helm or run.inputs.helm_values:
        raise UsageError(
            f"--{run.fixing} edits files as they are: rendered ones have none\n  hint: run it without rendering"
        )
    for source in run.inputs.sources:
        if source == "-" or source.startswith("cluster:"):  # neither is read twice alike
            raise UsageError(f"--{run.fixing} edits files, and `{source}` is none")
    if run.fixing == "diff" and any("=" not in text for text in run.inputs.output):
        raise UsageError("--diff prints to stdout: give other outputs a file, -o FORMAT=FILE")


def _fixed(loaded: Loaded, result: LintResult, compared: LintResult, run: _Run) -> Fixed:
    files = Files(
        read=lambda file: Path(file).read_bytes(),
        hindrance=hindrance,
        load=lambda texts: load_inputs(replace(run.inputs, no_progress=True), run.config, texts),
    )
    return fixed(loaded, result, compared.findings, files, run.settings, unsafe=run.unsafe_fixes)


def _with_fixes(loaded: Loaded, result: LintResult, compared: LintResult, run: _Run) -> tuple[Loaded, LintResult]:
    """Write the fixes of the reported findings, and return what is loaded and found then."""
    outcome = _fixed(loaded, result, compared, run)
    write_files(outcome.texts)
    if not run.inputs.quiet:
        screen.note("\n".join(told(outcome, run.relative, word="fixed")))
    return outcome.loaded, outcome.result


def _print_patch(loaded: Loaded, result: LintResult, compared: LintResult, run: _Run) -> None:
    outcome = _fixed(loaded, result, compared, run)
    sys.stdout.writelines(patch(outcome.texts, lambda file: Path(file).read_bytes(), run.relative))
    if not run.inputs.quiet:
        screen.note("\n".join(told(outcome, run.relative, word="would fix")))


def _with_edits(result: LintResult) -> LintResult:
    return with_edits(result, lambda file: Path(file).read_bytes())


def _compared(result: LintResult, run: _Run, *, tells_gone: bool = True) -> LintResult:
    """Return the result without what the revision or the baseline has; writes the baseline if that is wanted."""
    if run.changed_since is not None:
        before = _before(run.changed_since, run)
        result = replace(result, findings=baseline.introduced(result.findings, before))
    if run.write_baseline is not None:
        _write_text(run.write_baseline, baseline.written(result.findings, run.relative))
    elif run.baseline is not None:
        known = baseline.read(_text(run.baseline), run.baseline)
        compared = baseline.compare(result.findings, known, run.relative)
        if compared.gone and tells_gone and not run.inputs.quiet:
            screen.note(_gone(run.baseline, compared.gone))
        result = replace(result, findings=compared.new, known=compared.known)
    return result


def _gone(file: str, gone: Sequence[baseline.Key]) -> str:
    some = "; ".join(f"{rule} of {about or path}" for rule, about, path in gone[:3])
    more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
    return f"{file} knows findings that are gone: {some}{more}\n  hint: write it again with --write-baseline {file}"


def _before(revision: str, run: _Run) -> Sequence[Finding]:
    """Return the findings of the same sources at a revision; of sources that it does not have: none.

    Raises:
        UsageError: a source has no earlier state.
    """
    start = Path.cwd()
    for source in run.inputs.sources:
        if source == "-" or source.startswith("git:") or is_captured(source):
            raise UsageError(f"--changed-since needs files of a repository, and `{source}` is none")
    sources = tuple(at_revision(source, revision, start) for source in run.inputs.sources or (".",))
    try:
        loaded = load_inputs(replace(run.inputs, sources=sources), run.config)
    except InputError as error:
        if "has no path" in str(error) or "no Kubernetes object" in str(error) or str(error).startswith("no *.yaml"):
            return ()
        raise
    return check(loaded, run.settings).findings


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--baseline: `{file}` cannot be read: {(error.strerror or 'unknown reason').lower()}"
        ) from None
    except ValueError:
        raise UsageError(f"--baseline: `{file}` is not valid UTF-8 text") from None


def _write_text(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise UsageError(f"--write-baseline: `{file}` cannot be written: {why}") from None


def _pieces(output: Output, run: _Run, loaded: Loaded, result: LintResult) -> Iterable[str]:
    match output.format:
        case "json":
            return findings(loaded, result)
        case "sarif":
            from netcheck.lint.catalogue import RULES  # noqa: PLC0415 - formats are loaded when they are wanted
            from netcheck.report.sarif import sarif  # noqa: PLC0415

            return sarif(loaded, result, RULES, run.relative)
        case "junit":
            from netcheck.lint.catalogue import RULES  # noqa: PLC0415
            from netcheck.report.junit import junit  # noqa: PLC0415

            return junit(result, RULES, _severities_that_fail(run.fail_on), run.relative)
        case "github":
            from netcheck.report.workflow_commands import workflow_commands  # noqa: PLC0415

            return workflow_commands(loaded, result, run.relative)
        case "gitlab":
            from netcheck.report.code_quality import code_quality  # noqa: PLC0415

            return code_quality(result, run.relative)
        case _:
            return finding_table(loaded, result, style_of(output, run.inputs))


def _settings(config: LintConfig, pedantic: bool, select: tuple[str, ...], ignore: tuple[str, ...]) -> LintSettings:
    return LintSettings(
        pedantic=pedantic,
        select=split_names(select) or config.select,
        ignore=split_names(ignore) | config.ignore,
        severity=config.severity,
        paths=config.paths,
        today=dt.datetime.now(tz=dt.UTC).date(),
    )


def _severities_that_fail(fail_on: str) -> tuple[str, ...]:
    return SEVERITIES[: [*SEVERITIES].index(fail_on) + 1] if fail_on in SEVERITIES else ()


def _failing(result: LintResult, fail_on: str) -> list[Finding]:
    severities = _severities_that_fail(fail_on)
    return [finding for finding in result.findings if finding.severity in severities]
