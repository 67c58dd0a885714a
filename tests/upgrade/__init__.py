"""From one version to the next and back, with jobs in flight."""
