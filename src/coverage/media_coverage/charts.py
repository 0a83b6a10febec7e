"""Frames → pictures. The only user of Altair and vl-convert.

Charts become SVG inside the page: no script, no network, prints well. Points are links to their articles, and say what
they are to a pointer, to the keyboard and to a screen reader. Colours tell apart for all common kinds of colour
blindness (Okabe & Ito 2008), and shapes besides; text and grid take the colours of the page by CSS.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

_modules: dict[str, Any] = sys.modules
_hidden = not {"jsonschema", "rfc3987_syntax"} & set(_modules)
if _hidden:
    # Where it is installed, the checker of schemas behind Altair builds its grammars of addresses, which takes longer
    # than all of Altair; no schema of a chart asks for them.
    _modules["rfc3987_syntax"] = None
try:
    import altair as alt
finally:
    if _hidden:
        del _modules["rfc3987_syntax"]

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from .framing import Frames

COLOURS = ("#0072B2", "#D55E00")
"""Of the first and of the second frame."""

GREY = "#777777"
INTERVAL_COLOUR = "#333333"
"""Of rules over bars; the page gives it the colour of its text."""

GAP_COLOUR = "#8A8F98"
GAP_OPACITY = 0.45
"""Of a day on which nothing was collected; of others in proportion to what was missing."""

MAX_NAMED_GAPS = 6
"""So many of the longest gaps carry their name; more names would cover each other."""

WIDTH = 860
SMALL = (236, 96)
"""Width and height of a small chart."""

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
                "n": frame["articles"],
            }
        )
        for kind in frames.both
    ]
    return pd.concat(parts, ignore_index=True)


def _said(long: pd.DataFrame, where: pd.Series[str]) -> list[str]:
    """What each point says of itself: "week of 2 February 2026: NAME 39 % [28–52] of 56 articles"."""
    columns = (where, long["framing"], long["share"], long["low"], long["high"], long["n"])
    return [
        f"{place}: {framing} {100 * share:.0f} % [{100 * low:.0f}–{100 * high:.0f}] of {int(n):,} articles"
        if share == share  # not missing
        else place
        for place, framing, share, low, high, n in zip(*columns, strict=True)
    ]


def targets(points: pd.DataFrame) -> pd.Series[str]:
    """What the anchor of each point ends with: its first day, and its last where it stands for several periods."""
    if "periods" not in points:
        return points["date"].astype(str)
    return points["date"] + ("-" + points["last_day"]).where(points["periods"] > 1, "")


def _spans(frame: pd.DataFrame, days: int) -> list[str]:
    """How the time of each point is called; `days` is the length of a period."""
    first = pd.to_datetime(frame["date"])
    last = pd.to_datetime(frame["last_day"]) if "last_day" in frame else first + pd.Timedelta(days=days - 1)
    one = {7: "week of {0.day} {0:%B %Y}", 1: "{0.day} {0:%B %Y}"}.get(days, "{0:%B %Y}")
    periods = frame["periods"] if "periods" in frame else pd.Series(1, index=frame.index)
    return [
        one.format(start) if number == 1 else f"{start.day} {start:%B %Y} to {end.day} {end:%B %Y}"
        for start, end, number in zip(first, last, periods, strict=True)
    ]


def _colour(frames: Frames, *, legend: bool = True) -> alt.Color:
    scale = alt.Scale(domain=[kind.title for kind in frames.both], range=list(COLOURS))
    shown = alt.Legend(title=None, orient="top", symbolOpacity=1) if legend else None
    return alt.Color("framing:N", scale=scale, legend=shown)


def _events(events: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp, *, named: bool = True) -> list[alt.Chart]:
    """A vertical line, with its name or without, for each event within the time shown."""
    frame = events.assign(date=pd.to_datetime(events["date"]))
    frame = frame[(frame["date"] >= first) & (frame["date"] <= last)]
    if frame.empty:
        return []
    base = alt.Chart(frame).encode(x="date:T")
    names = base.mark_text(align="left", baseline="top", dx=4, dy=2, angle=90, fontSize=10, fontStyle="italic")
    rules = base.mark_rule(strokeDash=[3, 3], opacity=0.7)
    return [rules, names.encode(y=alt.value(0), text="name:N")] if named else [rules]


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


def _weeks(weekly: pd.DataFrame, gaps: pd.DataFrame, days: int = 7) -> tuple[pd.DataFrame, pd.Timestamp, pd.Timestamp]:
    """Periods as timestamps with the anchor of their article list; those without articles as gaps, not zeros.

    `visible` is less for periods in which some day was not collected. A point of several periods stands at the first.
    """
    frame = weekly.assign(
        week=pd.to_datetime(weekly["date"]), link="#week-" + targets(weekly), said=_spans(weekly, days)
    )
    first, last = frame["week"].min(), frame["week"].max()
    length = pd.DateOffset(months=1) if days > 7 else pd.Timedelta(days=days)
    covered = frame["periods"] if "periods" in frame else pd.Series(1, index=frame.index)
    ends = [start + length * int(number) for start, number in zip(frame["week"], covered, strict=True)]
    inside = {day for start, end in zip(frame["week"], ends, strict=True) for day in _steps(start, end, length)}
    empty = [day for day in _steps(first, last, length) if day not in inside]
    full = pd.concat([frame, pd.DataFrame({"week": pd.to_datetime(empty)})], ignore_index=True)
    full = full.sort_values("week", ignore_index=True)
    missed = gaps[gaps["missing"] == 1]
    cut = [bool(((missed["start"] < start + length) & (missed["end"] > start)).any()) for start in full["week"]]
    full["visible"] = [0.45 if incomplete else 1.0 for incomplete in cut]
    return full, first, max(ends)


def _steps(start: pd.Timestamp, end: pd.Timestamp, length: Any) -> list[pd.Timestamp]:
    """The first days of the periods from `start` up to before `end`, and at least `start`."""
    found = [start]
    while (after := found[-1] + length) < end:
        found.append(after)
    return found


def volume(daily: pd.DataFrame, events: pd.DataFrame, gaps: pd.DataFrame) -> alt.LayerChart:
    """On-topic articles per day over the days that were not, or not fully, collected.

    `daily` has date (YYYY-MM-DD) and articles, `gaps` is of aggregate.gaps. A day without a bar and without a band was
    collected and brought nothing, or lies before the first run.
    """
    frame = daily.assign(day=pd.to_datetime(daily["date"]))
    frame = frame.assign(end=frame["day"] + pd.Timedelta(days=1))
    first = min([frame["day"].min(), *gaps["start"][gaps["start"] >= frame["day"].min()]])
    last = max([frame["end"].max(), *gaps["end"]])
    bars = alt.Chart(frame[["day", "end", "articles"]]).mark_bar(color=GREY, opacity=0.6, aria=False)
    x = alt.X("day:T", title=None, axis=_time_axis())
    y = alt.Y("articles:Q", title="articles per day", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(domainMin=0))
    drawn = bars.encode(x=x, x2="end:T", y=y, y2=alt.datum(0))
    layers = [drawn, *_gaps(gaps, first, last), *_events(events, first, last, named=False)]
    return alt.layer(*layers).properties(width=WIDTH, height=140)


def trend(
    weekly: pd.DataFrame, events: pd.DataFrame, frames: Frames, gaps: pd.DataFrame, days: int = 7
) -> alt.LayerChart:
    """Share of each frame per period with its interval, the events and the gaps of the collection.

    `weekly` has `date` (a first day), `articles`, and the shares with their ends, as estimate.with_intervals or
    shares.wide give them; `events` date and name; `gaps` is of aggregate.gaps; `days` is the length of a period (about
    30 for a month). Each point links to "#week-DATE"; points of periods with days not collected are paler.
    """
    frame, first, last = _weeks(weekly, gaps, days)
    y = alt.Y("share:Q", title="share of on-topic articles", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    return alt.layer(
        *_gaps(gaps, first, last),
        *_events(events, first, last),
        *_lines(_points(frame, frames), frames, _time(), y),
    ).properties(width=WIDTH, height=300)


def _points(frame: pd.DataFrame, frames: Frames) -> pd.DataFrame:
    """The two lines from the periods of `_weeks`."""
    long = _long(frame, "week", frames).merge(frame[["week", "link", "visible", "said"]], on="week")
    return long.assign(said=_said(long, long["said"]))


def _lines(
    long: pd.DataFrame, frames: Frames, x: alt.X, y: alt.Y, *, size: int = 70, legend: bool = True
) -> list[alt.Chart]:
    base = alt.Chart(long).encode(x=x, color=_colour(frames, legend=legend))
    points = base.transform_filter("isValid(datum.share)").mark_point(filled=True, size=size, tooltip=None)
    return [
        base.mark_area(opacity=0.15, aria=False).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_rule(strokeWidth=2, opacity=0.4, aria=False).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(strokeWidth=2, aria=False).encode(y=y),
        points.encode(
            y=y,
            href="link:N",
            description="said:N",
            shape=alt.Shape("framing:N", legend=None),
            opacity=alt.Opacity("visible:Q", scale=None),
        ),
    ]


def _time() -> alt.X:
    """Room at both ends, so that no point lies on the axis."""
    return alt.X("week:T", title=None, axis=_time_axis(), scale=alt.Scale(padding=10))


def _time_axis(**options: Any) -> alt.Axis:
    return alt.Axis(**({"format": "%-d %b %Y", "grid": False, "tickCount": 8, "labelOverlap": True} | options))


def small(
    points: pd.DataFrame,
    frames: Frames,
    gaps: pd.DataFrame,
    span: tuple[pd.Timestamp, pd.Timestamp],
    link: str,
    days: int = 7,
) -> alt.LayerChart:
    """The trend of one group or outlet as a small chart; points link to `link` with the day, "#outlet-x-2026-02-02".

    `span` is the time that all charts beside each other show.
    """
    frame, _, _ = _weeks(points, gaps, days)
    frame["link"] = frame["link"].str.replace("#week", link, n=1, regex=False)
    ticks = _time_axis(format="%b %Y", labelAngle=0, tickCount=3, labelFontSize=10)
    x = alt.X("week:T", title=None, axis=ticks, scale=alt.Scale(domain=[_iso(day) for day in span]))
    y = alt.Y("share:Q", title=None, axis=alt.Axis(format="%", values=[0, 0.5, 1]), scale=alt.Scale(domain=[0, 1]))
    chart = alt.layer(*_gaps(gaps, *span), *_lines(_points(frame, frames), frames, x, y, size=40, legend=False))
    return chart.properties(width=SMALL[0], height=SMALL[1])


def small_counts(
    counts: pd.DataFrame, frames: Frames, span: tuple[pd.Timestamp, pd.Timestamp], link: str, days: int = 7
) -> alt.LayerChart:
    """Articles of one group or outlet per period as a small chart: the first frame upwards, the second downwards.

    For names with too few articles for percentages. `counts` has date, articles and a column per label; links and
    `span` as in `small`.
    """
    where = _spans(counts, days)
    parts = []
    for kind, sign in zip(frames.both, (1, -1), strict=True):
        part = pd.DataFrame({"start": pd.to_datetime(counts["date"]), "framing": kind.title})
        part["end"] = part["start"] + pd.Timedelta(days=days)
        part["signed"] = sign * counts[kind.name].astype("int64")
        part["link"] = link + "-" + counts["date"]
        part["said"] = [
            f"{place}: {kind.title} {int(k)} of {int(n)} articles"
            for place, k, n in zip(where, counts[kind.name], counts["articles"], strict=True)
        ]
        parts.append(part)
    long = pd.concat(parts, ignore_index=True)
    most = max(2, int(long["signed"].abs().max()))
    ticks = _time_axis(format="%b %Y", tickCount=3, labelFontSize=10)
    x = alt.X("start:T", title=None, axis=ticks, scale=alt.Scale(domain=[_iso(day) for day in span]))
    labels = alt.Axis(labelExpr="format(abs(datum.value), 'd')", values=[-most, 0, most])
    y = alt.Y("signed:Q", title=None, axis=labels, scale=alt.Scale(domain=[-most, most]))
    bars = alt.Chart(long[long["signed"] != 0]).mark_bar(opacity=0.85, tooltip=None)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(opacity=0.6, aria=False).encode(y="zero:Q")
    drawn = bars.encode(
        x=x, x2="end:T", y=y, y2=alt.datum(0), color=_colour(frames, legend=False), href="link:N", description="said:N"
    )
    return alt.layer(drawn, zero).properties(width=SMALL[0], height=SMALL[1])


def _iso(day: pd.Timestamp) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "date": day.day}


def index(weekly: pd.DataFrame, events: pd.DataFrame, gaps: pd.DataFrame, days: int = 7) -> alt.LayerChart:
    """Net framing index per period with its interval: +1 all framed articles in the first frame, −1 in the second.

    Gaps and pale points as in `trend`.
    """
    frame, first, last = _weeks(weekly, gaps, days)
    valid = frame[frame["index"].notna()]
    columns = (valid["said"], valid["index"], valid["index_low"], valid["index_high"])
    valid = valid.assign(
        said=[
            f"{where}: {value:+.2f} [{low:+.2f} to {high:+.2f}]".replace("-", "−")
            for where, value, low, high in zip(*columns, strict=True)
        ]
    )
    y = alt.Y("index:Q", title="net framing index", scale=alt.Scale(domain=[-1, 1]))
    x = _time()
    line = alt.Chart(frame).mark_line(strokeWidth=1.5, color=GREY, aria=False).encode(x=x, y=y)
    base = alt.Chart(valid).encode(x=x)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(opacity=0.6, aria=False).encode(y="zero:Q")
    sign = alt.condition("datum.index >= 0", *(alt.value(colour) for colour in COLOURS))
    rules = base.mark_rule(strokeWidth=2, opacity=0.6, aria=False)
    return alt.layer(
        *_gaps(gaps, first, last),
        *_events(events, first, last, named=False),
        zero,
        line,
        rules.encode(y=alt.Y("index_low:Q"), y2="index_high:Q", color=sign),
        base.mark_point(filled=True, size=70, tooltip=None).encode(
            y=y, color=sign, href="link:N", description="said:N", opacity=alt.Opacity("visible:Q", scale=None)
        ),
    ).properties(width=WIDTH, height=220)


def _ranked(counts: pd.DataFrame, key: str, frames: Frames, link: str) -> tuple[pd.DataFrame, list[str]]:
    """One row per name and frame with what its point says and where it leads, and the names in order.

    The order is that of the difference of the two shares, the first frame's on top.
    """
    named = counts.assign(row=[f"{name} (n = {n:,})" for name, n in zip(counts[key], counts["articles"], strict=True)])
    long = _long(named, "row", frames)
    names = dict(zip(named["row"], named[key], strict=True))
    long = long.assign(
        link=[link + anchor(str(names[row])) for row in long["row"]],
        said=_said(long, long["row"].map(names)),
    )
    first, second = (f"share_{name}" for name in frames.names)
    order = named.assign(net=named[first] - named[second]).sort_values("net", ascending=False, na_position="last")
    return long[long["share"].notna()], list(order["row"])


def shares(counts: pd.DataFrame, key: str, frames: Frames, link: str) -> alt.LayerChart:
    """Share of each frame per row of `counts` (a group or an outlet) with its interval and number of articles.

    `link` is the prefix of the anchors that the points lead to ("#group-").
    """
    long, order = _ranked(counts, key, frames, link)
    y = alt.Y("row:N", title=None, sort=order, axis=alt.Axis(labelLimit=260))
    x = alt.X("share:Q", title=f"share of on-topic articles, {_INTERVALS}", axis=alt.Axis(format="%"))
    offset = alt.YOffset("framing:N", sort=[kind.title for kind in frames.both])
    base = alt.Chart(long).encode(y=y, yOffset=offset, color=_colour(frames))
    return alt.layer(
        base.mark_rule(strokeWidth=2, opacity=0.6, aria=False).encode(
            x=alt.X("low:Q", scale=alt.Scale(domain=[0, 1])), x2="high:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1, tooltip=None).encode(
            x=x, href="link:N", description="said:N", shape=alt.Shape("framing:N", legend=None)
        ),
    ).properties(width=WIDTH - 240, height=alt.Step(15))


def diverging(counts: pd.DataFrame, key: str, frames: Frames, link: str) -> alt.LayerChart:
    """Bars from the middle per row of `counts`: the first frame's share to the right, the second's to the left.

    With their intervals and the number of articles; in the order of the difference. `link` as in `shares`.
    """
    long, order = _ranked(counts, key, frames, link)
    side = long["framing"].map({frames.first.title: 1, frames.second.title: -1})
    long = long.assign(**{name: long[name] * side for name in ("share", "low", "high")})
    y = alt.Y("row:N", title=None, sort=order, axis=alt.Axis(labelLimit=230, ticks=False, domain=False))
    title = f"← {frames.second.title} · share of on-topic articles, {_INTERVALS} · {frames.first.title} →"
    axis = alt.Axis(labelExpr="format(abs(datum.value), '.0%')", values=[-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1])
    x = alt.X("share:Q", title=title, axis=axis, scale=alt.Scale(domain=[-1, 1]))
    base = alt.Chart(long).encode(y=y)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(opacity=0.6, aria=False).encode(x="zero:Q")
    bars = base.mark_bar(height=13, opacity=0.75, tooltip=None)
    return alt.layer(
        bars.encode(x=x, color=_colour(frames), href="link:N", description="said:N"),
        base.mark_rule(strokeWidth=1.5, color=INTERVAL_COLOUR, aria=False).encode(x=alt.X("low:Q"), x2="high:Q"),
        zero,
    ).properties(width=WIDTH - 260, height=alt.Step(20))


def specifications(rows: pd.DataFrame) -> alt.VConcatChart:
    """A specification curve: the change in points with its interval, in order of size, over the choices behind each.

    `rows` has the columns of multiverse.COLUMNS; those without a value are left out.
    """
    frame = rows[rows["points"].notna()].sort_values("points", ignore_index=True)
    frame = frame.assign(place=frame.index + 1, told=frame["distinguishable"].map({True: "yes", False: "no"}))
    x = alt.X("place:O", title=None, axis=None)
    colour = alt.Color(
        "told:N",
        scale=alt.Scale(domain=["yes", "no"], range=[COLOURS[0], GREY]),
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


def effects(rows: pd.DataFrame, frames: Frames) -> alt.LayerChart:
    """The change of each share at one event with its interval, a row for each name; columns as in tables.EFFECTS.

    Filled points are distinguishable from the usual movement at a false discovery rate of 5 %. Names without a value
    are left out.
    """
    frame = rows[rows["points"].notna()]
    titles = {f"share_{kind.name}": kind.title for kind in frames.both}
    frame = frame.assign(
        framing=frame["measure"].map(titles),
        filled=(frame["q"] <= 0.05).astype("float64"),
        said=[
            f"{name}, {titles[measure]}: {points:+.1f} points [{low:+.1f} to {high:+.1f}], q = {q:.3f}".replace(
                "-", "−"
            )
            for name, measure, points, low, high, q in zip(
                *(frame[column] for column in ("name", "measure", "points", "low", "high", "q")), strict=True
            )
        ],
    )
    y = alt.Y("name:N", title=None, sort=list(dict.fromkeys(frame["name"])), axis=alt.Axis(labelLimit=230))
    x = alt.X("points:Q", title=f"change in percentage points, {_INTERVALS}")
    offset = alt.YOffset("framing:N", sort=[kind.title for kind in frames.both])
    base = alt.Chart(frame).encode(y=y, yOffset=offset, color=_colour(frames))
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(opacity=0.6, aria=False).encode(x="zero:Q")
    return alt.layer(
        zero,
        base.mark_rule(strokeWidth=2, opacity=0.6, aria=False).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(size=60, opacity=1, tooltip=None).encode(
            x=x,
            description="said:N",
            shape=alt.Shape("framing:N", legend=None),
            fillOpacity=alt.FillOpacity("filled:Q", scale=None),
            fill=alt.Fill("framing:N", scale=alt.Scale(range=list(COLOURS)), legend=None),
        ),
    ).properties(width=WIDTH - 240, height=alt.Step(15))


def anchor(name: str) -> str:
    """A name as an HTML id: letters and digits kept, the rest spelt as numbers, so that no two names meet."""
    return "".join(c if c.isascii() and c.isalnum() else f"-{ord(c):x}-" for c in name)


def _drawn(chart: alt.TopLevelMixin, background: str) -> dict[str, Any]:
    # The page's font may be wider than the one that the labels are measured with: hence room at the left.
    padding = {"left": 28, "right": 12, "top": 5, "bottom": 5}
    themed: Any = chart.configure(background=background, font="sans-serif", padding=padding)
    # Checking a chart against Altair's schema takes longer than drawing it.
    return dict(themed.configure_view(stroke=None).to_dict(validate=False))


def svg(chart: alt.TopLevelMixin, background: str = "transparent") -> str:
    """The chart as an SVG element; its points say what they are when a pointer rests on them."""
    import vl_convert

    drawn = str(vl_convert.vegalite_to_svg(_drawn(chart, background)))
    # vl-convert resolves links against an address of its own; ours stay inside the page.
    drawn = re.sub(r'xlink:href="https?://[^"#]*#', 'href="#', drawn)
    return re.sub(
        r'<path aria-label="([^"]*)"([^>]*?)/></a>', r'<path aria-label="\1"\2><title>\1</title></path></a>', drawn
    )


def png(chart: alt.TopLevelMixin) -> bytes:
    """The chart as a picture for a page or a message, on white, two pixels for one."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_drawn(chart, "white"), scale=2))


def pdf(chart: alt.TopLevelMixin) -> bytes:
    """The chart as a PDF page of its own size."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_pdf(_drawn(chart, "white")))


def beside(charts: Sequence[alt.LayerChart], columns: int = 3) -> alt.ConcatChart:
    """Small charts beside each other in one picture."""
    return alt.concat(*charts, columns=columns)


def unchecked() -> AbstractContextManager[None]:
    """While many charts are made: Altair checks each part of each, which takes longer than drawing them."""
    return cast("AbstractContextManager[None]", alt.utils.schemapi.debug_mode(False))


def draw_offline() -> None:
    """Make notebooks show charts as SVG; Altair's own default would load its scripts from the network."""
    alt.renderers.enable("svg")
