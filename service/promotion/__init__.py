"""Which model is in force: promoted and rolled back in the store, followed by every process."""
