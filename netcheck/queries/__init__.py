"""The questions: all connections, reachability. Every witness is replayed through the oracle before it leaves here."""
