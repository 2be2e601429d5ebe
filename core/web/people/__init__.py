"""Who there is, and what they are."""
