"""What comes back: reports of providers, mail, clicks, consent that changes, addresses that close."""
