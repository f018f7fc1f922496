"""The audit trail: notes, the writer, the hash chain, anchors and timestamps."""
