"""`drivekeeper sheets …`: departments' spreadsheets, as the program understands and keeps them."""
