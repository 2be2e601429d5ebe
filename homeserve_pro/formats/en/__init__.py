"""English, as India writes it."""
