"""What `drivekeeper doctor` looks at, a file for each noun. A check tells, and changes nothing."""
