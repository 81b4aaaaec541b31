"""What was seen: joints by name, poses over time with their tables, and ground truth from files.

No video, no model and no figure: who imports this gets numbers.
"""
