"""The main job as a person does it: in a browser, against what `make run` starts."""
