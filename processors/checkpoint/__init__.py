"""Signs what the log holds, every minute, so that nobody can change it afterwards without being found out."""
