"""Lies here so that pytest puts this folder on the path: tests of every folder may import `serving_double`."""
