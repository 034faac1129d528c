"""Where the graph runs. Here: `local`. On a cluster: `compilation` writes the file, `submission` sends it, and each
container starts `container_entry`."""
