"""CSV files -> split tf.Examples, with every row accounted for."""
