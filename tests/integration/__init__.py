"""A real local Ray cluster, a real PostgreSQL."""
