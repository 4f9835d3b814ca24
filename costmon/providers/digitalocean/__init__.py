"""DigitalOcean: everything in an account that costs money, and the vendor's own balance."""
