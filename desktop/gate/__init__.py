"""Who may ask the page anything: this account's own browser, of the page itself."""
