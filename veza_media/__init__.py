"""HLS streams and the transcode queue."""
