"""Every measured pincode of a day, on a map and as a list."""
