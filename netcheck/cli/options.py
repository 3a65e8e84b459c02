"""The options that every command with input has (docs/cli.md), and their values as one `Inputs`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import click
from click.core import ParameterSource

from netcheck.cli.plugin import WITHOUT_DEFAULT
from netcheck.errors import UsageError
from netcheck.load.cluster_api import Access
from netcheck.load.sources import CLUSTER, is_captured

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the shared options say, as given. The field names are the options' names."""

    sources: tuple[str, ...]
    kubeconfig: str | None
    context: str | None
    as_user: str | None
    as_group: tuple[str, ...]
    request_timeout: float | None
    namespace: str
    all_namespaces: bool
    each: bool
    only_namespace: tuple[str, ...]
    exclude_namespace: tuple[str, ...]
    kustomize: bool
    helm: bool
    helm_values: tuple[str, ...]
    cni: str | None
    assume: tuple[str, ...]
    pod_cidr: tuple[str, ...]
    service_cidr: tuple[str, ...]
    node_cidr: tuple[str, ...]
    ingress_controller: tuple[str, ...]
    cluster_domain: str | None
    config: str | None
    output: tuple[str, ...]
    quiet: bool
    verbose: bool
    no_color: bool
    no_progress: bool
    allow_incomplete: bool
    debug: bool

    @property
    def reported(self) -> tuple[str, ...]:
        """The namespace that the user named with -n for a cluster: the report is of it, the analysis of the whole."""
        return (self.namespace,) if self.namespace in self.only_namespace and self.is_of_cluster else ()

    @property
    def access(self) -> Access:
        """How the user wants to get to clusters."""
        return Access(
            kubeconfig=self.kubeconfig, context=self.context, user=self.as_user or "", groups=self.as_group,
            seconds=self.request_timeout,
        )  # fmt: skip

    @property
    def is_of_cluster(self) -> bool:
        """Whether a source is a cluster, or a snapshot of one."""
        return any(map(is_captured, self.sources))


def option(*names: str, says: str, text: str, **more: Any) -> Decorator:
    """Return a click option; `says` is its default in words, for the help."""
    return click.option(*names, help=f"{text} [default: {says}]", show_default=False, **more)


def _many(*names: str, text: str, says: str = "none", metavar: str) -> Decorator:
    return option(*names, text=f"{text} Repeatable.", says=says, metavar=metavar, multiple=True)


def flag(*names: str, text: str) -> Decorator:
    """Return an option without value, off by default."""
    return click.option(*names, is_flag=True, help=f"{text} [default: off]", show_default=False)


_SOURCES = """SOURCE is a file, a directory (read recursively: *.yaml, *.yml, *.json), `-` for stdin, `git:REV[:PATH]`, `cluster:` or
`cluster:CONTEXT` for a live cluster, or a snapshot of one (*.json.gz); the current directory if none is given (`kubectl netcheck`:
the current cluster). Later sources overlay earlier ones."""


def request_timeout() -> Decorator:
    """Return the option for the time that an answer of a cluster may take."""
    return option(
        "--request-timeout",
        type=click.FloatRange(min=0.001),
        metavar="SECONDS",
        says="60",
        text="How long one answer of a cluster may take.",
    )


def solver_timeout(text: str, seconds: float = 10.0) -> Decorator:
    """Return the option for the time that a question to the solver may take."""
    return option(
        "--solver-timeout",
        type=click.FloatRange(min=0.001),
        default=seconds,
        metavar="SECONDS",
        says=f"{seconds:g}",
        text=text,
    )


def _to_clusters() -> list[Decorator]:
    """Return the options that lead to a cluster; they are those of kubectl."""
    return [
        option(
            "--kubeconfig", metavar="FILE", says="as kubectl", text="For cluster: sources: where contexts are found."
        ),
        option("--context", metavar="NAME", says="the current one", text="For cluster: sources that name none."),
        option("--as", "as_user", metavar="USER", says="yourself", text="For cluster: sources: read as this user."),
        request_timeout(),
        _many("--as-group", metavar="GROUP", text="For cluster: sources: and as one of this group."),
    ]


