"""What a simulated model answers: pure functions of the prompt, the same for every vendor. Knows no wire format."""
