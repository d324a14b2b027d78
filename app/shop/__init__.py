"""The demo site: a small storefront, the same code in every release."""
