"""The matrix: every strategy under every scenario.

A strategy and a scenario are data; a cell is a run of one under the other, on the embedded engine,
with a history, a verdict and an expectation of its own. See docs/adr/0025.
"""
