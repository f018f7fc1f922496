"""The ping store: columns, COPY, batches, partitions."""
