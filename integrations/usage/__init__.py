"""What was used: counts by minute, day and path, what models cost, budgets, and when a quota will be used up."""
