"""Samples drawn to be coded, and audits made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..coded import settled
from ..errors import ExitCode, StoreError
from ..records import (
    Text,
)
from ..sample import OFF_TOPIC, Unit
from .codes import CodesByPeople
from .connection import iso, translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

    from ..coded import Codes
    from ..sample import Design, Stratum


class Samples(CodesByPeople):
    """Samples drawn to be coded, and audits made of them."""

    @translated
    def sampling_frame(self, since: str = "", until: str = "9999") -> list[Unit]:
        """What may be drawn into a sample, by version: one text per story, see `sample`.

        `since` and `until` are days (YYYY-MM-DD), both included.
        """
        rows = self._db.execute(
            "WITH told AS (SELECT version_id, story_id, title, summary, on_topic, label, uncertain, date, "
            "outlet_group, row_number() OVER (PARTITION BY story_id ORDER BY published_at, article_id) AS place "
            "FROM v_articles WHERE passed_gate AND p_relevant IS NOT NULL AND purged_at IS NULL "
            "AND date BETWEEN ? AND ?) SELECT version_id, story_id, title, summary, "
            "CASE WHEN on_topic THEN label ELSE 'off_topic' END, uncertain, date, outlet_group "
            "FROM told WHERE place = 1 ORDER BY version_id",
            [since, until],
        )
        return [
            Unit(version, story, Text(title, summary), label, bool(uncertain), date, group)
            for version, story, title, summary, label, uncertain, date, group in rows
        ]

    @translated
    def add_sample(
        self,
        name: str,
        design: Design,
        strata: Sequence[Stratum],
        now: datetime,
        *,
        purpose: str = "audit",
        since: str = "",
        until: str = "",
        set_apart: int = 0,
    ) -> None:
        """Keep a sample that was drawn from `sampling_frame`. Raises StoreError for a name that is taken."""
        with self._writing():
            if (drawn := self._one("SELECT drawn_at FROM sample WHERE name = ?", name)) is not None:
                raise StoreError(
                    f"holds a sample {name} already, drawn on {drawn[:10]}; give the new one another --name",
                    path=self.path,
                    exit_code=ExitCode.USAGE,
                )
            topic_id, model_id = self._db.execute("SELECT topic_id, model_id FROM active").fetchone()
            row: dict[str, object] = {
                "name": name,
                "purpose": purpose,
                "topic_id": topic_id,
                "model_id": model_id,
                "seed": design.seed,
                "asked": design.size,
                "since": since,
                "until": until,
                "phases": " ".join(design.phases),
                "frame_size": sum(len(stratum.units) for stratum in strata),
                "set_apart": set_apart,
                "drawn_at": iso(now),
            }
            sample_id = self._insert("sample", row)
            for stratum in strata:
                for unit in stratum.drawn:
                    self._insert(
                        "sample_item",
                        {
                            "sample_id": sample_id,
                            "version_id": unit.version_id,
                            "stratum": stratum.name,
                            "stratum_size": len(stratum.units),
                            "stratum_drawn": len(stratum.drawn),
                            "inclusion": stratum.inclusion,
                        },
                    )

    @translated
    def samples(self) -> pd.DataFrame:
        """The samples, oldest first, columns as in the view v_samples."""
        self._refuse_older("sample")
        return self._frame("SELECT * FROM v_samples ORDER BY drawn_at, sample")

    @translated
    def sample_items(self, sample: str) -> pd.DataFrame:
        """The texts of a sample, columns as in the view v_sample_items. Raises StoreError where there is no such."""
        self._refuse_older("sample")
        items = self._frame("SELECT * FROM v_sample_items WHERE sample = ? ORDER BY version_id", sample)
        if items.empty:
            known = [name for (name,) in self._db.execute("SELECT name FROM sample ORDER BY id")]
            there = f"there are {', '.join(known)}" if known else "draw one with `media-coverage sample`"
            raise StoreError(f"holds no sample {sample}; {there}", path=self.path, exit_code=ExitCode.USAGE)
        return items

    @translated
    def audit(self, sample: str) -> pd.DataFrame:
        """What estimators need of an audit sample: one row per text drawn, coded or not.

        The columns of v_sample_items, in which `label` is the predicted class (a label or off_topic), and

        - `rel` and one column per frame output: the settled code, 1, 0 or missing (<NA>);
        - `truth`: the true class by these codes (a label or off_topic), missing where it is not settled;
        - `settled_by`: adjudicated, majority, single; tie where coders are evenly split and nobody has adjudicated, so
          that `truth` is missing; missing where nobody has coded the text;
        - `voice` who speaks the frames by most codes: outlet, quoted or both; missing where none tells, or tied;
        - `coders` who coded it, and `disagreed`, whether they gave different codes;
        - `design_inclusion`: the probability of the draw. `inclusion` is the probability of being drawn and settled:
          settled texts of the stratum ÷ texts of the stratum, since coders work in random order and may stop before the
          end; missing where `truth` is. Where all is settled, the two are the same.

        Stories that a training code has come to since are left out: models may have learned from them. Raises
        StoreError for a sample that is none, or is not for an audit.
        """
        import pandas as pd

        items = self.sample_items(sample)
        if self._one("SELECT purpose FROM sample WHERE name = ?", sample) != "audit":
            raise StoreError(f"the sample {sample} is not for an audit", path=self.path, exit_code=ExitCode.USAGE)
        learned = self._frame(
            "SELECT DISTINCT a.story_id FROM code c JOIN article_version v ON v.id = c.version_id "
            "JOIN article a ON a.id = v.article_id WHERE c.purpose = 'training'"
        )["story_id"]
        items = items[~items["story_id"].isin(learned)].rename(columns={"inclusion": "design_inclusion"})
        rows = [{str(name): value for name, value in row.items()} for row in self.codes(sample).to_dict("records")]
        found = settled(rows, self.frames)
        known = [found.get(int(version)) for version in items["version_id"]]
        outputs = ("rel", *self.frames.outputs[1:])
        for place, output in enumerate(outputs):
            items[output] = pd.array([each.codes[place] if each else None for each in known], dtype="Int64")
        items["truth"] = pd.Series(
            [self._class_of(each.codes) if each else None for each in known], index=items.index, dtype=object
        )
        items["voice"] = pd.Series([each.voice if each else None for each in known], index=items.index, dtype=object)
        items["settled_by"] = pd.Series([each.how if each else None for each in known], index=items.index, dtype=object)
        items["coders"] = [each.coders if each else 0 for each in known]
        items["disagreed"] = [each.disagreed if each else False for each in known]
        sure = items["truth"].notna()
        by_stratum = sure.groupby(items["stratum"]).transform("sum")
        items["inclusion"] = (by_stratum / items["stratum_size"]).where(sure)
        return items.reset_index(drop=True)

    @translated
    def coded(self, sample: str | None = None) -> pd.DataFrame:
        """Texts whose truth people have settled: date, outlet, story_id, truth, voice, inclusion.

        With `sample` those of an audit, with their probabilities; without one the newest wording of every article that
        has codes, each with an inclusion of 1. Raises as `audit` does.
        """
        columns = ["date", "outlet", "story_id", "truth", "voice", "inclusion"]
        if sample is not None:
            items = self.audit(sample)
            return items[items["truth"].notna()][columns].reset_index(drop=True)
        rows = [{str(name): value for name, value in row.items()} for row in self.codes().to_dict("records")]
        found = settled(rows, self.frames)
        texts = self._frame(
            "SELECT v.id AS version_id, a.date, o.name AS outlet, a.story_id FROM article_version v "
            "JOIN article a ON a.current_version_id = v.id JOIN outlet o ON o.id = a.outlet_id "
            "WHERE EXISTS (SELECT 1 FROM code c WHERE c.version_id = v.id) ORDER BY a.date, v.id"
        )
        known = [found[int(version)] for version in texts["version_id"]]
        texts["truth"] = [self._class_of(each.codes) for each in known]
        texts["voice"] = [each.voice for each in known]
        texts["inclusion"] = 1.0
        return texts[texts["truth"].notna()][columns].reset_index(drop=True)

    def _class_of(self, codes: Codes) -> str | None:
        relevant, first, second = codes
        if relevant == 0:
            return OFF_TOPIC
        if relevant is None or first is None or second is None:
            return None
        return self.frames.label_of(bool(first), bool(second))
