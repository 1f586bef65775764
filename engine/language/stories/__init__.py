"""The language of stories: given, when, expect."""
