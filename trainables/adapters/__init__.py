"""Models written for other libraries, made into trainables: one file a library, and none imports it."""
