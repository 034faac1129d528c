"""What each command of `fer-tfx` does, one file each."""
