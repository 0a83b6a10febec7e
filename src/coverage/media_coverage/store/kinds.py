"""What kind of value every column holds, and its unit: what SQLite's own types do not say."""

from __future__ import annotations

from typing import NamedTuple

from .descriptions import DESCRIPTIONS


class Kind(NamedTuple):
    """`type` is text, integer, real, flag (0 or 1), day (YYYY-MM-DD) or time (UTC, ISO 8601); `unit` None for none."""

    type: str
    unit: str | None = None


_TEXT, _INTEGER, _FLAG, _DAY, _TIME = map(Kind, ("text", "integer", "flag", "day", "time"))
_PROBABILITY = Kind("real", "probability")

_COUNTED = {
    "article": (
        "imported articles all_articles own_articles new_articles listed listed_articles mixed neither $first $second"
    ),
    "story": "stories new_stories own_new_stories",
    "sighting": "sightings own_sightings times_seen",
    "wording": "versions new_versions",
    "row": "rows known rejected",
    "file": "imports",
    "text": "asked texts frame_size set_apart stratum_size stratum_drawn coded adjudicated labelled",
    "stratum": "strata",
    "person": "coders",
    "outlet": "outlets outlets_collected",
    "feed": "feeds feeds_asked feeds_answered feeds_failed feeds_not_asked",
    "feed-day": "feed_days feed_days_asked feed_days_answered feed_days_failed",
    "day": "days days_missing days_partial",
    "attempt": "fetches failures not_modified forced_news lying_304s",
    "entry": "entries seen_before",
    "page": "pages pages_read",
    "word": "words",
    "byte": "bytes size",
    "ms": "elapsed_ms",
    "s": "fresh_for_s",
}
_NAMED = {name: Kind("integer", unit) for unit, names in _COUNTED.items() for name in names.split()}
_NAMED |= dict.fromkeys("id band row certainty exit_code one position seed status version".split(), _INTEGER)
_NAMED |= dict.fromkeys(
    "active addressed attempted collected conditional forced lying_304 may_have_lost newest on_topic passed "
    "passed_gate rel relevant succeeded uncertain wire_copy $first_output $second_output".split(),
    _FLAG,
)
_NAMED |= dict.fromkeys(("date", "first_day", "last_day", "before"), _DAY)
_NAMED |= dict.fromkeys(("wait_until", "fresh_until", "off_since", "since"), _TIME)
_NAMED |= {"inclusion": _PROBABILITY, "similarity": Kind("real", "0..1")}

_ELSEWHERE = {
    ("period_frames", "uncertain"): Kind("integer", "article"),
    ("v_period_frames", "uncertain"): Kind("integer", "article"),
    ("v_feeds", "forced"): Kind("integer", "attempt"),
    ("v_feeds", "may_have_lost"): Kind("integer", "attempt"),
    ("collection_stored", "listed"): _TEXT,
    ("text_band", "period"): _INTEGER,
    ("import_file", "versions"): Kind("integer", "wording"),
    ("label", "copied_from"): _INTEGER,
    ("v_labels", "copied_from"): _INTEGER,
    ("collection_stored", "through_fetch"): _INTEGER,
    ("model", "version"): _TEXT,
    ("sample", "since"): _TEXT,  # a day, or empty
    ("v_samples", "since"): _TEXT,
} | {(table, "model_id"): _TEXT for table in ("model", "v_articles", "v_labels", "v_runs", "v_samples")}
"""Columns that are something else than those of the same name in other tables."""


def _kind(table: str, column: str) -> Kind:
    if known := _ELSEWHERE.get((table, column)) or _NAMED.get(column):
        return known
    if column.startswith("p_"):
        return _PROBABILITY
    if column.endswith("_at"):
        return _TIME
    return _INTEGER if column.endswith("_id") else _TEXT


KINDS = {(table, column): _kind(table, column) for table, columns in DESCRIPTIONS.items() for column in columns}
"""By table or view, and column; $first, $second and their outputs stand for the frames, as in DESCRIPTIONS."""
