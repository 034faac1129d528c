"""A model behind a server: pictures -> answers; client.py is what callers use."""
