"""Brings the curated schema into the pipeline, from its text."""
