"""Words: the catalogue of translations, names of files, buttons and questions."""
