"""Charts and kustomizations to manifests, by the programs that own these formats: `helm`, `kustomize` or `kubectl`.

Nothing is fetched, installed or written. A rendered file is named after what it was rendered from, with ` [rendered]`:
its lines are those of the rendered text.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from netcheck.errors import InputError
from netcheck.load import kustomize
from netcheck.load.rendering import RENDERED, Rendered, Rendering

CHART = "Chart.yaml"
TIME_LIMIT = 120
"""Seconds after which a program is stopped."""
_SOURCE = re.compile(r"^# Source: (?P<path>\S.*)$", re.MULTILINE)


def kustomization_in(folder: str) -> str:
    """Return the kustomization file of a folder, or nothing."""
    return next((name for name in kustomize.FILES if Path(folder, name).is_file()), "")


def chart(folder: str, rendering: Rendering, namespace: str) -> Iterator[Rendered]:
    """Yield what `helm template` prints for a chart, one text for each template.

    Raises:
        InputError: there is no helm, or it fails.
    """
    program = shutil.which("helm")
    if program is None:
        raise InputError(
            f"--helm: `{folder}` holds a chart, and the program `helm` was not found\n"
            "  hint: install helm, or pipe what it prints: `helm template CHART | netcheck ... -`"
        )
    values = [argument for file in rendering.values for argument in ("--values", file)]
    release = re.sub(r"[^a-z0-9-]+", "-", Path(folder).resolve().name.lower()).strip("-")[:53] or "release"
    command = [program, "template", release, folder, "--namespace", namespace, "--include-crds", *values]
    yield from _by_template(_printed(command, f"chart `{folder}`"), folder)


def _by_template(text: str, folder: str) -> Iterator[Rendered]:
    """Yield the documents of each template together; helm writes where each document is from."""
    parts: dict[str, list[str]] = {}
    for document in re.split(r"^---\s*$", text, flags=re.MULTILINE):
        found = _SOURCE.search(document)
        if document.strip():
            parts.setdefault(found["path"] if found else "", []).append(document.strip("\n"))
    for path, documents in parts.items():
        # helm names the chart first, whatever its folder is called: `shop/templates/web.yaml`
        inside = path.partition("/")[2]
        name = os.path.join(folder, inside) if inside else os.path.join(folder, CHART)  # noqa: PTH118 - as given
        yield Rendered(f"{name}{RENDERED}", "\n---\n".join(documents) + "\n")


def kustomization(folder: str) -> Rendered:
    """Return what `kustomize build`, or else `kubectl kustomize`, prints for a folder.

    Raises:
        InputError: there is neither, or it fails.
    """
    name = os.path.join(folder, kustomization_in(folder))  # noqa: PTH118 - as given
    text = _printed([*_kustomize(folder), folder], f"kustomization `{name}`")
    return Rendered(f"{name}{RENDERED}", text)


def parts_of_others(folder: str) -> frozenset[str]:
    """Return the folders below `folder` whose kustomization is a component, or is used by another one there.

    They are rendered as parts of those that use them, never by themselves.
    """
    found: set[str] = set()
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        for name in kustomize.FILES:
            if name in names:
                said = kustomize.parts(Path(root, name).read_bytes())
                found.update(os.path.realpath(os.path.join(root, path)) for path in said.folders)  # noqa: PTH118
                if said.component:
                    found.add(os.path.realpath(root))
    return frozenset(found)


def _kustomize(folder: str) -> Sequence[str]:
    for program, arguments in (("kustomize", ("build",)), ("kubectl", ("kustomize",))):
        found = shutil.which(program)
        if found is not None:
            return (found, *arguments)
    raise InputError(
        f"--kustomize: `{folder}` holds a kustomization, and neither `kustomize` nor `kubectl` was found\n"
        "  hint: install one of them, or pipe what it prints: `kubectl kustomize DIR | netcheck ... -`"
    )


def _printed(command: Sequence[str], what: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=TIME_LIMIT, stdin=subprocess.DEVNULL)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise InputError(f"{what}: `{_named(command)}` did not end within {TIME_LIMIT} s") from None
    except OSError as error:
        raise InputError(f"{what}: `{_named(command)}` cannot be run: {error.strerror or 'unknown reason'}") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:500] or "it says nothing"
        raise InputError(f"{what}: `{_named(command)}` failed: {said}")
    return done.stdout.decode("utf-8", "replace")


def _named(command: Sequence[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:3]])
