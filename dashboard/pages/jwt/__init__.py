"""Looking into a JSON Web Token."""
