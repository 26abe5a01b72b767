"""An MCP server: tools with which an agent parses documents and reads them page by page.

`server` has the tools and resources, on the official `mcp` package. `library` keeps the documents that were parsed, and
answers what an agent asks about them. `parsers` runs the jobs: in this process, at an HTTP app, or at an endpoint.
`transport` serves it on standard input and output, or over HTTP.

agent ─▶ transport ─▶ server ─▶ parsers ─▶ library ─▶ outline, pages, search, figures
"""
