"""A large CSV with broken quotes, imported, killed in the middle and gone on with: account, time and memory.

    python -m benchmarks.broken_quote [--megabytes 2000] [--folder FOLDER]

The file is an export as newsrooms make them: the columns of an invented archive (benchmarks/archive.py) and the whole
text of each article, 20 to 100 kB, half of them in quotes. Three rows open a quote that nothing closes: among rows
without quotes, among rows with them, and in the last row of all. The import is killed (SIGKILL) once half of the rows
are stored, and the same command ends it; another database takes the file undisturbed. The run fails unless exactly the
three rows are rejected, all others are stored, and both databases and both files of rejected rows say the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from media_coverage.errors import StoreError
from media_coverage.store import open_store

from .archive import COLUMNS, configuration, record, rows
from .figures import Finding, machine, save

SMALLEST, LARGEST = 20_000, 100_000
AVERAGE = (SMALLEST + LARGEST) // 2

CONTENT = (
    "SELECT name, sha256, rows, articles, versions, known, rejected, problem, finished_at IS NULL FROM import_file",
    (
        "SELECT i.row, a.key, a.published_at, v.text_sha256, v.language, g.passed, g.reason FROM imported i "
        "JOIN article a ON a.id = i.article_id JOIN article_version v ON v.article_id = a.id "
        "JOIN gate g ON g.version_id = v.id ORDER BY 1, 2, 4"
    ),
    "SELECT a.key, (SELECT min(b.key) FROM article b WHERE b.story_id = a.story_id) FROM article a ORDER BY 1",
    "SELECT t.period, t.band, a.key FROM text_band t JOIN article a ON a.id = t.article_id ORDER BY 1, 2, 3",
    (
        "SELECT a.key, b.key, l.reason, l.similarity FROM story_link l JOIN article a ON a.id = l.article_id "
        "JOIN article b ON b.id = l.other_article_id ORDER BY 1, 2"
    ),
    "SELECT * FROM v_daily_frames ORDER BY 1, 2",
    "PRAGMA integrity_check",
    "PRAGMA foreign_key_check",
)
"""What a killed and an undisturbed import must agree about, without numbers that follow from the order of writing."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import, or the part of one up to its kill: how it ended, seconds and processor seconds, MiB, its account."""

    name: str
    code: int
    seconds: float
    processor: float
    memory: float
    said: str


