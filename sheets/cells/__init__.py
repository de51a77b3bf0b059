"""The cells of one tab: a rectangle of plain texts, and the times and days written in them."""
