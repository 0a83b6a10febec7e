"""The command line: the group of all commands, and exit codes for every way to end."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from . import interruption, logs
from .commands import archive, coding, collect, data, feeds, label, measure, report, serve, setup
from .commands.examples import epilog
from .errors import ExitCode, TrackerError


class _Sections(click.Group):
    """A group whose help tells its commands apart by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = formatter.width - 2 - max(len(name) for name in self.commands) - 4
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(str(c.name), c.get_short_help_str(width)) for c in commands])


@click.group(cls=_Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="media-coverage", prog_name="media-coverage")
@click.option("-v", "--verbose", count=True, help="Log every feed to stderr; twice: debug.")
@click.option("-q", "--quiet", is_flag=True, help="Log errors only.")
@click.option(
    "--log-format",
    type=click.Choice(logs.FORMATS),
    default="auto",
    envvar="MEDIA_COVERAGE_LOG_FORMAT",
    help="Of stderr [env: MEDIA_COVERAGE_LOG_FORMAT; default: text on a terminal, else JSON lines].",
)
def cli(verbose: int, quiet: bool, log_format: str) -> None:
    """Track how the press frames a topic: fetch feeds, classify framing, store aggregates, report the trend.

    \b
    First:  media-coverage demo          see it work on invented sample feeds
    Then:   media-coverage init          write a feeds.yaml for your own topic
            media-coverage doctor        is everything in place?
            media-coverage run           one pass, made for cron
            media-coverage report        the trend, with the articles behind it
    """
    level = logging.ERROR if quiet else {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logs.start(level, log_format)


SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "First steps": (collect.demo, setup.init, setup.doctor, setup.completion),
    "Collect": (collect.run, collect.status, collect.why, feeds.feeds, archive.import_, collect.prune),
    "Measure": (
        report.report,
        report.alerts,
        measure.trend,
        measure.events,
        measure.attention,
        measure.drift,
        measure.multiverse,
    ),
    "Share": (serve.serve, data.export_command),
    "Code by hand": (coding.sample, coding.code, coding.samples, coding.agreement, coding.adjudicate, coding.codes),
    "Models": (label.classify, label.aggregate, label.compare, label.explain, label.score, label.evaluate, label.train),
}
"""The commands in the order in which `--help` shows them."""


def _register() -> None:
    for commands in SECTIONS.values():
        for command in commands:
            cli.add_command(command)
            command.epilog = epilog(str(command.name))
            for name, inner in getattr(command, "commands", {}).items():
                inner.epilog = epilog(f"{command.name} {name}")


_register()


def main(arguments: list[str] | None = None) -> None:
    """Entry point: runs a command and turns every expected failure into one sentence and its exit code."""
    logs.start(logging.WARNING)
    try:
        with interruption.caught():
            cli.main(args=arguments, prog_name="media-coverage", standalone_mode=False)
            sys.stdout.flush()  # here a full disk can still be told
    except click.exceptions.Exit as end:
        raise SystemExit(end.exit_code) from None
    except click.ClickException as error:
        _show(error)
        raise SystemExit(ExitCode.USAGE) from None
    except TrackerError as error:
        _fail(str(error), error.exit_code)
    except (interruption.Interrupted, click.Abort) as end:
        if sys.stderr.isatty():
            click.echo(err=True)  # the terminal has put ^C on a line of its own
        _fail("interrupted; what was stored is safe", ExitCode.INTERRUPTED, signal=str(end) or "SIGINT")
    except BrokenPipeError:
        sys.stderr.close()  # the reader has left: nobody to complain to
        raise SystemExit(ExitCode.OK) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            _crash(error)
        _give_up_output()
        _fail(f"cannot write ({error.strerror}); free some space and run again", ExitCode.NOTHING_WORKED)
    except Exception as error:  # noqa: BLE001 - Python's own exit code would be 1, which says that some feeds failed
        _crash(error)


def _give_up_output() -> None:
    """Keep Python from writing at its end what stdout still holds: it would complain, and change the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _fail(sentence: str, code: ExitCode, **data: Any) -> NoReturn:
    extra = {"event": "failed", "error": sys.exception().__class__.__name__, "exit_code": int(code), **data}
    logs.notes.error("%s", sentence, extra=extra)
    raise SystemExit(code) from None


def _crash(error: Exception) -> NoReturn:
    """A fault of ours: cron gets a code that no monitor overlooks, and we get the place."""
    extra = {"event": "crashed", "exit_code": int(ExitCode.NOTHING_WORKED)}
    sentence = f"stopped by a fault of the program ({type(error).__name__}); what was stored is safe: report it, please"
    logs.notes.critical("%s", sentence, extra=extra, exc_info=error)
    raise SystemExit(ExitCode.NOTHING_WORKED) from None


def _show(error: click.ClickException) -> None:
    if logs.in_text():
        error.show()
    else:
        logs.notes.error("%s", error.format_message(), extra={"event": "usage", "exit_code": int(ExitCode.USAGE)})
