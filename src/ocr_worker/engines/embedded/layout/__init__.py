"""Layout: where things are on a page, and in which order they are read.

`rules` finds ruled lines on the page image. `gutters` cuts lines that run across the white between two columns. The
layout model's detections become `regions`, filled with lines and cut at the gutters of `columns`. `reading_order` sorts
boxes. What a region is besides its place, such as a footer or a table, is decided in `furniture/` and `tables/`.
"""
