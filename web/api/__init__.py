"""The JSON routes of departments: https://www.rfc-editor.org/rfc/rfc9457 where they refuse."""
