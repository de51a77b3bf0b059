"""Storage in a database: MySQL, MariaDB, TiDB, or SQLite in one file."""
