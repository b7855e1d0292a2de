"""Values in normal form: phone numbers, times, e-mail addresses, texts, and the paths they lie at. Pure functions."""
