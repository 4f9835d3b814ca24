"""What guards tell the service, from bytes to values, and what they are answered.

The HTTP API and the report socket take the same reports and give the same answers: both are here.
"""
