"""The dashboard of notebooks and Voilà: controls over one choice of days, outlets and estimator. The only user of
ipywidgets.

Nothing is computed here: a change of a control makes a selection.Choice, the store is opened, and the parts of the page
are drawn anew. So what is shown follows from the controls alone, also while runs go on.
"""

from __future__ import annotations

import datetime as dt
from html import escape
from typing import TYPE_CHECKING, Any

from .errors import MissingExtraError, TrackerError
from .page import selection_part
from .selection import DAYS, Choice, Shown, outlets_of, show
from .store import open_store

try:
    import ipywidgets as widgets
except ImportError as error:
    raise MissingExtraError("the dashboard", "notebooks") from error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STYLE = """<style>
.mc, .mc p, .mc td, .mc th, .mc summary { font: 14px/1.5 system-ui, sans-serif; color: #1b1f24;
  overflow-wrap: break-word; }
.mc p { margin: .35rem 0; max-width: 56rem; } .mc .soft, .mc p.soft { color: #545d68; }
.mc figure { margin: 0 0 .5rem; } .mc .wide { overflow-x: auto; max-width: 100%; }
.mc .wide svg { width: 100%; min-width: 38rem; max-width: 62rem; height: auto; display: block; }
.mc svg text { font-family: system-ui, sans-serif; }
.mc table { border-collapse: collapse; width: 100%; }
.mc td, .mc th { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid #d5dae0;
  white-space: nowrap; background: none; }
.mc thead th { color: #545d68; font-weight: 600; }
.mc tbody th { font-weight: 500; }
.mc td.words { white-space: normal; min-width: 15rem; max-width: 32rem; overflow-wrap: anywhere; }
.mc details { margin: .25rem 0; } .mc summary { cursor: pointer; padding: .25rem 0; font-weight: 600; }
.mc a { color: #0a58a8; text-underline-offset: .15em; } .mc a:focus-visible { outline: 2px solid #0a58a8; }
.mc-said { font: 16px/1.5 system-ui, sans-serif; margin: .25rem 0; color: #1b1f24; } .mc-said.bad { color: #8a1f11; }
.mc-heading { font: 600 19px/1.3 system-ui, sans-serif; margin: 1rem 0 .25rem; color: #1b1f24; }
</style>"""

PERIODS = {"Days": "day", "Weeks": "week", "Months": "month"}
COMPOSITIONS = {
    "every article weighs the same": "items",
    "every outlet weighs the same": "outlets",
    "outlets that are there throughout": "panel",
}
COUNTINGS = {"every article": "articles", "every story once": "stories"}
BREAKDOWNS = {"Groups": "group", "Outlets": "outlet", "Countries": "country"}
UNCORRECTED = {
    "uncorrected, outlets resampled": ("bootstrap", None),
    "uncorrected, Wilson": ("wilson", None),
    "uncorrected, Jeffreys": ("jeffreys", None),
}
CORRECTED = {"rectified": "rectified", "Rogan–Gladen": "rogan-gladen"}

EVERY_PERIOD = "all periods"


