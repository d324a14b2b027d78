"""Management of a project that uses skewproof."""
