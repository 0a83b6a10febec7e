"""The embedded model against other ways of labelling the same texts, against this machine's limit, and its goals.

    python -m benchmarks.classifier [--repetitions N] [--json FILE] [--markdown]

Every contender labels the same authored texts in a fresh process, one after another. Figures are medians over the
repetitions, their range beside them; nothing but the machine's own noise is in the range, so keep the machine quiet.
Linux only. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .contenders import CONTENDERS, SEED, TEXTS, split
from .figures import HEADS, Finding, Range, machine, markdown, place, plain, save, short

ROOT = Path(__file__).parents[1]
PACKAGES = ("media-coverage", "numpy", "onnxruntime", "tokenizers", "torch", "transformers", "scikit-learn")
STARTS = 7
PEAK_OF_SCORE = """
import sys
from media_coverage.cli import main
main(["score", sys.argv[1]])
from benchmarks.contenders import peak_memory
print(peak_memory(), file=sys.stderr)
"""


def megabytes(kib: int) -> float:
    """Millions of bytes."""
    return kib * 1024 / 1e6


def environment(**more: str) -> dict[str, str]:
    """Of the child processes. Without overrides of OpenBLAS, which would slow numpy down, and offline."""
    kept = {name: value for name, value in os.environ.items() if name not in {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}}
    return kept | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONWARNINGS": "ignore"} | more


def child(*arguments: str, **more: str) -> Any:
    """What a module of this package prints as JSON, in a process of its own."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", *arguments], env=environment(**more), cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def score_peak(file: Path) -> int:
    """Peak memory of `media-coverage score FILE` in KiB."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PEAK_OF_SCORE, str(file)], env=environment(), cwd=ROOT, capture_output=True, check=True
    )
    return int(done.stderr.split()[-1])


def first_label(file: Path) -> float:
    """Seconds from starting `media-coverage score FILE` to its first line of output."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "media_coverage", "score", str(file)]
    with subprocess.Popen(command, env=environment(), cwd=ROOT, stdout=subprocess.PIPE) as process:  # noqa: S603
        line = process.stdout.readline() if process.stdout else b""
        seconds = time.perf_counter() - began
    if not line.startswith(b"{"):
        raise SystemExit("media-coverage score gave no label")
    return seconds


def of_command() -> dict[str, Any]:
    """What the command line costs: memory over all texts, and time to the first label once the disk is warm."""
    rows = split()[0]
    with tempfile.TemporaryDirectory() as name:
        many, single = Path(name) / "many.jsonl", Path(name) / "one.jsonl"
        lines = [json.dumps({key: row[key] for key in ("id", "title", "summary")}) + "\n" for row in rows]
        many.write_text("".join(lines), encoding="utf-8")
        single.write_text(lines[0], encoding="utf-8")
        first_label(single)
        seconds = [first_label(single) for _ in range(STARTS)]
        return {"texts": len(rows), "peak_kib": score_peak(many), "first_label_seconds": seconds}


def measured(repetitions: int) -> dict[str, Any]:
    """Everything, one thing after another; says on stderr what it is at."""

    def say(what: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {what} …", file=sys.stderr, flush=True)

    results: dict[str, Any] = {"machine": machine(PACKAGES), "seed": SEED, "repetitions": repetitions, "contenders": {}}
    for name, contender in CONTENDERS.items():
        say(contender.title)
        results["contenders"][name] = child("benchmarks.contenders", name, str(repetitions))
    say("ceiling")
    results["ceiling"] = child("benchmarks.ceiling", str(repetitions), OPENBLAS_NUM_THREADS="1")
    say("media-coverage score")
    results["score"] = of_command()
    return results


def speed(result: dict[str, Any]) -> Range:
    """Texts per second."""
    return Range(tuple(result["texts"] / seconds for seconds in result["seconds"]))


def findings(results: dict[str, Any]) -> list[Finding]:
    """Speeds, and the project's four bounds. The zero-shot pipeline counts at its faster setting."""
    speeds = {name: speed(result) for name, result in results["contenders"].items()}
    by_name = {name: found.median for name, found in speeds.items()}
    ceiling = Range(tuple(results["ceiling"]["texts_per_second"])).median
    score = results["score"]
    starts = Range(tuple(score["first_label_seconds"]))
    return [
        Finding("embedded model", by_name["embedded"], " texts/s", spread=speeds["embedded"]),
        Finding(
            "with the deciding sentence", by_name["embedded-evidence"], " texts/s", spread=speeds["embedded-evidence"]
        ),
        Finding(
            "embedded ÷ zero-shot pipeline at its faster setting",
            by_name["embedded"] / _zero_shot(by_name),
            at_least=100,
        ),
        Finding("embedded ÷ the same network in torch", by_name["embedded"] / by_name["torch-16"]),
        Finding("embedded ÷ ceiling", by_name["embedded"] / ceiling, at_least=0.6),
        Finding(f"peak memory of `score`, {score['texts']} texts", megabytes(score["peak_kib"]), " MB", below=400),
        Finding("process start to first label", starts.median, " s", below=1.5, spread=starts),
    ]


def _zero_shot(speeds: dict[str, float]) -> float:
    return max(speed for name, speed in speeds.items() if name.startswith("zero-shot"))


def tables(results: dict[str, Any]) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """(heads, rows) of the contenders and of the goals."""
    rows: list[tuple[str, ...]] = [
        (each["title"], str(each["cores"]), str(each["texts"]), str(speed(each)), short(megabytes(each["peak_kib"])))
        for each in results["contenders"].values()
    ]
    ceiling = results["ceiling"]
    limit = Range(tuple(ceiling["texts_per_second"]))
    rows.append(
        ("ceiling: its products of matrices alone", str(results["machine"]["cores"]), str(TEXTS), str(limit), "")
    )
    return [
        (("", "cores", "texts", "articles/s, median (range)", "peak memory, MB"), rows),
        (HEADS, [found.row() for found in findings(results)]),
    ]


def notes(results: dict[str, Any]) -> list[str]:
    """What the tables were measured on and with, a sentence each."""
    where, ceiling = results["machine"], results["ceiling"]
    kernels = sorted({kernel for each in results["contenders"].values() for kernel in each["kernels"]})
    rate = Range(tuple(value / 1e9 for value in ceiling["operations_per_second"]))
    billions = ceiling["operations_per_text"] / 1e9
    starts = Range(tuple(results["score"]["first_label_seconds"]))
    return [
        place(where),
        f"Model {where['model']}. Load average at the start {where['load_average']:.2f}.",
        f"Medians of {results['repetitions']} repetitions; the first label of {STARTS} starts, {starts} s.",
        (
            f"{ceiling['pieces_per_text']:.1f} word pieces and {billions:.2f} billion operations a text; "
            f"at the ceiling {rate} billion a second."
        ),
        f"Kernels: {'; '.join(kernels)}.",
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--repetitions", type=int, default=5)
    options.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    options.add_argument("--markdown", action="store_true", help="print what docs/benchmarks.md holds")
    chosen = options.parse_args()
    results = measured(chosen.repetitions)
    save(chosen.json, findings(results), results)
    form = markdown if chosen.markdown else plain
    print("\n\n".join(form(heads, rows) for heads, rows in tables(results)))
    print("\n" + "\n".join(notes(results)))


if __name__ == "__main__":
    main()
