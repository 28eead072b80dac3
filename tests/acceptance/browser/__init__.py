"""The page in a real browser, against the running service of all acceptance tests."""
