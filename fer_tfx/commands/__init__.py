"""What each command of the library does."""
