"""Open problems: the list and the board, one of them, and the steps people take."""
