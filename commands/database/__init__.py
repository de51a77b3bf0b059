"""`drivekeeper db`: the database, where DATABASE_URL names one."""
