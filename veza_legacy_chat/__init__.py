"""The rooms of old clients."""
