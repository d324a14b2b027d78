"""The storages, as a web process needs them."""
