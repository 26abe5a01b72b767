"""A serverless worker that turns images and PDFs into Markdown and structured blocks."""

__version__ = "0.1.0"
