"""Where an agency reads alerts beside its mail: chat channels, webhooks, and rows in a sheet."""
