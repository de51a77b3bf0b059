"""Files on their way from the browser to the queue."""
