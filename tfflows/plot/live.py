"""A picture that follows a fit."""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np

from tfflows.plot.densities import density
from tfflows.plot.histories import history
from tfflows.plot.latents import base_sample, latent_points, quantiles
from tfflows.plot.style import new_figure

_ROWS = 2000


class LiveDensity(keras.callbacks.Callback):
    """Redraw density, loss and latent quantiles while `fit` runs.

    In a notebook the picture replaces itself after every `every` epochs. With `path` the pictures
    become the frames of an animated GIF, written when training ends, also by an interrupt that
    Keras sees as the end of training.

    Parameters
    ----------
    x : array_like
        Rows ``[n, 2]``, best held out: dots of the density, and the data of the quantiles; 2,000
        of them are used.
    context : array_like, optional
        One context row of a conditional flow: the density is p(x | context), and `x` must be rows
        of that context.
    path : str or path, optional
        A ``.gif`` file. Without it the pictures go to the notebook.
    every : int
        Epochs from one picture to the next; the first and the last epoch always get one.
    resolution : int
        Grid points per axis of the density.
    milliseconds : int
        Time for which the GIF shows each picture; the last stays three seconds.

    Raises
    ------
    ValueError
        If `path` is not a ``.gif`` file, `every` is below 1, or there is neither a path nor a
        notebook.

    Examples
    --------
    >>> import keras, numpy as np, tempfile, tfflows
    >>> x = np.random.default_rng(0).normal(size=[64, 2]).astype("float32")
    >>> flow = tfflows.MAF(2, transforms=1, hidden_units=(4,))
    >>> flow.compile(keras.optimizers.Adam(1e-3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     live = tfflows.plot.LiveDensity(x, path=folder + "/fit.gif", resolution=8)
    ...     _ = flow.fit(x, epochs=2, batch_size=32, verbose=0, callbacks=[live])
    >>> live.frames
    2
    """

    def __init__(
        self,
        x,
        context=None,
        path: str | Path | None = None,
        every: int = 1,
        resolution: int = 100,
        milliseconds: int = 200,
    ):
        super().__init__()
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != 2 or not len(x):
            raise ValueError(f"expected rows of two columns; x has shape {x.shape}.")
        if every < 1:
            raise ValueError(f"every={every}: expected at least 1 epoch.")
        if path is not None and Path(path).suffix.lower() != ".gif":
            raise ValueError(
                f"path={str(path)!r}: the pictures become a GIF; expected a .gif file."
            )
        if path is None and _notebook() is None:
            raise ValueError("no notebook runs this: give path='fit.gif' to keep the pictures.")
        self.x = x[:_ROWS]
        self.context = context
        self.path = None if path is None else Path(path)
        self.every = every
        self.resolution = resolution
        self.milliseconds = milliseconds
        #: Number of pictures drawn.
        self.frames = 0
        self._images, self._curves, self._drawn, self._epochs = [], {}, None, 0

    def on_train_begin(self, logs=None):
        """Forget an earlier run."""
        if tuple(self.model.event_shape) != (2,):
            raise ValueError(
                f"LiveDensity draws events of shape (2,); this model has events of shape "
                f"{tuple(self.model.event_shape)}."
            )
        self.frames, self._images, self._curves, self._drawn = 0, [], {}, None
        self._epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        """Draw, if it is the turn of this epoch."""
        for key, value in (logs or {}).items():
            if key in ("loss", "val_loss"):
                self._curves.setdefault(key, []).append(value)
        self._epochs += 1
        if (self._epochs - 1) % self.every == 0:
            self._draw()

    def on_train_end(self, logs=None):
        """Draw the last state and write the GIF."""
        if self._epochs and self._drawn != self._epochs:
            self._draw()
        if self.path is None or not self._images:
            return
        first, *others = self._images
        first.save(
            self.path,
            save_all=True,
            append_images=others,
            duration=[self.milliseconds] * len(others) + [3000],
            loop=0,
        )

    def figure(self):
        """Return the picture of the model as it is now."""
        has_latent = hasattr(self.model, "inverse")
        figure = new_figure(12.0 if has_latent else 9.0, 3.8)
        panels = figure.subplots(1, 3 if has_latent else 2)
        density(
            self.model,
            ax=panels[0],
            x=self.x,
            context=self.context,
            resolution=self.resolution,
            points=300,
        )
        if self._curves:
            history(self._curves, ax=panels[1])
        if has_latent:
            context = self.context
            if context is not None:
                row = np.atleast_1d(np.asarray(context))
                context = np.broadcast_to(row, (len(self.x), *row.shape))
            z = latent_points(self.model, self.x, context)
            quantiles(panels[2], z, base_sample(self.model, z.shape[1])[0])
        return figure

    def _draw(self):
        figure = self.figure()
        self.frames += 1
        self._drawn = self._epochs
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=80)
        if self.path is not None:
            # Pillow comes with matplotlib.
            from PIL import Image

            self._images.append(Image.open(buffer).convert("P", palette=Image.Palette.ADAPTIVE))
        else:
            display, image = _notebook()
            display.clear_output(wait=True)
            display.display(image(buffer.getvalue()))


def _notebook():
    """Return IPython's display module and its image class where a notebook runs, else None."""
    try:
        from IPython import display, get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return display, display.Image
