"""What pages show of use: history, callers, places, money, who shares a quota. Read from counts, never from calls."""
