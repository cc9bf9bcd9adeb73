"""What Keras and TensorFlow Probability keep to themselves, read in one place."""
