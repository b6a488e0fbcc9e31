"""Exercise 6.2: DAgger and behaviour cloning with the same number of labels."""
