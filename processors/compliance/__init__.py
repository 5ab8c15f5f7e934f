"""Screening outside of the gateway: verdicts on request (placement `stream`) and afterwards (placement `observe`)."""
