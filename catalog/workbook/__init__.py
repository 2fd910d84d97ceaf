"""The directory as a workbook, the way departments keep it: read, written, and sent back with its errors marked."""
