"""What a provider lets through in a time, shared out fairly between processes and tokens before it says 429."""
