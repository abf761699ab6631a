"""Erasure, with everything that must follow it, and retention by age."""
