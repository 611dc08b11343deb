"""Speed, measured as ratios inside one run. Nothing here is imported by the gateway or asserted by a test."""
