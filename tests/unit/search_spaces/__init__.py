"""What search spaces promise, without Ray or network."""
