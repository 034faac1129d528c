"""The examples that stages exchange: their schema, the writer of one, and drawn faces to fill them."""
