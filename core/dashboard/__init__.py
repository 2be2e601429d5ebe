"""The JSON API: documented at /api/docs/, strict in what it takes, in one shape for errors and one for pages. See docs/api.md."""
