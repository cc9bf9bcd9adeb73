"""What keeps a model: files, and programs that run without Python code."""

import os

import tensorflow as tf

from tfflows.saving.saved_model import Endpoint, write_saved_model
from tfflows.training.trainer import Trainer

__all__ = ["Keeping"]

_FORMATS = {"tf_saved_model": write_saved_model}


class Keeping(Trainer):
    """The part of a density model that writes it down."""

    def export(
        self, filepath: str | os.PathLike, format: str = "tf_saved_model", verbose: bool = False
    ) -> None:
        """Write the model as programs that run where tfflows, TFP and Keras are not installed.

        A SavedModel has the following signatures, whose arguments and results are tensors of the
        type of the model, with one leading axis of any size, 0 included:

        =========================  ===============================  =====================
        signature                  arguments                        results
        =========================  ===============================  =====================
        ``serving_default``        ``x``, ``context``               ``log_prob``
        ``log_prob``               ``x``, ``context``               ``log_prob``
        ``sample``                 ``n``, ``seed``, ``context``     ``x``
        ``sample_and_log_prob``    ``n``, ``seed``, ``context``     ``x``, ``log_prob``
        ``forward``                ``z``, ``context``               ``x``
        ``inverse``                ``x``, ``context``               ``z``
        =========================  ===============================  =====================

        The context is there for models with one: a row for each event, or a single row for all.
        ``n`` is an int32, ``seed`` an int32 or two of them; the samples are those that
        `sample` gives for the same seed. ``forward`` and ``inverse`` are those of a `Flow`.

        Parameters
        ----------
        filepath : str or path
            Folder to write: a new one, an empty one, or an earlier SavedModel, which is replaced.
        format : str
            ``"tf_saved_model"``.
        verbose : bool
            Whether to print the names of the signatures.

        Raises
        ------
        ValueError
            If there is no such format.
        FileExistsError
            If the folder holds something else.

        Examples
        --------
        >>> import os, tempfile, tensorflow as tf, tfflows
        >>> flow = tfflows.Flow([tfflows.layers.Shift()], event_shape=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     flow.export(os.path.join(folder, "served"))
        ...     served = tf.saved_model.load(os.path.join(folder, "served"))
        >>> served.log_prob(tf.zeros([3, 2]))["log_prob"].shape
        TensorShape([3])
        >>> served.sample(n=5, seed=0)["x"].shape
        TensorShape([5, 2])
        """
        if format not in _FORMATS:
            known = ", ".join(map(repr, _FORMATS))
            raise ValueError(f"unknown format {format!r} to export to; the formats are: {known}.")
        self.build()
        names = _FORMATS[format](self._endpoints(), filepath)
        if verbose:
            print(f"wrote {os.fspath(filepath)} with the signatures {', '.join(names)}")

    def _endpoints(self) -> list[Endpoint]:
        """Return what an export offers, the log density first."""
        x = self._rows_spec(self.event_shape, "x")
        count = (tf.TensorSpec([], tf.int32, "n"), tf.TensorSpec(None, tf.int32, "seed"))

        def log_prob(x, context=None):
            return {"log_prob": self._log_density(x, context)}

        def sample(n, seed, context=None):
            return {"x": self._sample([n], _pair(seed), context)}

        def sample_and_log_prob(n, seed, context=None):
            events, log_prob = self._sample_and_log_prob([n], _pair(seed), context)
            return {"x": events, "log_prob": log_prob}

        return [
            self._endpoint("log_prob", log_prob, x),
            self._endpoint("sample", sample, *count),
            self._endpoint("sample_and_log_prob", sample_and_log_prob, *count),
        ]

    def _endpoint(self, name, function, *inputs) -> Endpoint:
        if self.context_shape is not None:
            inputs = (*inputs, self._rows_spec(self.context_shape, "context"))
        return Endpoint(name, function, inputs)

    def _rows_spec(self, shape, name):
        return tf.TensorSpec([None, *shape], self.variable_dtype, name)


def _pair(seed):
    """Return a seed of one number s, which stands for (0, s), or of two as int32 [2]."""
    numbers = tf.reshape(seed, [-1])
    pair = tf.concat([tf.zeros([2 - tf.size(numbers)], tf.int32), numbers], 0)
    return tf.ensure_shape(pair, [2])
