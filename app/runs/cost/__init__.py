"""What a run takes, in tokens and money, and what its owner may use."""
