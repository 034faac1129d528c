"""The contract: names, shapes, classes and the codec of one row."""
