"""The text layer of a PDF page, as far as engines share it: is a font honest, and how are its lines joined to text?

No module here belongs to an engine. `judge` decides about each font by the font's own tables and by a few places that
a small reader reads from the page image; `scripts` says which letters such a reader reads. `joins` and `line_ends`
write lines as running text. `small_reader` is a reader for engines that have none of their own.
"""
