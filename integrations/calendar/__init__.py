"""Calendar feeds: every date of a person's clients, or of one client, for the calendar that people look at anyway."""
