"""sqlite_utils without pandas, which it loads where it finds it: a third of what a run takes to start.

It would know pandas' times as values then; what is stored here are texts and numbers.
"""

from __future__ import annotations

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_hidden = "pandas" not in _modules
if _hidden:
    _modules["pandas"] = None  # says that there is none
try:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations
finally:
    if _hidden:
        del _modules["pandas"]

__all__ = ["Database", "Migrations"]
