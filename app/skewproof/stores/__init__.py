"""The stores that a publish or a prune writes through."""
