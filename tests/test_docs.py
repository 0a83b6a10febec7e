"""Documents that would rot unless something reads them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from media_coverage import cli
from media_coverage.errors import ExitCode

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    names = []
    for name, command in cli.cli.commands.items():
        inner = getattr(command, "commands", None)
        names += [f"{name} {sub}" for sub in inner] if inner else [name]
    return names


@pytest.mark.parametrize("name", commands())
def test_the_readme_names_every_command(name: str) -> None:
    assert f"media-coverage {name}" in README


def test_the_readme_says_why_the_package_is_not_called_coverage() -> None:
    assert "coverage.py" in README


@pytest.mark.parametrize("code", [code.value for code in ExitCode])
def test_cron_docs_explain_every_exit_code(code: int) -> None:
    assert re.search(rf"^\| {code} \|", (ROOT / "docs" / "cron.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    for requirement in wanted:
        name = re.split(r"[<>=\[; ]", requirement)[0]
        assert f"| {name} |" in listed, name


def test_every_dependency_is_pinned_with_hashes_and_without_a_host() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = (ROOT / "constraints" / "run.txt").read_text(encoding="utf-8").lower()
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=\[; ]", requirement)[0].lower()
        assert re.search(rf"^{re.escape(name)}==[^\n]+\\\n +--hash=sha256:", pins, re.MULTILINE), name
    for file in (ROOT / "constraints").glob("*.txt"):
        assert "://" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("tool", ["schema_docs.py", "build_samples.py"])
def test_generated_files_are_up_to_date(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sql_in_the_readme_runs(tmp_path: Path) -> None:
    from media_coverage.store import open_store

    blocks = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    assert blocks
    with open_store(tmp_path / "empty.db", read_only=False) as store:
        for block in blocks:
            for statement in filter(str.strip, block.split(";")):
                store.query(statement)
