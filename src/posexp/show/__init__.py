"""Pictures of poses and of numbers: overlays, figures, sheets, reports.

What is shown is measured elsewhere. `figures`, `comparison_figures`, the reports and
`picture_files` bring matplotlib and imageio: a run imports them at its end.
"""
