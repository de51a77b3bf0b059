"""The pages of departments' sheets: what was understood, what is held, what changed."""
