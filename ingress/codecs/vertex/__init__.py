"""The wire formats of Vertex AI that the Gemini API does not share."""
