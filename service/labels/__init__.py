"""Labels in and out of the store, in our own form and in those that other tools read."""