class Dashboard:
    """The controls and what they show of one database; `box` is the widget that a notebook displays.

    `shown` is what the controls ask for, None where that cannot be estimated: then the page says why.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        with open_store(database) as store:
            daily = store.daily_frames()
            samples = store.samples()
            self._daily = daily[daily["articles"] > 0]
        audits = samples[(samples["purpose"] == "audit") & (samples["coded"] > 0)]["sample"]
        estimators = UNCORRECTED | {
            f"{words}, by the sample {name}": (value, str(name))
            for name in audits
            for words, value in CORRECTED.items()
        }
        dates = [dt.date.fromisoformat(str(day)) for day in self._daily["date"]] or [dt.datetime.now(dt.UTC).date()]
        long = (max(dates) - min(dates)).days > 730
        self.since = widgets.DatePicker(value=min(dates), **_named("From"))
        self.until = widgets.DatePicker(value=max(dates), **_named("Until"))
        self.period = widgets.Dropdown(options=PERIODS, value="month" if long else "week", **_named("Points for"))
        self.estimator = widgets.Dropdown(options=estimators, **_named("Estimator"))
        self.composition = widgets.Dropdown(options=COMPOSITIONS, **_named("Composition"))
        self.counting = widgets.Dropdown(options=COUNTINGS, **_named("Counted is"))
        groups = sorted(set(self._daily["outlet_group"]))
        self.groups = widgets.SelectMultiple(options=groups, rows=7, **_named("Groups"))
        self.outlets = widgets.SelectMultiple(options=outlets_of(self._daily), rows=7, **_named("Outlets"))
        self.by = widgets.Dropdown(options=BREAKDOWNS, **_named("Broken down by"))
        self.place = widgets.Dropdown(options={EVERY_PERIOD: ""}, **_named("Articles of"))
        self.said = widgets.HTML()
        self.trend, self.by_name, self.articles = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.shown: Shown | None = None
        self.box = self._laid_out()
        self.groups.observe(self._regroup, "value")
        for control in (*self._controls(), self.place):
            control.observe(self._changed, "value")
        self._changed()

    def _controls(self) -> tuple[Any, ...]:
        how = (self.since, self.until, self.period, self.estimator, self.composition, self.counting)
        return (*how, self.groups, self.outlets, self.by)

    def _laid_out(self) -> widgets.VBox:
        about = widgets.HTML(
            '<p class="mc-said">No group and no outlet chosen stands for all; Ctrl or Shift chooses several. '
            "A point of the chart leads to its articles.</p>"
        )
        wrapped = widgets.Layout(flex_flow="row wrap", align_items="flex-start", width="100%")
        how = widgets.VBox(self._controls()[:6], layout=widgets.Layout(flex="1 1 20rem"))
        who = [widgets.VBox([each], layout=widgets.Layout(flex="1 1 16rem")) for each in (self.groups, self.outlets)]
        parts = [
            widgets.HTML(STYLE),
            widgets.Box([how, *who], layout=wrapped),
            about,
            self.said,
            self.trend,
            _heading("Who is behind it"),
            self.by,
            self.by_name,
            _heading("The articles"),
            self.place,
            self.articles,
        ]
        return widgets.VBox(parts, layout=widgets.Layout(width="100%"))

    @property
    def choice(self) -> Choice:
        """What the controls ask for."""
        estimator, sample = self.estimator.value
        return Choice(
            since=self.since.value.isoformat() if self.since.value else "",
            until=self.until.value.isoformat() if self.until.value else "9999",
            groups=tuple(self.groups.value),
            outlets=tuple(self.outlets.value),
            period=self.period.value,
            estimator=estimator,
            composition=self.composition.value,
            counting=self.counting.value,
            sample=sample,
            by=self.by.value,
            place=self.place.value or "",
        )

    def _regroup(self, _change: Mapping[str, Any]) -> None:
        """Offer the outlets of the chosen groups; those of them that were chosen stay so."""
        known = outlets_of(self._daily, self.groups.value)
        kept = [name for name in self.outlets.value if name in known]
        with self.outlets.hold_trait_notifications():
            self.outlets.options = known
            self.outlets.value = tuple(kept)

    def _changed(self, _change: Mapping[str, Any] | None = None) -> None:
        """Draw what the controls ask for now."""
        try:
            with open_store(self._database) as store:
                self.shown = show(store, self.choice)
        except TrackerError as error:
            self.shown = None
            self._say({}, f'<p class="mc-said bad" role="status">{escape(str(error))}</p>')
            return
        self._offer_places(self.shown)
        choice, found = self.shown.choice, self.shown
        outlets = len(choice.outlets) or len(outlets_of(self._daily, choice.groups))
        self._say(
            {part: selection_part(found, part) for part in ("trend", "composition", "articles")},
            f'<p class="mc-said" role="status">{found.articles:,} on-topic articles of {outlets} '
            f"outlet{'' if outlets == 1 else 's'}, {choice.since} to {choice.until}.</p>",
        )

    def _say(self, parts: Mapping[str, str], line: str) -> None:
        """Show the parts, then the line about them: it is a status, and who hears it finds on the page what it says."""
        for name, shown in {"trend": self.trend, "composition": self.by_name, "articles": self.articles}.items():
            shown.value = parts.get(name, "")
        self.said.value = line

    def _offer_places(self, shown: Shown) -> None:
        """Let the reader choose among the periods that are there now."""
        starts = shown.points["date"].tolist()[::-1]
        ends = shown.points["last_day"].tolist()[::-1]
        many = DAYS[shown.choice.period] > 1
        options = {f"{first} to {last}" if many else first: first for first, last in zip(starts, ends, strict=True)}
        if list(self.place.options) == list(({EVERY_PERIOD: ""} | options).items()):
            return
        kept = self.place.value if self.place.value in options.values() else ""
        self.place.unobserve(self._changed, "value")
        self.place.options = list(({EVERY_PERIOD: ""} | options).items())
        self.place.value = kept
        self.place.observe(self._changed, "value")


def _named(text: str) -> dict[str, Any]:
    """A control with its name in front of it."""
    width = widgets.Layout(width="97%", max_width="30rem")
    return {"description": text, "style": {"description_width": "7.5rem"}, "layout": width}


def _heading(text: str) -> widgets.HTML:
    return widgets.HTML(f'<h2 class="mc-heading">{escape(text)}</h2>')
