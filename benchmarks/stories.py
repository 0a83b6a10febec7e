"""The index of texts against comparing all pairs: what it finds, what it misses, what it costs.

    python -m benchmarks.stories [--news FILE.jsonl …] [--feeds FOLDER] [--sizes 5000 20000 80000] [--sample 300]

Texts are imported by the command that a user would type. Then every two stored articles of one week are compared by
`stories.compare`, and the pairs that it calls the same text are held against what the index proposes (articles with a
number of `stories.bands` in common) and against the stories in the database, which are the connected parts of the
pairs. `--news` takes JSON Lines with title, summary, outlet, url and date, `--feeds` a folder of recorded feeds; both
are also tried with all texts on one day, where each competes with each. Invented archives grow by days, not by
articles a day, so that a week holds as many texts whatever the size; there a sample is compared with all its weeks.
Nothing of the texts is printed.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from media_coverage import stories
from media_coverage.config import Network
from media_coverage.parse import parse
from media_coverage.records import Feed, Fetched, FetchOutcome, Outlet, ParsedFeed
from media_coverage.store import open_store

from .archive import configuration, record, rows
from .figures import Finding, machine, save

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

COLUMNS = ("title", "summary", "url", "published_at", "outlet", "language")
A_DAY = 25
"""Articles a day of an invented archive."""
NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)

FIRST_WORDINGS = """
SELECT a.id, a.story_id, a.published_at, o.name AS outlet, v.title, v.summary, v.agency
FROM article a JOIN outlet o ON o.id = a.outlet_id
JOIN article_version v ON v.id = (SELECT min(w.id) FROM article_version w WHERE w.article_id = a.id)
ORDER BY a.published_at, a.id
"""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """What is said of one set of texts. Pairs are of articles; `story_*` of articles that share a story.

    `precision` is the share of pairs in one story in the database that are so by all exact pairs, `story_recall` the
    share the other way round. `compared` counts the candidates of the index, `all_pairs` what lies in one week.
    """

    name: str
    texts: int
    busiest: int
    all_pairs: int
    exact: int
    found: int
    story_pairs: int
    story_recall: float
    precision: float
    compared: int
    import_seconds: float
    exact_seconds: float
    memory: float


# ---------------------------------------------------------------------- texts


def of_news(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a file of headlines."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            held = json.loads(line)
            yield {name: held.get(name) or "" for name in COLUMNS} | {"published_at": held["date"], "language": ""}


def of_feeds(folder: Path) -> Iterator[dict[str, str]]:
    """Rows of recorded feeds; an entry's outlet is the source that it names, or the feed."""
    for path in sorted(folder.glob("*.xml")):
        feed = Feed(f"https://{path.stem.replace('_', '-').lower()}.example/", Outlet(path.stem, None, "other"))
        answer = Fetched(feed, FetchOutcome.OK, NOON, 1, 200, feed.url, {}, path.read_bytes())
        parsed = parse(answer, Network().max_entries)
        for entry in parsed.entries if isinstance(parsed, ParsedFeed) else ():
            yield {
                "title": entry.title,
                "summary": entry.summary,
                "url": entry.link or "",
                "published_at": entry.published.isoformat() if entry.published else "",
                "outlet": entry.source_title or path.stem,
                "language": (parsed.language or "") if isinstance(parsed, ParsedFeed) else "",
            }


def imported(listed: Iterable[dict[str, str]], folder: Path) -> tuple[Path, float, float]:
    """A database of the rows, and processor seconds and peak MiB of the import."""
    archive, settings = folder / "archive.csv", folder / "feeds.yaml"
    settings.write_text(configuration() + "database: own.db\n", encoding="utf-8")
    with archive.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(listed)
    command = [sys.executable, "-m", "media_coverage", "import", str(archive), "--no-label", "--workers", "1"]
    child = subprocess.Popen([*command, "--config", str(settings)], stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"the import failed: {status}")
    return folder / "own.db", usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**10


# ---------------------------------------------------------------------- pairs


def compared_pairs(
    wordings: Sequence[stories.Wording], chosen: Sequence[int], *, both_sides: bool
) -> tuple[int, dict[Pair, stories.Match]]:
    """(pairs of one week, those that are the same text), each chosen wording with all behind it, or around it."""
    times = [each.published_at for each in wordings]
    count, same = 0, {}
    for i in chosen:
        end = bisect_right(times, times[i] + stories.WINDOW)
        start = bisect_right(times, times[i] - stories.WINDOW - timedelta(seconds=1)) if both_sides else i + 1
        for j in range(start, end):
            if i != j:
                count += 1
                if match := stories.compare(wordings[i], wordings[j]):
                    same[min(i, j), max(i, j)] = match
    return count, same


def proposed_pairs(wordings: Sequence[stories.Wording], chosen: Sequence[int]) -> set[Pair]:
    """Pairs of one week that the index would propose for the chosen ones."""
    index: defaultdict[Pair, list[int]] = defaultdict(list)
    numbers = [stories.bands(each) for each in wordings]
    for i, each in enumerate(wordings):
        for band in numbers[i]:
            index[stories.period(each.published_at), band].append(i)
    pairs = set()
    for i in chosen:
        at = wordings[i].published_at
        for period, band in itertools.product(stories.periods_around(at), numbers[i]):
            for j in index.get((period, band), ()):
                if i != j and abs(wordings[j].published_at - at) <= stories.WINDOW:
                    pairs.add((min(i, j), max(i, j)))
    return pairs


