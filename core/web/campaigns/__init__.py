"""Campaigns: rule, audience, words, and what came of past runs."""
