"""The page in a real Chromium: the real application over real HTTP, on gangs that are pretended. No Ray."""
