"""PBT on real training beside Ray Tune's own, random search and the default. Curves of other people are in quality/."""
