"""The replicas that the admin reads from: how far behind they are, and which one serves a page."""