def write(path: Path, megabytes: int) -> tuple[int, tuple[int, ...]]:
    """Make the file. Returns (its rows, the numbers of those whose quote does not close)."""
    draw = random.Random(1)  # noqa: S311 - an invented file, not secrets
    words = [f"{a}{b}" for a in "gra har env rai cou riv bri fer mus win".split() for b in "in bor oy way cil".split()]
    block = " ".join(draw.choices(words, k=60_000))
    count = megabytes * 1_000_000 // AVERAGE
    broken = (count // 3, 2 * count // 3 + 1, count)
    quoted_from = count // 2
    with path.open("w", encoding="ascii", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow((*COLUMNS, "text"))
        for row in rows(count, on_topic=0.004):
            start, size = draw.randrange(len(block) - LARGEST), draw.randrange(SMALLEST, LARGEST)
            text = block[start : start + size]
            if row.number in broken:
                mark, end = '"', ""
            elif row.number > quoted_from:
                mark = end = '"'
            else:
                mark = end = ""
            csv_row = ",".join(value.replace(",", ";") for value in record(row).values())
            file.write(f"{csv_row},{mark}{text}{end}\n")
    return count, broken


def stored(database: Path) -> int:
    """Rows that an import has stored so far."""
    try:
        with open_store(database) as store:
            return int(store.query("SELECT rows FROM v_imports")["rows"].sum())
    except StoreError:  # not made yet, or just being made
        return 0


def bring(name: str, archive: Path, database: Path, kill_at: int | None = None) -> Import:
    """Import the file, to its end or until so many rows are stored."""
    command = [sys.executable, "-m", "media_coverage", "import", str(archive), "--no-label", "--workers", "1"]
    command += [
        "--db",
        str(database),
        "--rejects",
        f"{database}.rejects",
        "--config",
        str(archive.parent / "feeds.yaml"),
    ]
    started, said = time.perf_counter(), database.with_suffix(f".{name.partition(' ')[0]}.txt")
    with said.open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)  # noqa: S603
        while kill_at and stored(database) < kill_at:
            time.sleep(0.2)
        if kill_at:
            child.send_signal(signal.SIGKILL)
        _, status, usage = os.wait4(child.pid, 0)
    return Import(
        name,
        os.waitstatus_to_exitcode(status),
        time.perf_counter() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 2**10,
        said.read_text(encoding="utf-8").strip(),
    )


def content(database: Path) -> list[list[tuple[object, ...]]]:
    """What a database and its file of rejected rows say."""
    with closing(sqlite3.connect(database)) as connection:
        found = [connection.execute(sql).fetchall() for sql in CONTENT]
    return [*found, [(line,) for line in Path(f"{database}.rejects").read_text(encoding="ascii").splitlines()]]


def check(count: int, broken: tuple[int, ...], disturbed: Path, undisturbed: Path) -> None:
    """Exit unless both imports ended as they had to."""
    one, other = content(disturbed), content(undisturbed)
    for number, (first, second) in enumerate(zip(one, other, strict=True)):
        if first != second:
            sys.exit(f"the killed import differs in {CONTENT[number] if number < len(CONTENT) else 'rejected rows'}")
    rejected = [json.loads(str(line)) for (line,) in one[-1]]
    if [each["row"] for each in rejected] != list(broken):
        sys.exit(f"rejected: {[each['row'] for each in rejected]}, and not {broken}")
    (file,) = one[0]
    if file[2] != count or file[6] != len(broken) or file[8]:
        sys.exit(f"the account of the file is {file}")
    if {row[0] for row in one[1]} != set(range(1, count + 1)) - set(broken):
        sys.exit("not every other row is stored")
    for each in rejected:
        print(f"row {each['row']:,}: {each['reason']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=2_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    parser.add_argument("--folder", type=Path, help="where the file and the databases are made for a while")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as made:
        folder = Path(made)
        archive, disturbed, undisturbed = folder / "export.csv", folder / "killed.db", folder / "whole.db"
        (folder / "feeds.yaml").write_text(configuration(), encoding="utf-8")
        count, broken = write(archive, args.megabytes)
        print(f"{archive.stat().st_size:,} bytes, {count:,} rows", flush=True)
        done = [
            bring("killed at half of the rows", archive, disturbed, count // 2),
            bring("resumed to the end", archive, disturbed),
            bring("undisturbed", archive, undisturbed),
        ]
        check(count, broken, disturbed, undisturbed)
    print("both databases and both files of rejected rows say the same\n")
    print("| import | exit code | seconds | processor seconds | peak memory, MiB |\n|---|---:|---:|---:|---:|")
    for each in done:
        print(f"| {each.name} | {each.code} | {each.seconds:.1f} | {each.processor:.1f} | {each.memory:,.0f} |")
    for each in done[1:]:
        print(f"\n{each.name}:\n{each.said}")
    print("\n" + "\n".join(f"{name}: {value}" for name, value in machine(("numpy",)).items()))
    killed, resumed, whole = done
    save(
        args.json,
        [
            Finding(f"import of a CSV of {args.megabytes:,} MB with broken quotes", whole.seconds, " s"),
            Finding("peak memory of that", whole.memory, " MiB"),
            Finding("killed and resumed ÷ undisturbed", (killed.seconds + resumed.seconds) / whole.seconds),
        ],
        [asdict(each) for each in done],
    )


if __name__ == "__main__":
    main()
