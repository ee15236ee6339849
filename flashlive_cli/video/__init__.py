"""What is seen beside the voice: stills of a camera, a screen, an image, a folder of images or a video file."""
