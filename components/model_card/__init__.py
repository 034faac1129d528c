"""The card that travels with a model: use, data, figures, limits, and how to reproduce it."""
