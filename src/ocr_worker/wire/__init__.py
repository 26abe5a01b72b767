"""What travels: requests, results and responses, their JSON Schema, and page ranges.

Imports nothing of ours but `errors`.
"""
