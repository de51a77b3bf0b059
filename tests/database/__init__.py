"""What only a database can do to custody: connections cut, processes side by side, statements."""
