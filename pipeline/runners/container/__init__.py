"""What stands between a backend's way to start a container and TFX's executors."""
