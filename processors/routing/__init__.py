"""How provider accounts are doing, over all gateways: health by windows of time, and circuits that open and close."""
