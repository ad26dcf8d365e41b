"""The API for other programs, /api/v1: today the intake of errors that other tools saw."""
