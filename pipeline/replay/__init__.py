"""Executes a compiled pipeline on this machine, as Vertex AI or Kubeflow would (docs/replay.md). See `command`."""
