"""`make bench`: how long collectstatic takes, side by side with its peers, every request counted."""
