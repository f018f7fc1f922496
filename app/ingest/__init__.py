"""The path of a ping: entrances, the one ordered list of steps, the writer, receipts."""
