"""Files, archives and folders -> rows."""
