"""The pages behind the links of messages, and the forms of people who want to be written to."""
