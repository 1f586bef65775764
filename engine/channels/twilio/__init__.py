"""The channel `via: twilio`: SMS and WhatsApp."""
