"""Checks of what messages print: names, texts, languages, prices and promised percentages."""
