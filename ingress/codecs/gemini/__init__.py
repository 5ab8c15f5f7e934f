"""The wire format of the Gemini API (generateContent), which Vertex AI speaks too."""
