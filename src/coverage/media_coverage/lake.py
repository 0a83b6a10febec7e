"""A folder of Parquet files with one article in each row: what they hold, and counts of them. The only user of duckdb.

A lake is whole when its marker is there. Counts are computed in one pass per table, in memory that does not grow with
the lake (DuckDB spills to the temporary folder); what comes back are the same rows that `aggregate` makes of frames.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from .classify import ModelInfo, cores
from .errors import LakeError, MissingExtraError
from .framing import Frames
from .records import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import pandas as pd

    from .records import Framing, GateDecision

MARKER = "_SUCCESS"
"""The file that is written last: JSON with model, topic, frames, and every file with its rows and hash."""

FORMAT = 1

ARTICLE = {
    "article_id": "string",
    "url": "string",
    "outlet": "string",
    "outlet_group": "string",
    "country": "string",
    "title": "string",
    "summary": "string",
    "language": "string",
    "published_at": "datetime",
    "date": "date",
    "story_id": "string",
    "feeds": "integer",
    "listed": "boolean",
    "wire_copy": "boolean",
}
"""Columns of an article and their kinds (parquet.write_columns), under the names that they have in v_articles."""

OFF_TOPIC = "the model finds it off topic"

_FIRST, _LAST = 1900, 2199
"""Years outside of which no article was published: such a date is a mistake, and its article is in no count."""


def kinds(frames: Frames) -> dict[str, str]:
    """All columns of a lake and their kinds; the answers are called as in v_articles."""
    answered = dict.fromkeys(f"p_{output}" for output in frames.outputs)
    return {
        **ARTICLE,
        "passed_gate": "boolean",
        "gate_stage": "string",
        "gate_reason": "string",
        "on_topic": "boolean",
        "label": "string",
        "leaning": "string",
        "uncertain": "boolean",
        **dict.fromkeys([*answered, "p_own"], "number"),
        "model_id": "string",
        "codebook_version": "string",
    }


def answers(
    decisions: Sequence[GateDecision], framings: Sequence[Framing | None], info: ModelInfo
) -> dict[str, list[Any]]:
    """The columns that labelling adds, as v_articles shows them: no label where the model finds a text off topic."""
    outputs = [f"p_{output}" for output in info.frames.outputs]
    names = [name for name in kinds(info.frames) if name not in ARTICLE]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for decision, framing in zip(decisions, framings, strict=True):
        row: dict[str, Any] = dict.fromkeys(names)
        row |= {"passed_gate": decision.passed, "gate_stage": decision.stage, "gate_reason": decision.reason}
        row |= {"on_topic": framing is not None and framing.relevant, "model_id": info.model_id}
        if framing is not None:
            row |= zip(outputs, (framing.p_relevant, *framing.p), strict=True)
            row |= {"uncertain": framing.uncertain, "codebook_version": info.codebook_version}
            if framing.relevant:
                row |= {"label": framing.label, "leaning": framing.leaning, "p_own": framing.p_own}
            else:
                row["gate_reason"] = OFF_TOPIC
        for name, value in row.items():
            columns[name].append(value)
    return columns


def day_of(at: datetime | None) -> date | None:
    """The day (UTC) that an article counts on; None for none, and for one that cannot be true."""
    return at.date() if at is not None and _FIRST <= at.year <= _LAST else None


@dataclass(frozen=True, slots=True)
class File:
    """What a file notes of itself; `sha256` and `size` (bytes) are those of the whole file, known from outside only."""

    rows: int
    passed: int
    on_topic: int
    source: str
    source_sha256: str
    part: int
    model_id: str
    runtime: str
    cpu: str
    query: str
    language: str
    sha256: str = ""
    size: int = 0

    def hashed(self, sha256: str, size: int) -> File:
        """The same, as seen from outside."""
        return replace(self, sha256=sha256, size=size)

    def as_json(self) -> str:
        """What is noted inside."""
        return json.dumps(asdict(self.hashed("", 0)), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> File:
        """What `as_json` wrote. Raises LakeError."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise LakeError("was written by another version; label into a new folder", path=text[:40]) from error