def _shared(formats: Sequence[str]) -> list[Decorator]:
    listed = ", ".join(formats)
    return [
        click.argument("sources", metavar="[SOURCE]...", nargs=-1),
        *_to_clusters(),
        option(
            "-n",
            "--namespace",
            metavar="NS",
            default="default",
            says="default",
            text="Namespace of objects that name none; of clusters and snapshots also: report only on it.",
        ),
        flag("-A", "--all-namespaces", text="Of clusters: report on all namespaces, as without -n."),
        flag(
            "--each", text="Several clusters or snapshots: one report of each, and a summary; files are laid over each."
        ),
        _many("--only-namespace", metavar="NS", says="all", text="Report only what has an end in it."),
        _many("--exclude-namespace", metavar="NS", text="Leave its workloads out of the report."),
        flag("--kustomize", text="Render kustomizations with `kustomize` or `kubectl`, and read what they print."),
        flag("--helm", text="Render charts with `helm template`, and read what it prints."),
        _many("--helm-values", metavar="FILE", text="A values file for --helm, which it implies."),
        option(
            "--cni",
            metavar="PROFILE",
            says="generic",
            text="The CNI plugin whose behaviour counts where implementations differ: generic, calico, cilium, antrea, "
            "ovn-kubernetes, aws-vpc, kindnet, flannel, auto.",
        ),
        _many(
            "--assume", metavar="SWITCH=VALUE", text="One switch of the profile: yes, no or unknown; wins over --cni."
        ),
        _many("--pod-cidr", metavar="CIDR", says="the private ranges", text="Where pods without an address lie."),
        _many("--service-cidr", metavar="CIDR", says="not known", text="Where cluster IPs lie."),
        _many("--node-cidr", metavar="CIDR", says="the private ranges", text="Where nodes without an address lie."),
        _many(
            "--ingress-controller",
            metavar="[CLASS=]NS/LABELS",
            says="found by their usual labels",
            text="The pods of a proxy that serves Ingresses, Routes or Gateways (of one class), as k=v,k2=v2.",
        ),
        option("--cluster-domain", metavar="NAME", says="cluster.local", text="The zone of the cluster's DNS names."),
        option(
            "--config",
            metavar="FILE",
            says="looked for upwards",
            text="netcheck.yaml, .netcheck.yaml or [tool.netcheck] in pyproject.toml.",
        ),
        _many("-o", "--output", metavar="FORMAT[=FILE]", says="table", text=f"One of {listed}; to stdout or a file."),
        flag("-q", "--quiet", text="No notes, no warnings, no progress on stderr."),
        flag("-v", "--verbose", text="Every problem and every name, nothing folded away."),
        flag("--no-color", text="No colours; NO_COLOR does the same."),
        flag("--no-progress", text="No progress line; there is none anyway unless stderr is a terminal."),
        flag("--allow-incomplete", text="Exit 0 or 1 where it would be 4, on lost input or unknown verdicts."),
        flag("--debug", text="A traceback with every error."),
    ]


def _check_access(inputs: Inputs) -> None:
    """Raise UsageError iff options that lead to a cluster have no use."""
    if inputs.access != Access() and not any(source.startswith(CLUSTER) for source in inputs.sources):
        raise UsageError(
            "--kubeconfig, --context, --as, --as-group and --request-timeout say how to get to a cluster, and no source is one\n"
            "  hint: name the source `cluster:`, or `cluster:CONTEXT`"
        )
    if inputs.as_group and not inputs.as_user:
        raise UsageError("--as-group goes with --as")


def _with_default(inputs: Inputs) -> Inputs:
    """Return the inputs, of kubectl's plugin with the current cluster as source if none is named."""
    context = click.get_current_context()
    if inputs.sources or context.obj is None or context.command.name in WITHOUT_DEFAULT:
        return inputs
    return replace(inputs, sources=(context.obj,))


def names_namespace() -> bool:
    """Return whether the user wrote -n on the command line."""
    return click.get_current_context().get_parameter_source("namespace") is ParameterSource.COMMANDLINE


def _scoped(inputs: Inputs) -> Inputs:
    """Return the inputs, -n being what is reported on of a cluster, as users of kubectl expect."""
    _check_access(inputs)
    if not names_namespace() or inputs.all_namespaces or not inputs.is_of_cluster:
        return inputs
    return replace(inputs, only_namespace=(*inputs.only_namespace, inputs.namespace))


def reads_input(*formats: str) -> Decorator:
    """Give a command the shared options and call it with their values as its first argument."""
    names = [item.name for item in fields(Inputs)]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            inputs = _scoped(_with_default(Inputs(**{name: values.pop(name) for name in names})))
            if not inputs.each:
                return function(inputs, **values)
            from netcheck.cli.each import run_each  # noqa: PLC0415 - only where it is asked for

            return run_each(lambda one: function(one, **values), inputs)

        call.__doc__ = f"{inspect.getdoc(function)}\n\n{_SOURCES}"
        decorated: Callable[..., Any] = call
        for item in reversed(_shared(formats)):
            decorated = item(decorated)
        return decorated

    return decorate
