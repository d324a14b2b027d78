"""What is carried out on a stack or a site, and written into a history."""
