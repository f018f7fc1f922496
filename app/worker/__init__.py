"""Background work: jobs that follow what is stored, each at its own pace, on the database only."""
