"""What people set up: limits and wording."""
