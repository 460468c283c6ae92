"""What stands beside published data and models: cards, licences and Croissant metadata."""
