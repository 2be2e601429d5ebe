"""A marketplace's export, read from CSV files: users, services, bookings, signatures and payments."""
