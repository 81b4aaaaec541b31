"""How well does each variant see a person? Rendered clips with exact joints, and the report.

`catalogue` says what is drawn, `render` draws it, `measure` runs the variants on it. Nothing else
imports this.
"""
