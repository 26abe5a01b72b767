"""Where things are on a page: rules, regions, columns, gutters, and the order in which they are read."""
