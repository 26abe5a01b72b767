"""From pixels, or a page's own text layer, to lines of text."""
