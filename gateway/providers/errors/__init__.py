"""What vendors' error bodies have in common: their shapes, their classes, their wish to be asked again later."""
