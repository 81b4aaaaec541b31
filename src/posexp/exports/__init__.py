"""Files to take away: poses, angles and repetitions as other programs read them.

One module per format, each with a `Format` that says what it holds and how it is written. The
libraries that write such files are loaded when a format is asked for. A run is known by what is
asked of it, since runs are kept above.
"""
