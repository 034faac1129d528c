"""TFX's BulkInferrer for a model that both gates let through."""
