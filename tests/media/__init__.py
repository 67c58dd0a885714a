"""Self-describing DASH recordings, and a verifier that says which of their frames a clip really holds."""
