"""Loads the export as a server would, in a process of its own, and asks it real questions."""
