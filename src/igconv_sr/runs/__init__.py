"""The files that a training or an evaluation leaves: their names, what they hold, who wrote them."""
