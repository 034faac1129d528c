"""What earlier runs left in the metadata store and beside it, for the commands that look back."""