def parts(count: int, pairs: Iterable[Pair]) -> list[int]:
    """For each of `count` texts, the smallest that it hangs together with."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in pairs:
        one, other = sorted((root(i), root(j)))
        parent[other] = one
    return [root(i) for i in range(count)]


def pairs_within(groups: Iterable[object]) -> int:
    """Pairs of texts in the same group."""
    return sum(n * (n - 1) // 2 for n in Counter(groups).values())


def measure(name: str, listed: Iterable[dict[str, str]], sample: int = 0) -> Found:
    """Import rows and compare; with a `sample`, only so many articles are compared with all of their weeks."""
    with tempfile.TemporaryDirectory() as folder:
        database, import_seconds, memory = imported(listed, Path(folder))
        with open_store(database) as store:
            held = store.query(FIRST_WORDINGS).to_dict("records")
    wordings = [
        stories.wording(
            row["title"], row["summary"], row["outlet"], row["published_at"].to_pydatetime(), row["agency"] or None
        )
        for row in held
    ]
    times = [each.published_at for each in wordings]
    busiest = max(bisect_right(times, at + stories.WINDOW) - i for i, at in enumerate(times))
    everything = range(len(wordings))
    chosen = sorted(random.Random(1).sample(everything, sample)) if sample else everything  # noqa: S311 - a sample
    before = time.process_time()
    count, same = compared_pairs(wordings, chosen, both_sides=bool(sample))
    exact_seconds = time.process_time() - before
    proposed = proposed_pairs(wordings, chosen)
    kept = [row["story_id"] for row in held]
    if sample:  # of each exact pair: is it in one story?
        together = sum(kept[i] == kept[j] for i, j in same)
        story_pairs, story_recall, precision = len(same), together / max(1, len(same)), float("nan")
    else:
        true = parts(len(wordings), same)
        both = pairs_within(zip(true, kept, strict=True))
        story_pairs = pairs_within(true)
        story_recall, precision = both / max(1, story_pairs), both / max(1, pairs_within(kept))
    return Found(
        name,
        len(wordings),
        busiest,
        count,
        len(same),
        len(proposed & set(same)),
        story_pairs,
        story_recall,
        precision,
        len(proposed),
        import_seconds,
        exact_seconds,
        memory,
    )


# ---------------------------------------------------------------------- the table


def table(found: Sequence[Found]) -> str:
    """One line for each set of texts."""
    head = (
        *("texts", "stored", "most in 7 days", "pairs in 7 days", "same text", "found", "recall"),
        *("compared", "recall of stories", "precision of stories", "import, s", "all pairs, s", "peak memory, MiB"),
    )
    lines = [head, ("---", *["---:"] * (len(head) - 1))]
    for each in found:
        precision = "" if each.precision != each.precision else f"{each.precision:.4f}"
        lines.append(
            (
                *(each.name, f"{each.texts:,}", f"{each.busiest:,}", f"{each.all_pairs:,}", f"{each.exact:,}"),
                *(f"{each.found:,}", f"{each.found / max(1, each.exact):.4f}", f"{each.compared:,}"),
                *(f"{each.story_recall:.4f}", precision, f"{each.import_seconds:.1f}", f"{each.exact_seconds:.1f}"),
                f"{each.memory:,.0f}",
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def on_one_day(listed: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
    """The same rows, all published at noon of one day."""
    return (row | {"published_at": NOON.isoformat()} for row in listed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--news", type=Path, nargs="*", default=[])
    parser.add_argument("--feeds", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[5_000, 20_000, 80_000])
    parser.add_argument("--sample", type=int, default=300, help="articles of an invented archive that are compared")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    args = parser.parse_args()
    real: dict[str, list[dict[str, str]]] = {path.stem: list(of_news(path)) for path in args.news}
    if args.feeds:
        real["feeds"] = list(of_feeds(args.feeds))
    found = []
    for name, listed in real.items():
        found.append(measure(name, listed))
        found.append(measure(f"{name}, on one day", on_one_day(listed)))
        print(table(found[-2:]), file=sys.stderr)
    for size in args.sizes:
        found.append(measure(f"invented, {size:,}", map(record, rows(size, days=size // A_DAY)), args.sample))
        print(table(found[-1:]), file=sys.stderr)
    print("\n".join(f"{name}: {value}" for name, value in machine(("numpy",)).items()))
    print("Seconds are of processors.\n")
    print(table(found))
    findings = []
    for each in found:
        recall = 100 * each.found / max(1, each.exact)
        findings.append(Finding(f"of {each.exact:,} pairs of one text found: {each.name}", recall, " %"))
        findings.append(
            Finding(
                f"compared a text: {each.name}",
                each.compared / max(1, args.sample if each.name.startswith("invented") else each.texts),
            )
        )
    save(args.json, findings, [asdict(each) for each in found])


if __name__ == "__main__":
    main()
