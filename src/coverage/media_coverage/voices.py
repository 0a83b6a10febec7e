"""Who speaks a frame: the outlet itself, or only somebody it quotes? From labels, or from texts that people coded.

Two series that belong side by side: what outlets say, also where they quote somebody as well, and what they report
others saying. The model tells voices less well than frames. With a sample the codes of people speak instead: each text
weighs 1 ÷ its inclusion probability, so the shares are those of all texts that could be drawn. Where the model tells no
voices and there is no sample, all codes of people do, for themselves only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .aggregate import OWN, QUOTED, VOICES, calendar, first_days
from .composition import Composition, Counting
from .correction import too_few
from .errors import TrendError
from .estimate import MIN_ITEMS, UNCORRECTED, Estimand, wilson
from .framing import NEITHER, OWN_FROM
from .sample import OFF_TOPIC
from .series import pool
from .trend import as_columns, measures_of, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .estimate import Measure
    from .store import Store

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

METHOD = "weighted share of coded texts"
BY_MODEL = "share of labels"

UNDRAWN = "codes of people; no sample drew these texts, so they speak for themselves only"


def weighted_share(positive: Booleans, base: Booleans, weight: Floats) -> tuple[float, float, float, float]:
    """(share, low, high, effective n) of the positive among the base, by Hájek's weighted mean; base must hold some.

    The interval is Wilson's at the number of independent texts that would leave the variance which the weighted ones
    have (Σ w² (x − p)² ÷ (Σ w)²), at most as many as there are; Kish's number where all are alike.
    """
    w, x = weight[base], positive[base].astype(np.float64)
    total = float(w.sum())
    p = min(1.0, float(w @ x) / total)
    variance = float((w**2) @ (x - p) ** 2) / total**2
    kish = total**2 / float(w @ w)
    effective = min(float(len(w)), p * (1 - p) / variance if variance > 1e-18 else kish)
    low, high = wilson(p, effective)
    return p, min(low, p), max(high, p), effective


def voices(
    store: Store,
    *,
    period: str = "week",
    sample: str | None = None,
    measure: Sequence[str] | None = None,
    since: str = "",
    until: str = "9999",
) -> pd.DataFrame:
    """The shares of frames by voice per period, with 95 % intervals; rows and columns as those of trend.trend.

    `name` is own or quoted. A share is that of texts with the label *and* the voice among all on-topic texts; the index
    compares the frames within a voice. With `sample` the texts are those that people coded for it, and otherwise all
    that the model labelled, or those that people coded where it tells no voices. Texts with a frame about whose voice
    coders are evenly split, or which nobody asked about, are left out with a warning. Raises TrendError where nothing
    says whose voice a text is, and StoreError for a sample that is none.
    """
    texts = _labelled(store, since, until) if sample is None else None
    by_model = texts is not None
    coded = store.coded(sample) if texts is None else texts
    coded = coded[coded["date"].between(since, until)].reset_index(drop=True)
    if coded.empty:
        where = f"the sample {sample} has no settled code" if sample else "holds no settled code of people"
        raise TrendError(
            f"{where} in these days, and the model tells no voices; `media-coverage code` first, or `media-coverage "
            "classify` with one that does",
            path=store.path,
        )
    voiceless = [name for name in measure or () if name == f"share_{NEITHER}"]
    if voiceless:
        raise TrendError(f"a text with neither frame has no voice, so {voiceless[0]} has none", path=store.path)
    if not coded["voice"].notna().any():
        raise TrendError(
            "no code says whose voice a text is: none carries a frame, or nobody was asked", path=store.path
        )
    framed = coded["truth"].isin([*store.frames.names, "mixed"])
    untold = int((framed & coded["voice"].isna()).sum())
    coded = coded[~framed | coded["voice"].notna()].reset_index(drop=True)
    warnings = [f"{untold} framed texts have no settled voice and are left out"] if untold else []
    if by_model:
        warnings.append(
            "labels and voices are the model's, and the intervals leave out what it gets wrong; with a sample people's "
            "codes speak instead"
        )
    elif sample is None:
        warnings.append("no sample drew these texts, so the share is theirs and no other's")
    periods = calendar(period, coded["date"].min(), coded["date"].max())
    days = store.period_collection(period, "all").set_index("first_day")
    kept = ["days", "days_missing", "days_partial"]
    days = days[kept].reindex(periods["first_day"]).fillna(0).astype("int64").reset_index(drop=True)
    cuts = sorted(set(store.events()["date"]))
    segments = np.searchsorted(cuts, list(periods["last_day"]), side="right").astype(np.int64)
    place = first_days(coded["date"], period).map({day: n for n, day in enumerate(periods["first_day"])})
    voice = coded["voice"].map(VOICES)
    found: list[dict[str, Any]] = []
    for one in (one for one in measures_of(store.frames, measure) if one.name != f"share_{NEITHER}"):
        for name in (OWN, QUOTED):
            positive, base = _roles(coded["truth"], voice == name, one, store.frames.labels)
            counts = np.bincount(place[base], minlength=len(periods)).astype(np.float64)
            groups = pool(counts, segments)
            common = {
                "by": "voice",
                "name": name,
                "measure": one.name,
                "estimand": str(Estimand.TENDENCY),
                "method": BY_MODEL if by_model else METHOD,
                "correction": UNCORRECTED if by_model else f"codes of the sample {sample}" if sample else UNDRAWN,
                "composition": str(Composition.ITEMS),
                "counting": str(Counting.STORIES if sample else Counting.ARTICLES),
                "warnings": " ".join(map(sentence, warnings)),
            }
            for group in np.unique(groups[place[coded["truth"] != OFF_TOPIC]]):
                told = (groups[place] == group) & (coded["truth"] != OFF_TOPIC)
                inside = place[told]
                span = slice(int(inside.min()), int(inside.max()) + 1)
                row = common | _row(coded[told], periods[span], days[span])
                chosen = (told & base).to_numpy()
                n = int(chosen.sum())
                row |= {"n": n, "audited_n": 0 if by_model else n, "reason": too_few(n).reason if n < MIN_ITEMS else ""}
                if n >= MIN_ITEMS:
                    weight = 1 / coded["inclusion"].to_numpy(dtype=np.float64)
                    *three, effective = weighted_share(positive.to_numpy(), chosen, weight)
                    row |= dict(zip(("value", "low", "high"), map(one.scaled, three), strict=True))
                    row["effective_n"] = effective
                found.append(row)
    return as_columns(found)


def _labelled(store: Store, since: str, until: str) -> pd.DataFrame | None:
    """On-topic texts as `store.coded` gives them, by the model; None where it tells no voices."""
    found = store.labelled(since, until)
    if not found["p_own"].notna().any():
        return None
    texts = found[["date", "outlet", "story_id"]].assign(truth=found["label"], inclusion=1.0)
    told = np.where(found["p_own"] >= OWN_FROM, "outlet", "quoted")
    return texts.assign(voice=pd.Series(told, index=found.index).where(found["p_own"].notna()))


def _roles(
    truth: pd.Series[str], spoken: pd.Series[bool], measure: Measure, labels: Sequence[str]
) -> tuple[pd.Series[bool], pd.Series[bool]]:
    """Which texts are positive and which are the base: spoken in the voice, and for an index the base too."""
    named = [[labels[k] for k in classes if k < len(labels)] for classes in (measure.positive, measure.base)]
    positive, base = (truth.isin(names) for names in named)
    return positive & spoken, base & spoken if measure.index else base


def _row(texts: pd.DataFrame, periods: pd.DataFrame, days: pd.DataFrame) -> dict[str, Any]:
    held, missing, partial = (int(days[name].sum()) for name in days.columns)
    word = "full" if held else "before the first run"
    if held and (missing or partial):
        word = "none" if missing == held else "partial"
    return {
        "first_day": periods["first_day"].iloc[0],
        "last_day": periods["last_day"].iloc[-1],
        "periods": len(periods),
        "articles": len(texts),
        "stories": int(texts["story_id"].nunique()),
        "outlets": int(texts["outlet"].nunique()),
        "days": held,
        "days_missing": missing,
        "days_partial": partial,
        "collection": word,
    }
