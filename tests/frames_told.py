"""Tell what the frames of a database hold, for a test that hides pyarrow: `frames_told.py [--without-pyarrow] DB`."""

from __future__ import annotations

import hashlib
import sys
import warnings
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

warnings.simplefilter("error")


class _Absent(MetaPathFinder):
    """Nothing of the name is installed."""

    def find_spec(self, name: str, *_more: object) -> None:
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if "--without-pyarrow" in sys.argv:
    sys.meta_path.insert(0, _Absent())

import pandas  # noqa: E402, ICN001
from example_database import END  # noqa: E402

from media_coverage import attention, drift, report, trend  # noqa: E402
from media_coverage.store import open_store  # noqa: E402
from media_coverage.store.contract import CONTRACT  # noqa: E402


def told(name: str, frame: pd.DataFrame) -> str:
    """Types, and a hash of all values as Python sees them."""
    kinds = [f"{column}:{dtype}" for column, dtype in frame.dtypes.items()]
    values = [[None if value != value else value for value in row] for row in frame.itertuples(index=True, name=None)]
    return f"{name} {len(frame)} {' '.join(kinds)} {hashlib.sha256(repr(values).encode()).hexdigest()}"


def lines(path: Path) -> Iterator[str]:
    with open_store(path) as store:
        for view in CONTRACT:
            yield told(view, store.query(f"SELECT * FROM {view}"))  # noqa: S608
        models = list(store.models()["model_id"])
        for name, frame in {
            "articles": store.articles(on_topic=None),
            "edited_headlines": store.edited_headlines(),
            "labelled": store.labelled(),
            "labels_of_two": store.labels_of_two(*models[:2]),
            "attention_counts": store.attention_counts(),
            "attention": attention.attention(store),
            "drift": drift.drift(store.labelled(), store.frames),
        }.items():
            yield told(name, frame)
        yield told("trend", trend.trend(store, by="group", period="month"))
        yield told("corrected", trend.trend(store, period="month", sample="audit"))
        page = report.html(report.Material.from_store(store, END, "", "9999"))
        yield f"report {hashlib.sha256(page.encode()).hexdigest()}"


def main() -> None:
    kept = pandas.Series(["a"]).dtype.storage
    sys.stdout.writelines([f"strings in {kept}\n", *(f"{line}\n" for line in lines(Path(sys.argv[-1])))])


if __name__ == "__main__":
    main()
