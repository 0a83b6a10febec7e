"""What a user types: one or more examples for every command, shown by its --help and in docs/commands.md."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "demo": (("demo --dir demo", "the whole pipeline on invented feeds"),),
    "init": (
        ("init", "ask for topic and feeds, write feeds.yaml"),
        ('init --topic "Grain deal" --feed "Harbour Post" https://post.example/rss', "without questions"),
    ),
    "doctor": (("doctor", "is everything in place?"), ("doctor --offline --json", "this machine only, for a program")),
    "completion": (("completion bash", "print the script"),),
    "run": (
        ("run", "one pass over all feeds"),
        ("run --due --deadline 540", "from cron, every ten minutes"),
        ("run --json", "the summary for a program"),
    ),
    "status": (("status", "each feed, worst first"), ("status --json", "for monitoring")),
    "why": (("why post.example", "when is it due, and why then?"),),
    "prune": (
        ("prune --older-than 365 --dry-run", "what would go"),
        ("prune --older-than 365", "texts of off-topic articles go, identity and labels stay"),
    ),
    "import": (
        ("import stories.csv.gz --rejects rejects.jsonl", "a table with ordinary column names"),
        ("import mc-*.csv --mapping mediacloud", "story lists of Media Cloud"),
        ("import years.parquet --no-label --workers 4", "store now, label with the next run"),
    ),
    "feeds": (
        ("feeds list", "what is followed"),
        ("feeds check", "which feeds work from here"),
        ("feeds import other.opml --into feeds.yaml", "another reader's list"),
    ),
    "feeds list": (("feeds list --json", "for a program"),),
    "feeds check": (("feeds check", "fetch every feed once, store nothing"),),
    "feeds on": (("feeds on post.example", "ask it again after a 410"),),
    "feeds import": (("feeds import other.opml --into feeds.yaml", "add what is not listed yet"),),
    "feeds export": (("feeds export --out feeds.opml", "for another reader"),),
    "score": (("score texts.jsonl > labels.jsonl", "label without a database"),),
    "evaluate": (("evaluate coded.jsonl --json", "macro-F1, average precision, calibration"),),
    "classify": (
        ("classify", "label what is stored and has no label of the present model"),
        ("classify --model zero-shot --activate", "another model, shown from now on"),
        ("classify --from articles --to lake", "Parquet files instead of a database, on all cores"),
        ("classify --engine ray --address head:6379 --from articles --to lake", "the same on a cluster"),
    ),
    "aggregate": (("aggregate --from lake --db lake.db", "counts of labelled Parquet files, for reports"),),
    "compare": (("compare", "the last two models: where they differ, and what that does to the trend"),),
    "explain": (
        ('explain "Kyiv fears a deal over its head"', "which words carry the label"),
        ("explain 17", "of article 17"),
    ),
    "train": (("train --from coded.jsonl --out model", "a model of your own codes"),),
    "report": (
        ("report", "print the trend and write report.html"),
        ("report --since 2026-02-01 --until 2026-02-28 --by outlet", "one month, outlet by outlet"),
        ("report --format md --out digest.md", "a digest for mail or chat"),
    ),
    "alerts": (("alerts --out alerts.json", "what asks to be looked at; the exit code says whether anything does"),),
    "trend": (
        ("trend", "weekly shares with 95 % intervals"),
        ("trend --by group --format csv > trend.csv", "for a spreadsheet"),
        ("trend --sample audit --estimator rectified", "corrected for the classifier's errors"),
    ),
    "events": (("events --before 8 --after 8", "eight weeks before and after each event"),),
    "attention": (("attention --by outlet", "how much of what each outlet publishes is on topic"),),
    "drift": (("drift", "do the probabilities still look as they did?"),),
    "multiverse": (("multiverse --format html --out multiverse.html", "under every other choice, on one page"),),
    "serve": (("serve --open", "browse the database: facets, canned queries, search"),),
    "export": (
        ("export data", "every view as CSV, with a description that programs read"),
        ("export data --format parquet --since 2026-02-01", "from one day on, for a column store"),
    ),
    "sample": (
        ("sample --n 300 --seed 7", "draw texts to be coded"),
        ("sample --n 300 --name after --since 2026-02-17", "of one period"),
    ),
    "samples": (("samples", "how far is the coding?"),),
    "code": (("code --coder ann", "code the last sample, blind; Ctrl-C keeps everything"),),
    "adjudicate": (("adjudicate --coder ann", "settle what coders disagree about"),),
    "agreement": (("agreement --sample audit", "Krippendorff's alpha"),),
    "codes": (
        ("codes export codes.csv --format csv", "for a spreadsheet"),
        ("codes import codes.csv --coder ann", "and back"),
    ),
    "codes export": (("codes export tasks.json --format label-studio --blank", "for coders elsewhere"),),
    "codes import": (("codes import codes.csv --coder ann --sample audit", "what a coder sent back"),),
}
"""By command, with the group in front for commands of a group: arguments after `media-coverage`, and what they do."""


def epilog(name: str) -> str | None:
    """The examples of a command as click shows them under the options; None where there are none."""
    shown = EXAMPLES.get(name)
    if not shown:
        return None
    return "\b\nExamples:\n" + "\n".join(f"  media-coverage {typed}\n      {does}" for typed, does in shown)
