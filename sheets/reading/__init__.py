"""Reading spreadsheets from Google: one request a look, by a department's service account."""
