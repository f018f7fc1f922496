"""Background jobs that follow stored data, each at its own interval. They use only the database.

jobs: the list of all jobs; loop: runs them with backoff; process: in a process of its own or beside the service
cursors: how far a job has read the batch chain; job_lock: one worker at a time; tables: the table of cursors
"""
