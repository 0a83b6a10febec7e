"""Frames → pictures. The only user of Altair and vl-convert.

Charts become SVG inside the page: no script, no network, prints well. Colours tell apart for all common kinds of
colour blindness (Okabe & Ito 2008); text and grid take the colours of the page by CSS.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

if TYPE_CHECKING:
    from .framing import Frames

COLOURS = ("#0072B2", "#D55E00")
"""Of the first and of the second frame."""

GAP_COLOUR = "#8A8F98"
GAP_OPACITY = 0.45
"""Of a day on which nothing was collected; of others in proportion to what was missing."""

MAX_NAMED_GAPS = 6
"""So many of the longest gaps carry their name; more names would cover each other."""

WIDTH = 860
_INTERVALS = "95 % intervals"


def _long(frame: pd.DataFrame, key: str, frames: Frames) -> pd.DataFrame:
    """One row per key and frame with share, low, high, n; rows without a share are left out."""
    parts = [
        pd.DataFrame(
            {
                key: frame[key],
                "framing": kind.title,
                "share": frame[f"share_{kind.name}"],
                "low": frame[f"share_{kind.name}_low"],
                "high": frame[f"share_{kind.name}_high"],
                "k": frame[kind.name],
                "n": frame["articles"],
            }
        )
        for kind in frames.both
    ]
    return pd.concat(parts, ignore_index=True)


def _colour(frames: Frames) -> alt.Color:
    scale = alt.Scale(domain=[kind.title for kind in frames.both], range=list(COLOURS))
    return alt.Color("framing:N", scale=scale, legend=alt.Legend(title=None, orient="top", symbolOpacity=1))


def _events(events: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> list[alt.Chart]:
    """A vertical line with its name for each event within the time shown."""
    frame = events.assign(date=pd.to_datetime(events["date"]))
    frame = frame[(frame["date"] >= first) & (frame["date"] <= last)]
    if frame.empty:
        return []
    base = alt.Chart(frame).encode(x="date:T")
    names = base.mark_text(align="left", baseline="top", dx=4, dy=2, angle=90, fontSize=10, fontStyle="italic")
    return [base.mark_rule(strokeDash=[3, 3], opacity=0.7), names.encode(y=alt.value(0), text="name:N")]


def _gaps(gaps: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> list[alt.Chart]:
    """A shaded band for each run of days that were not fully collected, the darker the more was missing."""
    start, end = gaps["start"], gaps["end"]
    frame = gaps.assign(start=start.where(start > first, first), end=end.where(end < last, last))
    frame = frame[frame["start"] < frame["end"]].assign(opacity=GAP_OPACITY * frame["missing"])
    if frame.empty:
        return []
    bands = alt.Chart(frame).mark_rect(color=GAP_COLOUR)
    named = frame[frame["missing"] == 1].assign(days=frame["end"] - frame["start"], text="not collected")
    named = named.nlargest(MAX_NAMED_GAPS, "days").drop(columns="days")
    names = alt.Chart(named).mark_text(align="right", baseline="top", dx=-4, dy=2, angle=270, fontSize=10)
    return [
        bands.encode(x="start:T", x2="end:T", opacity=alt.Opacity("opacity:Q", scale=None)),
        *([names.encode(x="start:T", y=alt.value(0), text="text:N")] if len(named) else []),
    ]


def _weeks(weekly: pd.DataFrame, gaps: pd.DataFrame) -> tuple[pd.DataFrame, pd.Timestamp, pd.Timestamp]:
    """Weeks as timestamps with the anchor of their article list; weeks without articles as gaps, not zeros.

    `visible` is less for weeks in which some day was not collected.
    """
    frame = weekly.assign(week=pd.to_datetime(weekly["date"]), link="#week-" + weekly["date"])
    first, last = frame["week"].min(), frame["week"].max()
    full = pd.DataFrame({"week": pd.date_range(first, last, freq="7D")}).merge(frame, on="week", how="left")
    empty = gaps[gaps["missing"] == 1]
    week = pd.Timedelta(days=7)
    cut = [bool(((empty["start"] < start + week) & (empty["end"] > start)).any()) for start in full["week"]]
    full["visible"] = [0.45 if incomplete else 1.0 for incomplete in cut]
    return full, first, last + week


def volume(daily: pd.DataFrame, events: pd.DataFrame, gaps: pd.DataFrame) -> alt.LayerChart:
    """On-topic articles per day over the days that were not, or not fully, collected.

    `daily` has date (YYYY-MM-DD) and articles, `gaps` is of aggregate.gaps. A day without a bar and without a band was
    collected and brought nothing, or lies before the first run.
    """
    frame = daily.assign(day=pd.to_datetime(daily["date"]))
    frame = frame.assign(end=frame["day"] + pd.Timedelta(days=1))
    first = min([frame["day"].min(), *gaps["start"][gaps["start"] >= frame["day"].min()]])
    last = max([frame["end"].max(), *gaps["end"]])
    bars = alt.Chart(frame[["day", "end", "articles"]]).mark_bar(color="#777777", opacity=0.6)
    x = alt.X("day:T", title=None, axis=alt.Axis(format="%-d %b %Y", labelAngle=-30, grid=False))
    y = alt.Y("articles:Q", title="articles per day", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(domainMin=0))
    drawn = bars.encode(x=x, x2="end:T", y=y, y2=alt.datum(0))
    layers = [drawn, *_gaps(gaps, first, last), *_events(events, first, last)]
    return alt.layer(*layers).properties(width=WIDTH, height=140)


def trend(weekly: pd.DataFrame, events: pd.DataFrame, frames: Frames, gaps: pd.DataFrame) -> alt.LayerChart:
    """Share of each frame per week with its interval, the events and the gaps of the collection.

    `weekly` has `date` (a Monday), counts and the columns of estimate.with_intervals; `events` date and name; `gaps`
    is of aggregate.gaps. Each point links to "#week-DATE"; points of weeks with days not collected are paler.
    """
    frame, first, last = _weeks(weekly, gaps)
    long = _long(frame, "week", frames).merge(frame[["week", "link", "visible"]], on="week")
    x = alt.X("week:T", title=None, axis=alt.Axis(format="%-d %b %Y", labelAngle=-30, grid=False))
    y = alt.Y("share:Q", title="share of on-topic articles", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    base = alt.Chart(long).encode(x=x, color=_colour(frames))
    layers = [
        *_gaps(gaps, first, last),
        *_events(events, first, last),
        base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_rule(strokeWidth=2, opacity=0.4).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=y),
        base.transform_filter("isValid(datum.share)")
        .mark_point(filled=True, size=70)
        .encode(
            y=y,
            href="link:N",
            shape=alt.Shape("framing:N", legend=None),
            opacity=alt.Opacity("visible:Q", scale=None),
        ),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=300)


def index(weekly: pd.DataFrame, events: pd.DataFrame, gaps: pd.DataFrame) -> alt.LayerChart:
    """Net framing index per week with its interval: +1 all framed articles in the first frame, −1 in the second.

    Gaps and pale points as in `trend`.
    """
    frame, first, last = _weeks(weekly, gaps)
    valid = frame[frame["index"].notna()]
    x = alt.X("week:T", title=None, axis=alt.Axis(format="%-d %b %Y", labelAngle=-30, grid=False))
    y = alt.Y("index:Q", title="net framing index", scale=alt.Scale(domain=[-1, 1]))
    line = alt.Chart(frame).mark_line(strokeWidth=1.5, color="#777777").encode(x=x, y=y)
    base = alt.Chart(valid).encode(x=x)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(opacity=0.6).encode(y="zero:Q")
    sign = alt.condition("datum.index >= 0", *(alt.value(colour) for colour in COLOURS))
    return alt.layer(
        *_gaps(gaps, first, last),
        *_events(events, first, last),
        zero,
        line,
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(y=alt.Y("index_low:Q"), y2="index_high:Q", color=sign),
        base.mark_point(filled=True, size=70).encode(
            y=y, color=sign, href="link:N", opacity=alt.Opacity("visible:Q", scale=None)
        ),
    ).properties(width=WIDTH, height=220)


def shares(counts: pd.DataFrame, key: str, frames: Frames, link: str) -> alt.LayerChart:
    """Share of each frame per row of `counts` (a group or an outlet) with its interval and number of articles.

    `link` is the prefix of the anchors that the points lead to ("#group-").
    """
    named = counts.assign(row=[f"{name} (n = {n})" for name, n in zip(counts[key], counts["articles"], strict=True)])
    long = _long(named, "row", frames)
    anchors = dict(zip(named["row"], named[key], strict=True))
    long["link"] = [link + anchor(str(anchors[row])) for row in long["row"]]
    order = list(named.sort_values("index", na_position="last")["row"])
    y = alt.Y("row:N", title=None, sort=order, axis=alt.Axis(labelLimit=260))
    x = alt.X("share:Q", title=f"share of on-topic articles, {_INTERVALS}", axis=alt.Axis(format="%"))
    offset = alt.YOffset("framing:N", sort=[kind.title for kind in frames.both])
    base = alt.Chart(long[long["share"].notna()]).encode(y=y, yOffset=offset, color=_colour(frames))
    return alt.layer(
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(
            x=alt.X("low:Q", scale=alt.Scale(domain=[0, 1])), x2="high:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x=x, href="link:N", shape=alt.Shape("framing:N", legend=None)
        ),
    ).properties(width=WIDTH - 240, height=alt.Step(15))


def specifications(rows: pd.DataFrame) -> alt.VConcatChart:
    """A specification curve: the change in points with its interval, in order of size, over the choices behind each.

    `rows` has the columns of multiverse.COLUMNS; those without a value are left out.
    """
    frame = rows[rows["points"].notna()].sort_values("points", ignore_index=True)
    frame = frame.assign(place=frame.index + 1, told=frame["distinguishable"].map({True: "yes", False: "no"}))
    x = alt.X("place:O", title=None, axis=None)
    colour = alt.Color(
        "told:N",
        scale=alt.Scale(domain=["yes", "no"], range=[COLOURS[0], "#777777"]),
        legend=alt.Legend(title="distinguishable from the usual movement", orient="top"),
    )
    base = alt.Chart(frame).encode(x=x, color=colour)
    y = alt.Y("points:Q", title=f"change in points, {_INTERVALS}")
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(opacity=0.6).encode(y="zero:Q")
    rules = base.mark_rule(strokeWidth=2, opacity=0.5).encode(y=alt.Y("low:Q"), y2="high:Q")
    curve = alt.layer(zero, rules, base.mark_point(filled=True, size=45).encode(y=y))
    choices = ["model_id", "thresholds", "method", "composition", "counting"]
    long = frame.melt(id_vars=["place", "told"], value_vars=choices, var_name="choice", value_name="taken")
    order = [value for name in choices for value in dict.fromkeys(rows[name])]
    grid = alt.Chart(long).mark_tick(orient="vertical", thickness=3, size=9)
    rows_axis = alt.Y("taken:N", sort=order, title=None, axis=alt.Axis(labelLimit=220))
    width = WIDTH - 240
    return alt.vconcat(
        curve.properties(width=width, height=240),
        grid.encode(x=x, y=rows_axis, color=colour).properties(width=width, height=alt.Step(14)),
        spacing=6,
    )


def anchor(name: str) -> str:
    """A name as an HTML id: letters and digits kept, the rest spelt as numbers, so that no two names meet."""
    return "".join(c if c.isascii() and c.isalnum() else f"-{ord(c):x}-" for c in name)


def svg(chart: alt.TopLevelMixin) -> str:
    """The chart as an SVG element with a transparent background."""
    import vl_convert

    # The page's font may be wider than the one that the labels are measured with: hence room at the left.
    padding = {"left": 28, "right": 12, "top": 5, "bottom": 5}
    themed: Any = chart.configure(background="transparent", font="sans-serif", padding=padding)
    themed = themed.configure_view(stroke=None)
    drawn = str(vl_convert.vegalite_to_svg(themed.to_dict()))
    # vl-convert resolves links against an address of its own; ours stay inside the page.
    return re.sub(r'xlink:href="https?://[^"#]*#', 'href="#', drawn)


def draw_offline() -> None:
    """Make notebooks show charts as SVG; Altair's own default would load its scripts from the network."""
    alt.renderers.enable("svg")
