"""Charts and kustomizations are rendered by the programs that own them; without these, a hint and no silent skip."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcheck.errors import InputError
from netcheck.load.loader import LoadOptions, load
from netcheck.load.rendering import Rendering

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: a, image: a}]}\n"
HELM = """#!/bin/sh
printf '%s ' "$@" > "$LOG"
printf -- '---\\n# Source: shop/templates/web.yaml\\napiVersion: v1\\nkind: Namespace\\nmetadata: {name: web}\\n'
printf -- '---\\n# Source: shop/templates/web.yaml\\napiVersion: v1\\nkind: Namespace\\nmetadata: {name: two}\\n'
printf -- '---\\n# Source: shop/charts/db/templates/db.yaml\\napiVersion: v1\\nkind: Namespace\\nmetadata: {name: db}\\n'
"""
KUSTOMIZE = """#!/bin/sh
[ "$1" = build ] && shift
printf 'apiVersion: v1\\nkind: Namespace\\nmetadata: {name: %s}\\n' "$(basename "$1")"
"""
FAILING = "#!/bin/sh\necho 'no such chart' >&2\nexit 3\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put programs of these names and texts on the PATH, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("basename", "sh"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))

    def install(name: str, text: str) -> None:
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)

    return install


def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (folder / "templates" / "web.yaml").write_text("kind: {{ .Values.kind }}\n")
    return folder


def kustomization(folder: Path, text: str = "resources: [pod.yaml]\n") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(text)
    (folder / "pod.yaml").write_text(POD % folder.name)


def names(loaded) -> list[str]:
    return sorted(name for name, item in loaded.cluster.namespaces.items() if item.place is not None)


def test_a_chart_is_rendered_and_its_objects_are_placed_in_their_templates(tmp_path, programs):
    programs("helm", HELM)
    folder = chart(tmp_path)
    values = tmp_path / "prod.yaml"
    values.write_text("kind: Pod\n")
    rendering = Rendering(helm=True, values=(str(values),))
    loaded = load([str(folder)], LoadOptions(rendering=rendering, namespace="prod"))
    assert names(loaded) == ["db", "two", "web"]
    place = loaded.cluster.namespaces["two"].place
    assert place is not None
    assert place.file == f"{folder}/templates/web.yaml [rendered]"
    assert place.line > 4
    assert loaded.cluster.namespaces["db"].place.file == f"{folder}/charts/db/templates/db.yaml [rendered]"
    asked = (tmp_path / "log").read_text()
    assert f"template shop {folder} --namespace prod" in asked
    assert f"--values {values}" in asked


def test_without_helm_there_is_a_hint_and_no_result(tmp_path, programs):
    with pytest.raises(InputError, match=r"`helm` was not found\n  hint: install helm"):
        load([str(chart(tmp_path))], LoadOptions(rendering=Rendering(helm=True)))


def test_what_the_program_says_is_passed_on(tmp_path, programs):
    programs("helm", FAILING)
    with pytest.raises(InputError, match=r"chart `.*/shop`: `helm template shop` failed: no such chart"):
        load([str(chart(tmp_path))], LoadOptions(rendering=Rendering(helm=True)))


@pytest.mark.parametrize("program", ["kustomize", "kubectl"])
def test_a_kustomization_is_rendered_by_either_program(tmp_path, programs, program):
    programs(program, KUSTOMIZE.replace("= build", "= kustomize") if program == "kubectl" else KUSTOMIZE)
    kustomization(tmp_path / "app")
    loaded = load([str(tmp_path / "app")], LoadOptions(rendering=Rendering(kustomize=True)))
    assert names(loaded) == ["app"]
    assert loaded.cluster.namespaces["app"].place.file == f"{tmp_path}/app/kustomization.yaml [rendered]"
    assert loaded.cluster.pods == ()


def test_bases_and_components_are_parts_of_others(tmp_path, programs):
    programs("kustomize", KUSTOMIZE)
    kustomization(tmp_path / "tree" / "base")
    kustomization(tmp_path / "tree" / "extra", "kind: Component\n")
    kustomization(tmp_path / "tree" / "overlays" / "dev", "resources: [../../base]\n")
    kustomization(tmp_path / "tree" / "overlays" / "prod", "resources: [../../base]\ncomponents: [../../extra]\n")
    (tmp_path / "tree" / "plain.yaml").write_text("{apiVersion: v1, kind: Namespace, metadata: {name: plain}}")
    loaded = load([str(tmp_path / "tree")], LoadOptions(rendering=Rendering(kustomize=True)))
    assert names(loaded) == ["dev", "plain", "prod"]


def test_without_a_program_there_is_a_hint_and_no_result(tmp_path, programs):
    kustomization(tmp_path / "app")
    with pytest.raises(InputError, match=r"neither `kustomize` nor `kubectl` was found\n  hint: "):
        load([str(tmp_path / "app")], LoadOptions(rendering=Rendering(kustomize=True)))


def test_nothing_is_run_unless_it_is_asked_for(tmp_path, programs):
    programs("kustomize", FAILING)
    kustomization(tmp_path / "app")
    assert [pod.name for pod in load([str(tmp_path / "app")], LoadOptions()).cluster.pods] == ["app"]
