"""`python -m media_coverage` is the command `media-coverage`."""

from .cli import main

main()
