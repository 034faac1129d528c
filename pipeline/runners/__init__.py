"""Where the graph runs: `local`, or a cluster, to which `submission` sends what `compilation` writes."""
