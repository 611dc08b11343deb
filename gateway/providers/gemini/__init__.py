"""Google's generateContent and streamGenerateContent, both ways."""
