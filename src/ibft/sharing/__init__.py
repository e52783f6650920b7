"""A run is made ready for others: folders of models with a card, uploads to the hub, and a crate of the whole run."""
