"""Learning: parts and data go in, parameters come out."""
