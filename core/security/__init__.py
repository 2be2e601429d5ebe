"""What stands between the product and whoever reaches it: addresses, headers, limits, logins, second factors, sessions."""
