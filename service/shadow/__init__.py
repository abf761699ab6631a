"""A challenger reads what comes in beside the model in force: it answers nobody, and its disagreements go to review."""
