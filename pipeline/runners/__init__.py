"""One file for each place a run can happen in."""
