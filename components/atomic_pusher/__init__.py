"""Puts a blessed model into service in one step."""
