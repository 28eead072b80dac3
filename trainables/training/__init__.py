"""What one process of a gang computes: attempts of each kind, the epoch loop, samples, random state. Knows no Ray."""
