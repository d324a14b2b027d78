"""The commands of skewproof."""