def mark(folder: Path, files: Mapping[str, File], info: ModelInfo) -> None:
    """Declare a lake whole. `files` by path, seen from the folder."""
    model = {name: value for name, value in asdict(info).items() if name != "frames"}
    kept = ("rows", "passed", "on_topic", "source", "source_sha256", "sha256", "size")
    first = next(iter(files.values()), None)
    content = {
        "format": FORMAT,
        "model": model,
        "frames": [asdict(frame) for frame in info.frames.both],
        "topic": {"query": first.query if first else "", "language": first.language if first else ""},
        "computed_by": sorted({f"{file.runtime}; {file.cpu}" for file in files.values()}),
        "files": {name: {key: getattr(file, key) for key in kept} for name, file in sorted(files.items())},
    }
    temporary = folder / f".{MARKER}.tmp"
    with temporary.open("w", encoding="utf-8") as written:
        written.write(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        written.flush()
        os.fsync(written.fileno())
    temporary.replace(folder / MARKER)


@dataclass(frozen=True, slots=True)
class Lake:
    """A whole lake: its folder, what labelled it, and its files by path, seen from the folder."""

    folder: Path
    info: ModelInfo
    query: str
    language: str
    rows: int
    files: tuple[str, ...]

    @property
    def source(self) -> str:
        """The lake as SQL names it, for DuckDB: what stands after FROM."""
        pattern = f"{glob.escape(str(self.folder))}/**/*.parquet".replace("'", "''")
        return f"read_parquet('{pattern}')"

    def daily_frames(self) -> pd.DataFrame:
        """Counts per day and outlet, as aggregate.daily_frames makes them."""
        labels = ", ".join(f"count(*) FILTER (label = '{name}') AS {name}" for name in self.info.frames.labels)
        return self._query(f"""
            WITH article AS (
                SELECT *, on_topic AND NOT wire_copy AS own,
                       row_number() OVER (PARTITION BY on_topic, story_id ORDER BY {_ORDER}) = 1 AS opens,
                       row_number() OVER (PARTITION BY on_topic, wire_copy, story_id ORDER BY {_ORDER}) = 1
                           AS opens_kind
                FROM {_FILES} WHERE date IS NOT NULL
            )
            SELECT CAST(date AS VARCHAR) AS date, outlet, min(outlet_group) AS outlet_group, min(country) AS country,
                   count(*) AS all_articles, count(*) FILTER (on_topic) AS articles,
                   count(DISTINCT story_id) FILTER (on_topic) AS stories,
                   count(*) FILTER (on_topic AND opens) AS new_stories, {labels},
                   CAST(coalesce(sum(feeds) FILTER (on_topic), 0) AS BIGINT) AS sightings,
                   CAST(coalesce(sum(feeds) FILTER (own), 0) AS BIGINT) AS own_sightings,
                   count(*) FILTER (own) AS own_articles,
                   count(*) FILTER (own AND opens_kind) AS own_new_stories,
                   count(*) FILTER (listed) AS listed, count(*) FILTER (listed AND on_topic) AS listed_articles
            FROM article GROUP BY date, outlet ORDER BY date, outlet
            """)  # noqa: S608 - names of frames are checked, the rest is fixed

    def period_frames(self) -> pd.DataFrame:
        """Counts per period and scope, as aggregate.period_frames makes them."""
        labels = ", ".join(f"count(*) FILTER (label = '{name}') AS {name}" for name in self.info.frames.labels)
        parts = [
            f"""
            SELECT '{period}' AS period, CAST(first_day AS VARCHAR) AS first_day,
                   CASE grouping_id(outlet_group, outlet, country) WHEN 7 THEN 'all' WHEN 3 THEN 'group'
                        WHEN 5 THEN 'outlet' ELSE 'country' END AS scope,
                   CASE grouping_id(outlet_group, outlet, country) WHEN 7 THEN 'all' WHEN 3 THEN outlet_group
                        WHEN 5 THEN outlet ELSE country END AS name,
                   count(*) AS all_articles, count(*) FILTER (on_topic) AS articles,
                   count(DISTINCT story_id) FILTER (on_topic) AS stories,
                   count(*) FILTER (on_topic AND NOT wire_copy) AS own_articles,
                   count(*) FILTER (on_topic AND uncertain) AS uncertain, {labels}
            FROM (SELECT * REPLACE (coalesce(country, 'unknown') AS country),
                         CAST(date_trunc('{period}', date) AS DATE) AS first_day FROM {_FILES} WHERE date IS NOT NULL)
            GROUP BY GROUPING SETS ((first_day), (first_day, outlet_group), (first_day, outlet), (first_day, country))
            """  # noqa: S608 - as above
            for period in ("day", "week", "month")
        ]
        return self._query(" UNION ALL ".join(parts) + " ORDER BY period, scope, first_day, name")

    def undated(self) -> int:
        """Articles that are in no count, for want of a date that can be true."""
        return int(self._query(f"SELECT count(*) AS n FROM {_FILES} WHERE date IS NULL")["n"].iloc[0])  # noqa: S608

    def articles(self, since: str = "", until: str = "9999", *, on_topic: bool | None = True) -> pd.DataFrame:
        """One row per article, newest first: the columns of the lake as v_articles types them. Days as YYYY-MM-DD."""
        wanted = "" if on_topic is None else f"AND on_topic = {on_topic}"
        return self._query(
            "SELECT * REPLACE (CAST(date AS VARCHAR) AS date, CAST(passed_gate AS INTEGER) AS passed_gate, "  # noqa: S608
            "CAST(on_topic AS INTEGER) AS on_topic, CAST(uncertain AS INTEGER) AS uncertain, "
            f"CAST(wire_copy AS INTEGER) AS wire_copy) FROM {_FILES} WHERE date IS NOT NULL "
            f"AND CAST(date AS VARCHAR) BETWEEN $since AND $until {wanted} ORDER BY published_at DESC, {_BY_ID}",
            since=since,
            until=until,
        )

    def labelled(self, since: str = "", until: str = "9999") -> pd.DataFrame:
        """The articles that passed the keywords, columns as of store.labelled; texts and stories by number."""
        outputs = ", ".join(f"p_{output}" for output in self.info.frames.outputs)
        frame = self._query(
            "SELECT article_id, CAST(date AS VARCHAR) AS date, outlet, outlet_group, country, story_id, "  # noqa: S608
            "CASE WHEN on_topic THEN label ELSE 'off_topic' END AS label, CAST(uncertain AS INTEGER) AS uncertain, "
            f"{outputs}, p_own FROM {_FILES} WHERE date IS NOT NULL AND passed_gate "
            f"AND CAST(date AS VARCHAR) BETWEEN $since AND $until ORDER BY date, {_BY_ID}",
            since=since,
            until=until,
        )
        frame.insert(1, "version_id", range(len(frame)))
        frame["story_id"] = frame["story_id"].astype("category").cat.codes.astype("int64")
        return frame

    def on_topic(self, since: str = "", until: str = "9999") -> pd.DataFrame:
        """Every on-topic article without any text, oldest first, columns as of store.on_topic."""
        return self._query(
            f"SELECT article_id, date, outlet, outlet_group, country, story_id FROM ({_NUMBERED}) "  # noqa: S608
            "WHERE date BETWEEN $since AND $until ORDER BY date, article_id",
            since=since,
            until=until,
        )

    def clearest(self, since: str, until: str, limit: int) -> list[int]:
        """The numbers of the `limit` certain articles of each frame in which the model finds most of it."""
        found: list[int] = []
        for frame in self.info.frames.both:
            rows = self._query(
                f"SELECT article_id FROM ({_NUMBERED}) WHERE date BETWEEN $since AND $until AND label = $label "  # noqa: S608
                f"AND NOT uncertain ORDER BY p_{frame.output} DESC, article_id LIMIT {limit:d}",
                since=since,
                until=until,
                label=frame.name,
            )
            found += rows["article_id"].tolist()
        return found

    def articles_numbered(self, numbers: Iterable[int]) -> pd.DataFrame:
        """The on-topic articles with these numbers, newest first."""
        return self._query(
            f"SELECT * FROM ({_NUMBERED}) WHERE list_contains(CAST($numbers AS BIGINT[]), article_id) "  # noqa: S608
            "ORDER BY published_at DESC, article_id",
            numbers=json.dumps(sorted(set(numbers))),
        )

    def copied(self, since: str, until: str, *, outlets: int, limit: int) -> pd.DataFrame:
        """On-topic stories that at least `outlets` outlets carry, most copied first: story_id, outlets, articles."""
        return self._query(
            "SELECT story_id, count(DISTINCT outlet) AS outlets, count(*) AS articles "  # noqa: S608
            f"FROM ({_NUMBERED}) WHERE date BETWEEN $since AND $until GROUP BY story_id "
            f"HAVING count(DISTINCT outlet) >= {outlets:d} "
            f"ORDER BY outlets DESC, articles DESC, story_id DESC LIMIT {limit:d}",
            since=since,
            until=until,
        )

    def tellers(self, stories: Iterable[int]) -> pd.DataFrame:
        """The on-topic articles of these stories, oldest first: story_id, date, outlet, title, url, label."""
        return self._query(
            f"SELECT story_id, date, outlet, title, url, label FROM ({_NUMBERED}) "  # noqa: S608
            "WHERE list_contains(CAST($stories AS BIGINT[]), story_id) ORDER BY story_id, published_at, article_id",
            stories=json.dumps(list(stories)),
        )

    def select(self, sql: str) -> pd.DataFrame:
        """Any SELECT in DuckDB's SQL, such as the `articles_sql` of a database that shows this lake."""
        return self._query(sql)

    def _query(self, sql: str, **parameters: str) -> pd.DataFrame:
        files = [glob.escape(str(self.folder / name)) for name in self.files]
        with _connected(self.folder) as connection:
            if f"{_FILES}" in sql:
                connection.execute("SET VARIABLE files = $files", {"files": files})
            found: pd.DataFrame = connection.execute(sql, parameters).df()
        for name in found.select_dtypes("datetimetz"):
            found[name] = found[name].dt.tz_convert("UTC")
        return found


_FILES = "read_parquet(getvariable('files'), hive_partitioning = false)"

_BY_ID = "try_cast(article_id AS BIGINT) NULLS LAST, article_id"
"""As in a database, where ids are numbers."""

_NUMBERED = (
    f"SELECT * REPLACE (row_number() OVER (ORDER BY {_BY_ID}) AS article_id, dense_rank() OVER (ORDER BY "  # noqa: S608
    "try_cast(story_id AS BIGINT) NULLS LAST, story_id) AS story_id, CAST(date AS VARCHAR) AS date, "
    "CAST(passed_gate AS INTEGER) AS passed_gate, CAST(on_topic AS INTEGER) AS on_topic, "
    "CAST(uncertain AS INTEGER) AS uncertain, CAST(wire_copy AS INTEGER) AS wire_copy) "
    f"FROM {_FILES} WHERE date IS NOT NULL AND on_topic"
)
"""The on-topic articles, they and their stories by number in the order of their ids: the same in every question."""

_ORDER = f"published_at, {_BY_ID}"
"""Which of a story's articles is the first."""


@contextlib.contextmanager
def _connected(folder: Path) -> Iterator[Any]:
    """DuckDB in memory, which fetches nothing and spills to the temporary folder. Raises LakeError."""
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("a lake", "lake") from error
    with tempfile.TemporaryDirectory(prefix="lake-") as spill:
        settings = {
            "threads": str(cores()),
            "temp_directory": spill,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
        try:
            with duckdb.connect(":memory:", config=settings) as connection:
                yield connection
        except duckdb.Error as error:
            said = next(iter(str(error).splitlines()), type(error).__name__)
            raise LakeError(f"cannot be counted ({said[:200]}); label it again", path=folder) from error


def opened(folder: Path) -> Lake:
    """A lake that is whole. Raises LakeError where the marker or a file is missing, or a file has another size."""
    folder = folder.absolute()
    if not folder.is_dir():
        raise LakeError("is no folder; name one that `media-coverage classify --to` wrote", path=folder)
    try:
        content = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        frames = Frames(*(Frame(**frame) for frame in content["frames"]))
        info = ModelInfo(**content["model"], frames=frames)
        files = {str(name): (int(each["rows"]), int(each["size"])) for name, each in content["files"].items()}
        query, language = str(content["topic"]["query"]), str(content["topic"]["language"])
    except FileNotFoundError:
        raise LakeError(
            f"holds no {MARKER}: it is not wholly labelled; run `media-coverage classify --from … --to …` to its end",
            path=folder,
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LakeError(f"cannot be read ({error}); label into a new folder", path=folder / MARKER) from error
    for name, (_, size) in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            raise LakeError(
                f"is not what was labelled: {name} is missing or changed; run `media-coverage classify` again",
                path=folder,
            )
    return Lake(folder, info, query, language, sum(rows for rows, _ in files.values()), tuple(files))
