"""What an operator's console shows, gathered from what custody keeps: counted, never named."""
