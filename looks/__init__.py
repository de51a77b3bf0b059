"""What fronts with pages share: how those look and say things, and who may wait at their port."""
