"""What is to be known of a running system: asked once, shown as text, JSON and metrics."""
