"""Static files that survive a rolling deployment: the drop-in Django app."""
