"""The HTTP face: FastAPI on Ray Serve. It writes intent and reads state; it never waits for a search to do anything.

Follow a request: `guard` (who may come in), `http` (the application), `routes/` (one file a noun), `submission` (what a
spec becomes), `views` (what goes out), `problems` (errors). `app` puts it on Serve, `tail` and `streams` follow events.
"""
