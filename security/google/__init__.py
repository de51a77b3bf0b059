"""Google's OAuth endpoints, the network on the way there, and what their answers mean."""
