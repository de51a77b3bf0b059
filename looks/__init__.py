"""What pages of every front look like, and how they say things: styles, signs, words, times."""
