"""What the pages show, made of the answers: pure functions from metrics to what the templates draw."""
