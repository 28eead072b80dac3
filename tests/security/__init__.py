"""What must not be possible: one test for each hole that others had, and made-up requests against the description."""
