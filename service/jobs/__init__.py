"""Jobs: files of comments that are tagged and stored in the background, exactly once, whatever is killed."""
