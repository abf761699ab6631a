"""Events: an outbox written with each change, and the deliverer that brings it to webhooks."""
