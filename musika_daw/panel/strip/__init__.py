"""The strip along the top: what the host follows, how well, and how loud it is."""
