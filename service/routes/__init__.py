"""The HTTP surface: one router a file, thin; what they need comes in as `Given`."""
