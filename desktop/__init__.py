"""The page on a department's own machine: PDFs dropped there go into the department's Drive."""
