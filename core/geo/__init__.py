"""Where India's pincodes lie, and the outline they are drawn on. What is here was built once and is checked in: nothing asks elsewhere."""
