"""A person's labels over the model's: said, kept beside them, and in force at once."""
