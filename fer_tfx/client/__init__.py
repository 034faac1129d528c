"""A model behind TensorFlow Serving: pictures -> answers, in batches."""
