"""House rules as tests: what the docs promise, what Tune still needs overriding."""
