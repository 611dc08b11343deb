"""OpenAI's chat completions wire format, for every vendor that speaks it: translation driven by the vendor's row."""
