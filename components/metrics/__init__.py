"""What the Evaluator measures: one class for each metric, with its words and its bound. `registry` lists them."""
