"""Stacks: what they are made of, and what runs them."""
