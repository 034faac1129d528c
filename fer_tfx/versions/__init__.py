"""The folder that TensorFlow Serving watches."""
