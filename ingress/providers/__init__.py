"""What is known of providers as data. A new provider of a known wire format is one entry here."""
