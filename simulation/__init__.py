"""A made distribution network with known truth, written as senders would write it."""
