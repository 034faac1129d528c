"""A model behind TensorFlow Serving: pictures -> answers; client.py is what callers use."""
