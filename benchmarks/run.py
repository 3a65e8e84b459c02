"""Time commands as their users meet them: whole processes, wall and CPU seconds and peak memory, median of N runs.

    python -m benchmarks.run --sizes 100,1000,10000 --repeat 3 --json results.json
    python -m benchmarks.run --peer-nca PATH/TO/nca --sizes 100,1000

Inputs are generated once into `--data` and reused. A case that fails, times out or is not built yet is reported as such
and the rest goes on; the exit code is 1 iff a case that has a budget missed it and `--strict` is given.

Peak memory is that of the command's own process. Linux starts it at the memory of the process that forks, so this one
stays small: inputs are generated in a child.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "testdata" / "quickstart"
LISTED = (0, 4)
"""Exit codes of `list` when it came to its end (docs/cli.md)."""
ANSWERED = (0, 1, 4)
"""Exit codes of `lint` and `query` when they came to their end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """An input to generate: its folder's name and the generator's options; beside it `NAME-HOW` for each of `others`.

    With `intents` there is `NAME-intents.yaml` too, with so many.
    """

    name: str
    options: tuple[str, ...]
    others: tuple[str, ...] = ()
    intents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command to time.

    Attributes:
        data: what to generate first, or None.
        budget_s: CPU seconds of docs/measurements.md, or None.
        limit_s: wall seconds after which it is stopped.
        good: exit codes that count as success.
    """

    name: str
    command: tuple[str, ...]
    data: Data | None = None
    budget_s: float | None = None
    limit_s: float = 120
    good: tuple[int, ...] = LISTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: what it cost and how it ended."""

    wall_s: float
    cpu_s: float
    rss_mb: float
    code: int
    timed_out: bool = False
    stdout_bytes: int = 0
    stderr_tail: str = ""

    def failure(self, good: Sequence[int]) -> str:
        """Return what went wrong, or nothing. A command that says nothing has not done its work, whatever its exit code."""
        if self.timed_out:
            return "timeout"
        if self.code not in good:
            return f"exit {self.code}"
        if "Traceback" in self.stderr_tail:
            return "traceback"
        return "" if self.stdout_bytes else "no output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The runs of a case in short; `outcome` is `ok`, `timeout`, `exit N`, `traceback`, `no output` or `error`, with the command's last words."""

    name: str
    outcome: str
    wall_s: float | None = None
    cpu_s: float | None = None
    rss_mb: float | None = None
    budget_s: float | None = None
    runs: tuple[Run, ...] = ()
    command: tuple[str, ...] = ()
    note: str = field(default="")

    @property
    def over_budget(self) -> bool:
        """Whether it has a budget and did not keep it."""
        return self.budget_s is not None and (self.cpu_s is None or self.cpu_s > self.budget_s)


# ------------------------------------------------------------------------------------------------------ stopwatch


