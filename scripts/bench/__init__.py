"""`make bench`: how long collectstatic takes beside its peers, and how many requests."""
