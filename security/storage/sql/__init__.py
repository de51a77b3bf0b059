"""The storage in a database: MariaDB, MySQL, TiDB, or SQLite."""
