"""The shape of the project: whose name `coverage` is, who may import whom, what a wheel holds."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import media_coverage

PACKAGE = Path(media_coverage.__file__).parent
ROOT = PACKAGE.parents[2]

OWNERS = {
    "httpx2": {"fetch"},
    "httpcore2": {"fetch"},
    "feedparser": {"parse"},
    "trafilatura": {"fulltext"},
    "protego": {"fulltext"},
    "nh3": {"prose"},
    "py3langid": {"language"},
    "sqlite3": {"store"},
    "sqlite_utils": {"store"},
    "onnxruntime": {"classify"},
    "tokenizers": {"classify"},
    "transformers": {"hub", "finetune"},
    "onnx": {"export"},
    "safetensors": {"finetune"},
    "torch": {"hub", "finetune"},
    "huggingface_hub": {"hub"},
    "altair": {"charts"},
    "vl_convert": {"charts"},
    "jinja2": {"page"},
    "markupsafe": {"page", "serve"},
    "yaml": {"config"},
    "pydantic": {"config", "mapping"},
    "warcio": {"warc"},
    "datasette": {"serve"},
    "uvicorn": {"serve"},
    "click": {"cli", "commands"},
    "duckdb": {"lake"},
    "ray": {"engines"},
    "filelock": {"lock"},
    "pyarrow": {"parquet"},
    "ipywidgets": {"dashboard"},
}
"""One owner per foreign library (a library missing here may be imported anywhere). A package is one owner."""

PURE = frozenset(
    """topic prose identity framing estimate aggregate evaluation compare explain report charts calibration
    model_card schedule health dates wire stories opml agreement quantiles composition correction
    series fulltext events sample coding interchange trend attention drift multiverse shares news alerts material words
    page digest atom genre voices catalogue tables selection""".split()
)
"""Modules without clock, path, network or database: values in, values out."""

IMPURE = {
    "store",
    "fetch",
    "pipeline",
    "cli",
    "commands",
    "demo",
    "classify",
    "config",
    "parser_process",
    "lock",
    "interruption",
    "parquet",
    "datapackage",
    "serve",
    "webscreen",
    "lake",
    "engines",
    "labelling",
    "rehearsal",
    "dashboard",
}

ORDER = (
    dict.fromkeys("fetch parse parser_process store classify hub evaluation aggregate charts estimate".split(), 1)
    | dict.fromkeys("explain coded interchange finetune export correction series events lake engines".split(), 1)
    | dict.fromkeys("pipeline report compare train trend attention drift multiverse".split(), 2)
    | dict.fromkeys("doctor datapackage labelling".split(), 2)
    | dict.fromkeys("shares news alerts".split(), 1)
    | dict.fromkeys("material words page digest atom serve tables selection".split(), 2)
    | {
        "warc": 2,
        "backfill": 3,
        "demo": 3,
        "voices": 3,
        "rehearsal": 3,
        "dashboard": 3,
        "commands": 4,
        "cli": 5,
        "__main__": 6,
    }
)
"""Layers: imports go down or stay level. Modules not named are the ground (0)."""


THE_DEFAULTS = {"framing.py": "DEFAULT_FRAMES", "hub.py": "HYPOTHESES"}
"""Where the default frames are spelt out, and the hypotheses for them."""


def imports(module: Path) -> set[str]:
    """Names a module imports at run time: foreign top-level packages, and ours with a leading dot."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            if module.parent != PACKAGE and node.level == 1:
                continue  # within its own package
            found |= (
                {f".{node.module.partition('.')[0]}"} if node.module else {f".{alias.name}" for alias in node.names}
            )
    return found


MODULES = sorted(PACKAGE.rglob("*.py"))


def unit(module: Path) -> str:
    """What a module is called in the tables above: by its own name, or by that of the package that holds it."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_import_coverage_is_never_ours() -> None:
    found = importlib.util.find_spec("coverage")
    if found is not None and found.origin is not None:
        assert PACKAGE.parent not in Path(found.origin).parents
    assert found is None or found.submodule_search_locations is None or found.origin is not None
    assert PACKAGE.name == "media_coverage"
    assert not (PACKAGE.parent / "__init__.py").exists()


def test_imports_inside_the_package_are_relative() -> None:
    for module in MODULES:
        assert "media_coverage" not in imports(module), module.name


def test_each_foreign_library_has_one_owner() -> None:
    for module in MODULES:
        for name in imports(module) & set(OWNERS):
            assert unit(module) in OWNERS[name], f"{module.name} imports {name}"


def test_pure_modules_import_nothing_that_touches_the_world() -> None:
    for module in MODULES:
        if unit(module) in PURE:
            ours = {name[1:] for name in imports(module) if name.startswith(".")}
            assert not ours & IMPURE, module.name
            assert not imports(module) & {"pathlib", "time", "socket", "os", "sqlite3"}, module.name


def test_imports_go_down_the_layers() -> None:
    for module in MODULES:
        if unit(module) == "__init__":
            continue
        for name in {name[1:] for name in imports(module) if name.startswith(".")}:
            assert ORDER.get(unit(module), 0) >= ORDER.get(name, 0), f"{unit(module)} imports {name}"


def test_the_default_frames_are_named_in_one_place() -> None:
    """Which two frames are told apart is data: code that knows their names cannot serve another topic."""
    named = re.compile("hope|appease", re.IGNORECASE)
    sources = [*MODULES, *(PACKAGE / "templates").glob("*")]
    for path in sources:
        text = path.read_text(encoding="utf-8")
        allowed = THE_DEFAULTS.get(path.name)
        if allowed:
            (default,) = (
                node
                for node in ast.parse(text).body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == allowed
            )
            text = text.replace(ast.get_source_segment(text, default) or "", "")
        assert not named.findall(text), path.name


def test_every_source_file_is_under_version_control() -> None:
    """A pattern such as `coverage/` in .gitignore would hide the whole package."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing can be ignored")
    for module in MODULES:
        ignored = subprocess.run(["git", "check-ignore", "-q", str(module)], cwd=ROOT, check=False)  # noqa: S607
        assert ignored.returncode == 1, module


def test_public_names_can_be_imported() -> None:
    for name in media_coverage.__all__:
        assert getattr(media_coverage, name) is not None
    with pytest.raises(AttributeError):
        media_coverage.nothing_of_that_name  # noqa: B018


def test_every_public_function_and_class_has_a_docstring() -> None:
    for module in MODULES:
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{module.name}: {node.name}"


def test_the_wheel_holds_code_model_samples_and_templates(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".git", ".venv*", "demo", "build", "dist", "*.egg-info", ".*_cache")
    )
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"media_coverage/{path.relative_to(PACKAGE)}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected <= held
    for kind in (
        "model/model.onnx",
        "model/tokenizer.json",
        "model/LICENSE-",
        "samples/first/",
        "templates/",
        "py.typed",
    ):
        assert any(name.startswith(f"media_coverage/{kind}") for name in held), kind
    assert not any(name.startswith(("coverage/", "tests/")) for name in held)


def test_the_base_install_needs_no_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not any(name.startswith("torch") for name in project["dependencies"])
    pins = (ROOT / "constraints" / "run.txt").read_text(encoding="utf-8")
    assert "\ntorch==" not in pins
