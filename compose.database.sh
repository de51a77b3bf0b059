# The bot's account in the MariaDB of compose.yaml. The image runs this once, when it makes its
# database; `docker_process_sql` is the image's own, and talks to the server as its administrator.
# What the account may is what docs/scaling.md says, and no more; it comes by the socket alone.

docker_process_sql <<SQL
CREATE USER drivekeeper@localhost IDENTIFIED BY '$(cat /run/secrets/database_password)';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP
  ON drivekeeper.* TO drivekeeper@localhost;
SQL
