"""What rented machines cost: dated lists for AWS, GCP and Azure, and ways to bring others."""
