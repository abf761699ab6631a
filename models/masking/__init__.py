"""Personal data in text, found and masked before anything else sees it. The door is `masker.load`."""
