"""Is what comes in still what it was? A week's comments against the weeks before, per source."""