def run_once(command: Sequence[str], limit_s: float) -> Run:
    """Run a command to its end or its limit; the whole process group is stopped at the limit."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True)
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            os.killpg(child.pid, signal.SIGKILL)

        timer = threading.Timer(limit_s, stop)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        return Run(
            wall_s=wall,
            cpu_s=usage.ru_utime + usage.ru_stime,
            rss_mb=usage.ru_maxrss / 1024,
            code=child.returncode,
            timed_out=stopped.is_set(),
            stdout_bytes=out.seek(0, os.SEEK_END),
            stderr_tail=err.read().decode("utf-8", "replace").strip()[-2000:],
        )


def measure(case: Case, repeat: int) -> Result:
    """Run a case `repeat` times (once if it fails or is slow) and take medians."""
    runs: list[Run] = []
    for _ in range(repeat):
        runs.append(run_once(case.command, case.limit_s))
        if runs[-1].failure(case.good) or runs[-1].wall_s > case.limit_s / 3:
            break
    last = runs[-1]
    outcome = last.failure(case.good) or "ok"
    return Result(
        name=case.name,
        outcome=outcome,
        wall_s=statistics.median(run.wall_s for run in runs),
        cpu_s=statistics.median(run.cpu_s for run in runs) if outcome == "ok" else None,
        rss_mb=max(run.rss_mb for run in runs),
        budget_s=case.budget_s,
        runs=tuple(runs),
        command=case.command,
        note=last.stderr_tail.splitlines()[-1][:120] if outcome != "ok" and last.stderr_tail else "",
    )


def prepare(data: Data, home: Path) -> Path:
    """Generate an input unless it is there already, and return its folder."""
    folder = home / data.name
    done = folder.with_suffix(".done")
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "benchmarks.generate", str(folder), *data.options]
        subprocess.run(command, cwd=ROOT, check=True)
        done.touch()
    for how in data.others:
        other = home / f"{data.name}-{how}"
        if not other.exists():
            command = [sys.executable, "-m", "benchmarks.rewrite", str(folder), str(other), "--how", how]
            subprocess.run(command, cwd=ROOT, check=True)
    if data.intents:
        command = [sys.executable, "-m", "benchmarks.intents", f"{folder}-intents.yaml", "--count", str(data.intents)]
        subprocess.run(command, cwd=ROOT, check=True)
    return folder


# ---------------------------------------------------------------------------------------------------------- cases


def _data(pods: int, policies: int, form: str, shape: str = "realistic", admin: int = 0) -> Data:
    name = f"{shape}-{pods}-{policies}-{form}" + (f"-{admin}" if admin else "")
    options = ("--pods", str(pods), "--policies", str(policies), "--form", form, "--shape", shape)
    return Data(name=name, options=(*options, "--admin-rules", str(admin)))


def policies_for(pods: int) -> int:
    """Return the number of policies that goes with a number of pods."""
    return 10_000 if pods >= 150_000 else max(10, pods // 10)


BUDGETS = {("list", "json", 10_000): 1.0, ("list", "yaml", 10_000): 1.5, ("list", "json", 150_000): 10.0}


ENDS = ("--from", "ns-0/app-0", "--to", "ns-0/app-1", "--port", "8080")
"""Two workloads that every generated cluster of more than a few pods has."""


def netcheck_cases(netcheck: tuple[str, ...], sizes: Sequence[int], home: Path) -> Iterator[Case]:
    """Yield the cases of docs/measurements.md that need no Z3, for the sizes asked for."""
    table = ("-o", "table")
    yield Case(name="--help", command=(*netcheck, "--help"), budget_s=0.15, good=(0,))
    yield Case(name="--version", command=(*netcheck, "--version"), budget_s=0.15, good=(0,))
    yield Case(name="list quickstart", command=(*netcheck, "list", str(QUICKSTART), *table), budget_s=0.25)
    tiny = _data(220, 20, "yaml")
    yield Case(
        name="list tiny YAML", command=(*netcheck, "list", str(home / tiny.name), *table), data=tiny, budget_s=0.25
    )
    files = _data(6_200, 150, "files")
    yield Case(
        name="lint 1,000 manifests",
        command=(*netcheck, "lint", str(home / files.name), *table),
        data=files,
        budget_s=3.0,
        good=ANSWERED,
    )
    for pods in sizes:
        for form in ("json", "yaml"):
            data = _data(pods, policies_for(pods), form)
            folder = str(home / data.name)
            label = f"{pods:,}/{policies_for(pods):,} {form.upper()}"
            yield Case(
                name=f"list {label}",
                command=(*netcheck, "list", folder, *table),
                data=data,
                budget_s=BUDGETS.get(("list", form, pods)),
                limit_s=300,
            )
            if form == "yaml":
                yield Case(
                    name=f"query {label}",
                    command=(*netcheck, "query", folder, *ENDS),
                    data=data,
                    limit_s=300,
                    good=ANSWERED,
                )
    if max(sizes, default=0) >= 10_000:
        tiers = _data(10_000, 1_000, "json", admin=200)
        yield Case(
            name="list 10,000/1,000 and 200 admin rules JSON",
            command=(*netcheck, "list", str(home / tiers.name), *table),
            data=tiers,
            limit_s=300,
        )
        hard = _data(10_000, 6_000, "json", "adversarial")
        yield Case(
            name="list 10,000/6,000 adversarial",
            command=(*netcheck, "list", str(home / hard.name), *table),
            data=hard,
            budget_s=10.0,
            limit_s=300,
        )


def way_cases(netcheck: tuple[str, ...], sizes: Sequence[int], home: Path) -> Iterator[Case]:
    """Yield what tells of ways in, over a cluster with a Service, an Ingress and an HTTPRoute for every twenty pods."""
    for pods in sizes:
        if not 1_000 <= pods <= 10_000:
            continue
        count, plain = pods // 20, _data(pods, policies_for(pods), "json")
        data = Data(name=f"{plain.name}-ways-{count}", options=(*plain.options, "--ways-in", str(count)))
        folder = str(home / data.name)
        for words in (
            ("list",),
            ("exposure",),
            ("routes",),
            ("trace", "--to", "http://gateway-3.example.com/"),
            ("trace", "--requests", f"{folder}-requests.json"),
        ):
            name = "trace 1,000 requests" if "--requests" in words else words[0]
            yield Case(
                name=f"{name} {pods:,}/{policies_for(pods):,}/{count:,} ways JSON",
                command=(*netcheck, words[0], folder, *words[1:], "-o", "json"),
                data=data,
                limit_s=300,
                good=ANSWERED,
            )


def comparison_cases(netcheck: tuple[str, ...], sizes: Sequence[int], home: Path) -> Iterator[Case]:
    """Yield a diff as of a pull request, and proofs that two sets of 200 and of 1,000 policies are equal everywhere."""
    if max(sizes, default=0) >= 10_000:
        data = replace(_data(10_000, 1_000, "json"), others=("changed",))
        yield Case(
            name="diff 10,000/1,000 JSON",
            command=(*netcheck, "diff", str(home / data.name), str(home / f"{data.name}-changed"), "-o", "table"),
            data=data,
            limit_s=300,
            good=ANSWERED,
        )
        asked = replace(_data(10_000, 1_000, "json"), intents=100)
        yield Case(
            name="verify 100 intents 10,000/1,000 JSON",
            command=(
                *netcheck,
                "verify",
                str(home / asked.name),
                "--intents",
                str(home / f"{asked.name}-intents.yaml"),
            ),
            data=asked,
            budget_s=20.0,
            limit_s=300,
            good=ANSWERED,
        )
        for policies in (10, 1_000):  # nearly everything is open, and a third of it
            open_ = _data(10_000, policies, "json")
            yield Case(
                name=f"suggest 10,000/{policies:,} JSON",
                command=(*netcheck, "suggest", str(home / open_.name), "-o", "json"),
                data=open_,
                limit_s=300,
                good=ANSWERED,
            )
    for policies, budget in ((200, 10.0), (1_000, 120.0)):
        data = replace(_data(1_000, policies, "json"), others=("rewritten",))
        sides = (str(home / data.name), str(home / f"{data.name}-rewritten"))
        yield Case(
            name=f"compare {policies:,} policies",
            command=(*netcheck, "compare", *sides, "--solver-timeout", "120"),
            data=data,
            budget_s=budget,
            limit_s=300,
            good=(0,),
        )


def nca_cases(nca: str, sizes: Sequence[int], home: Path, limit_s: float) -> Iterator[Case]:
    """Yield connectivity listings of network-config-analyzer on the same YAML, where it can end in time."""
    for pods in sizes:
        data = _data(pods, policies_for(pods), "yaml")
        command = (nca, "--resource_list", str(home / data.name), "--connectivity", "--output_format", "txt")
        label = f"{pods:,}/{policies_for(pods):,} YAML"
        yield Case(name=f"nca list {label}", command=command, data=data, limit_s=limit_s, good=(0,))


# --------------------------------------------------------------------------------------------------------- report


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def line(result: Result) -> str:
    """Return one row of the table."""
    mark = " OVER" if result.over_budget else ""
    cells = (
        f"{result.name:<34}",
        f"{_number(result.wall_s, 3):>9}",
        f"{_number(result.cpu_s, 3):>9}",
        f"{_number(result.rss_mb, 0):>8}",
        f"{_number(result.budget_s, 2):>8}",
        f"{result.outcome}{mark} {result.note}".rstrip(),
    )
    return "  ".join(cells)


HEAD = f"{'case':<34}  {'wall s':>9}  {'CPU s':>9}  {'RSS MB':>8}  {'budget':>8}  outcome"


def ratios(results: Sequence[Result]) -> Iterator[str]:
    """Yield how much longer the peer took on the same input, in wall seconds."""
    found = {result.name: result for result in results if result.outcome in ("ok", "timeout")}
    for name, peer in found.items():
        ours = found.get(name.removeprefix("nca "))
        if name.startswith("nca ") and ours and ours.outcome == "ok" and ours.wall_s and peer.wall_s:
            least = "at least " if peer.outcome == "timeout" else ""
            yield f"{ours.name}: network-config-analyzer takes {least}{peer.wall_s / ours.wall_s:,.0f} times as long"


def environment() -> dict[str, str]:
    """Return what figures must be read with: date, commit, machine, Python."""
    git = ("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": done.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def run_case(case: Case, home: Path, repeat: int) -> Result:
    """Prepare and measure a case; whatever goes wrong becomes its outcome."""
    try:
        if case.data:
            prepare(case.data, home)
        return measure(case, repeat)
    except (OSError, subprocess.SubprocessError) as failure:
        return Result(name=case.name, outcome="error", budget_s=case.budget_s, command=case.command, note=str(failure))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,1000,10000", help="pods, comma separated; 150000 needs 0.7 GB of disk")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "netcheck-benchmarks")
    parser.add_argument("--netcheck", default="", help="the command to time; default: this Python's netcheck")
    parser.add_argument(
        "--peer-nca", default="", metavar="PATH", help="`nca` of network-config-analyzer, in a venv of its own"
    )
    parser.add_argument("--peer-sizes", default="100,1000", help="pods for the peer, which grows faster than linear")
    parser.add_argument("--peer-limit", type=float, default=300, help="wall seconds after which the peer is stopped")
    parser.add_argument("--only", default="", help="only the cases whose name holds this text")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a budget is missed")
    return parser.parse_args(arguments)


def _sizes(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(",") if part)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases asked for, print the table, write the JSON."""
    given = parse(arguments)
    given.data.mkdir(parents=True, exist_ok=True)
    installed = Path(sys.executable).with_name("netcheck")
    netcheck = (given.netcheck,) if given.netcheck else (str(installed),)
    cases = list(netcheck_cases(netcheck, _sizes(given.sizes), given.data))
    cases += way_cases(netcheck, _sizes(given.sizes), given.data)
    cases += comparison_cases(netcheck, _sizes(given.sizes), given.data)
    if given.peer_nca:
        cases += nca_cases(given.peer_nca, _sizes(given.peer_sizes), given.data, given.peer_limit)
    context = environment()
    print(", ".join(f"{key} {value}" for key, value in context.items()))
    print(HEAD)
    results = []
    for case in cases:
        if given.only in case.name:
            results.append(run_case(case, given.data, given.repeat))
            print(line(results[-1]), flush=True)
    print(*ratios(results), sep="\n")
    if given.json:
        document = {"environment": context, "results": [asdict(result) for result in results]}
        given.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 1 if given.strict and any(result.over_budget for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
