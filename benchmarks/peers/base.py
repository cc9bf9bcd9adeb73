"""What a library has to be able to do to stand in the table."""

__all__ = ["Peer"]


class Peer:
    """A flow of one library; data and results are NumPy arrays in float32.

    The constructor builds the flow of a `Job`. Every method returns when its work is done, not when
    it is queued.
    """

    def device(self) -> str:
        """Say where it computes."""
        return "CPU"

    def weights(self) -> int:
        """Return the number of trainable numbers, masked ones included."""
        raise NotImplementedError

    def fit(self, x, batch: int, epoch_done) -> None:
        """Train with Adam on shuffled rows; after each epoch, stop if ``epoch_done(loss)``."""
        raise NotImplementedError

    def load(self, x) -> None:
        """Take the points to score to where the library wants them."""
        raise NotImplementedError

    def compile_log_prob(self) -> bool:
        """Compile the density of the loaded points; False where only a first call can."""
        return False

    def log_prob(self):
        """Score the loaded points."""
        raise NotImplementedError

    def compile_sample(self, count: int) -> bool:
        """Compile the drawing of `count` points; False where only a first call can."""
        return False

    def sample(self, count: int, seed: int):
        """Draw points."""
        raise NotImplementedError
