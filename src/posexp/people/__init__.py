"""People in a picture: found at any size, one of them chosen, and followed through a video."""
