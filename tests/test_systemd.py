"""The units in docs/systemd: what systemd says to them, and whether they fit the command."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from media_coverage import cli
from media_coverage.commands import collect
from media_coverage.errors import ExitCode

FOLDER = Path(__file__).parents[1] / "docs" / "systemd"
PAGE = (FOLDER.parent / "cron.md").read_text(encoding="utf-8")


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None, strict=False, comment_prefixes=("#",))
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string((FOLDER / name).read_text(encoding="utf-8"))
    return read


SERVICE = unit("media-coverage.service")["Service"]
TIMER = unit("media-coverage.timer")["Timer"]


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """With the program put where it is here; whoever runs the tests has no user media-coverage."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    program = SERVICE["ExecStart"].split()[0]
    units = []
    for name in ("media-coverage.service", "media-coverage.timer"):
        text = (FOLDER / name).read_text(encoding="utf-8").replace(program, sys.executable)
        units.append(tmp_path / name)
        units[-1].write_text(text.replace("User=media-coverage", "User=root"), encoding="utf-8")
    line = [analyze, "verify", "--man=no", *map(str, units)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "media-coverage" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_command_line_is_one_that_the_command_takes() -> None:
    _, *arguments = shlex.split(SERVICE["ExecStart"])
    name = arguments.index("run")
    assert cli.cli.make_context("media-coverage", arguments[: name + 1], resilient_parsing=True).params["verbose"] == 1
    given = collect.run.make_context("run", arguments[name + 1 :]).params
    assert given["due"] is True
    assert int(SERVICE["TimeoutStartSec"]) > given["deadline"]
    minutes = re.fullmatch(r"\*:0/(\d+)", TIMER["OnCalendar"])
    assert minutes
    assert given["deadline"] < 60 * int(minutes[1])


def test_variables_and_codes_are_those_of_the_command() -> None:
    text = (FOLDER / "media-coverage.service").read_text(encoding="utf-8")
    known = {param.envvar for param in collect.run.params}
    assert set(re.findall(r"^Environment=(\w+)=", text, re.MULTILINE)) <= known
    fine = {int(code) for code in SERVICE["SuccessExitStatus"].split()}
    assert fine == {ExitCode.SOME_FEEDS_FAILED, ExitCode.ALREADY_RUNNING, ExitCode.INTERRUPTED}
    (database,) = re.findall(r"^Environment=MEDIA_COVERAGE_DB=(.*)", text, re.MULTILINE)
    assert Path(database).parent == Path(SERVICE["ReadWritePaths"])


def test_the_service_may_do_little() -> None:
    wanted = {"ProtectSystem": "strict", "NoNewPrivileges": "true", "CapabilityBoundingSet": "", "KillMode": "mixed"}
    assert {name: SERVICE[name] for name in wanted} == wanted
    assert SERVICE["User"] not in {"", "root"}


def test_the_page_names_every_file() -> None:
    for path in FOLDER.iterdir():
        assert f"(systemd/{path.name})" in PAGE
