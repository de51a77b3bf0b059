"""The tables of documents, each as a shelf."""
