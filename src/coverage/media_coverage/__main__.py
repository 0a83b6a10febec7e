"""`python -m media_coverage` is the command `media-coverage`."""

from .cli import main

if __name__ == "__main__":  # processes started for training import this module, too
    main()
