"""The state of a running system: read once, shown as text, JSON and metrics."""
