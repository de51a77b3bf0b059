"""What is kept of departments' sheets: each as it was last read, its versions, what is held."""
