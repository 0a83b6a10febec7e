"""What kind of text is an article? Known from people, from its address or from feeds.yaml, and never guessed. Pure.

Of several that know, the nearest to the text counts: codes of people, then the article's own address, then a feed that
lists it, then its outlet. What nobody knows stays unknown.
"""

from __future__ import annotations

from urllib.parse import urlsplit

GENRES = {
    "news": "reports what happened",
    "comment": "opinion, analysis, editorials, columns, letters",
    "live": "live blogs and other pages that grow",
    "other": "anything else: interviews, quizzes, programmes",
}
"""Genre → what belongs to it."""

SECTIONS = {
    "analysis": "comment",
    "blogs": "comment",
    "column": "comment",
    "columnists": "comment",
    "columns": "comment",
    "comment": "comment",
    "commentaries": "comment",
    "commentary": "comment",
    "commentisfree": "comment",
    "debats": "comment",
    "editorial": "comment",
    "editorials": "comment",
    "idees": "comment",
    "kolumne": "comment",
    "kolumnen": "comment",
    "kommentar": "comment",
    "kommentare": "comment",
    "leaders": "comment",
    "letters": "comment",
    "meinung": "comment",
    "op-ed": "comment",
    "oped": "comment",
    "opiniao": "comment",
    "opinie": "comment",
    "opinion": "comment",
    "opinioni": "comment",
    "opinions": "comment",
    "tribuna": "comment",
    "tribunes": "comment",
    "viewpoint": "comment",
    "views": "comment",
    "live": "live",
    "live-blog": "live",
    "live-news": "live",
    "live-updates": "live",
    "liveblog": "live",
    "liveticker": "live",
    "newsblog": "live",
}
"""Part of an address's path → genre. Only whole parts count, and no part says "news": what a publisher files under it
is anything."""

PEOPLE, ADDRESS, FEED, OUTLET = "people", "address", "feed", "outlet"
"""By whom a genre is known, the nearest first."""


def of_address(url: str | None) -> str | None:
    """The genre that the path of an address names, by its first part in SECTIONS; None where none is.

    The last part names the article and not its section, so it does not count, unless the path has but one.
    """
    try:
        parts = [part.casefold() for part in urlsplit(url or "").path.split("/") if part]
    except ValueError:
        return None
    return next((SECTIONS[part] for part in parts[: max(1, len(parts) - 1)] if part in SECTIONS), None)
