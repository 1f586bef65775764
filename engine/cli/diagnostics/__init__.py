"""What `doctor` looks at: this installation, the project's settings, the store, the way out for messages."""
