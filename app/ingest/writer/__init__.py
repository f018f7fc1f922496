"""The group-commit writer: the pipeline of a batch up to the commit."""
