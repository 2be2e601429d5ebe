"""The schedule, and jobs that a person starts, pauses or switches off."""
