"""What the wire means. Pure: no asyncio, no threads, no clock, no files."""
