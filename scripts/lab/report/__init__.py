"""The report of a run: one file that a person looks at, or that another program reads.

Everything in it comes from histories, judged again, and from what the cells of a matrix came to.
"""
