"""make bench: what things cost here, each beside a floor or a peer measured in the same run."""
