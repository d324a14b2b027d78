"""The lab: starts the stack, rolls releases over it, probes it and judges the evidence."""
