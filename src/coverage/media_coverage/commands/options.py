"""Options that several commands share, and what they open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..classify import Classifier
    from ..config import Config
    from ..framing import Frames

F = TypeVar("F", bound=Callable[..., Any])


def common(function: F) -> F:
    """The options that every command has."""
    for option in (
        click.option(
            "--db",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="MEDIA_COVERAGE_DB",
            help="Database file [env: MEDIA_COVERAGE_DB; default: `database` in feeds.yaml].",
        ),
        click.option(
            "--config",
            "config_path",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="MEDIA_COVERAGE_CONFIG",
            default=Path("feeds.yaml"),
            help="Configuration [env: MEDIA_COVERAGE_CONFIG; default: feeds.yaml].",
        ),
    ):
        function = option(function)
    return function


def model_options(function: F) -> F:
    """The options of every command that runs a classifier."""
    for option in (
        click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Where it runs [default: as in feeds.yaml]."),
        click.option(
            "--model",
            metavar="MODEL",
            help="embedded, embedded:FOLDER, zero-shot[:OWNER/MODEL@REVISION] or hub:OWNER/MODEL@REVISION; folders "
            "stand in for hub models [default: `classifier` in feeds.yaml, else embedded].",
        ),
    ):
        function = option(function)
    return function


def day(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    """An option's value as YYYY-MM-DD, or a usage error."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day like 2026-02-03") from None


def days(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The days of --phase; "none" alone stands for no phases."""
    if values == ("none",):
        return values
    return tuple(sorted({str(day(context, parameter, value)) for value in values}))


def load_config(path: Path) -> Config:
    """The configuration. Raises ConfigError."""
    from .. import config

    return config.load(path)


def database_path(db: Path | None, config_path: Path) -> Path:
    """The database of --db, else that of the configuration."""
    return db if db is not None else load_config(config_path).database


def configured_frames(config_path: Path) -> Frames:
    """The frames of the configuration; the default ones where there is none."""
    from ..framing import DEFAULT_FRAMES

    return load_config(config_path).frames if config_path.exists() else DEFAULT_FRAMES


def classifier_options(config_path: Path, model: str | None, device: str | None, **options: Any) -> dict[str, Any]:
    """What `load_classifier` is told: as configured, or as the command line says; `options` come before both."""
    if config_path.exists():
        return load_config(config_path).classifier_options(model, device) | options
    return options | {"model": model or "embedded", "device": device or "cpu"}


def configured_classifier(config_path: Path, model: str | None, device: str | None, **options: Any) -> Classifier:
    """The configured classifier, or the one that the command line names; `options` come before the configured ones."""
    from ..classify import load_classifier

    return load_classifier(**classifier_options(config_path, model, device, **options))
