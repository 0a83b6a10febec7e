"""The command line: the group of all commands, and exit codes for every way to end."""

from __future__ import annotations

import errno
import logging
import sys
from typing import Any, NoReturn

import click

from . import interruption, logs
from .commands import coding, collect, feeds, label, measure, serve
from .errors import ExitCode, TrackerError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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
    Then:   media-coverage feeds check   verify the feeds in feeds.yaml
            media-coverage run           one pass, made for cron
            media-coverage report        the trend, with the articles behind it
    """
    level = logging.ERROR if quiet else {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logs.start(level, log_format)


for _command in (
    collect.run,
    collect.demo,
    collect.status,
    collect.why,
    collect.prune,
    feeds.feeds,
    label.score,
    label.evaluate,
    label.classify,
    label.compare,
    label.explain,
    label.train,
    measure.report,
    measure.trend,
    measure.events,
    measure.attention,
    measure.drift,
    measure.multiverse,
    serve.serve,
    coding.sample,
    coding.samples,
    coding.code,
    coding.adjudicate,
    coding.agreement,
    coding.codes,
):
    cli.add_command(_command)


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
        _fail(f"cannot write ({error.strerror}); free some space and run again", ExitCode.NOTHING_WORKED)
    except Exception as error:  # noqa: BLE001 - Python's own exit code would be 1, which says that some feeds failed
        _crash(error)


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
