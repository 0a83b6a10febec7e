"""media-coverage: tracks how the press frames a topic, from feeds to trends.

The folder is src/coverage/media_coverage because the import name `coverage` belongs to coverage.py.

    import media_coverage as mc
    with mc.open_store("media-coverage.db") as store:
        articles = store.articles()          # a DataFrame, one row per article
    classifier = mc.load_classifier()
    classifier.classify([mc.Text("Leaders agree on a truce", "")])
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .classify import load_classifier
    from .errors import TrackerError
    from .pipeline import run
    from .records import Framing, RunSummary, Text
    from .store import Store, open_store

__version__ = version("media-coverage")

_EXPORTS = {
    "Framing": "records",
    "RunSummary": "records",
    "Store": "store",
    "Text": "records",
    "TrackerError": "errors",
    "load_classifier": "classify",
    "open_store": "store",
    "run": "pipeline",
}
__all__ = [
    "Framing",
    "RunSummary",
    "Store",
    "Text",
    "TrackerError",
    "__version__",
    "load_classifier",
    "open_store",
    "run",
]


def __getattr__(name: str) -> object:
    # Imported on first use, so that `media-coverage --help` does not wait for pandas and onnxruntime.
    if name in _EXPORTS:
        return getattr(import_module(f".{_EXPORTS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
