"""What the jobs do: publish a release, list releases, prune them."""
