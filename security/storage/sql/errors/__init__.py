"""What the database's errors mean, by their numbers: their texts quote what was sent."""
