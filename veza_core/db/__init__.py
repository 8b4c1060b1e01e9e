"""Basic parts of the schema. Nothing here imports a model."""
