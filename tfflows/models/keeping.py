"""What keeps a model: files, and programs that run without Python code."""

import os
from pathlib import Path

import keras
import tensorflow as tf

from tfflows.saving.files import write_file
from tfflows.saving.saved_model import Endpoint, write_saved_model

__all__ = ["Keeping"]

_SEED = tf.TensorSpec(None, tf.int32, "seed")

_FORMATS = {"tf_saved_model": write_saved_model}


class Keeping(keras.Model):
    """The part of a density model that writes it down."""

    def save(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs,
    ) -> None:
        """Write the model to a ``.keras`` file: architecture, weights and state of the optimizer.

        The file appears as a whole or not at all: a process that is killed while it writes, or a
        full disk, leaves the file that was there. It carries a checksum, the version of its format
        and those of the packages; `tfflows.load` checks them, ``keras.models.load_model`` reads
        the same file.

        Parameters
        ----------
        filepath : str or path
            Name that ends in ``.keras``. Any other is handled as in Keras.
        overwrite : bool
            Whether to replace a file of this name.
        zipped, **kwargs
            As in Keras.

        Raises
        ------
        FileExistsError
            If the file exists and may not be replaced.
        ValueError
            If a part of the model has no name in files, such as a lambda; the message names it.
        """
        path = os.fspath(filepath) if isinstance(filepath, (str, os.PathLike)) else ""
        if zipped is False or not path.endswith(".keras") or "://" in path:
            super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)
            return
        if not overwrite and Path(path).exists():
            raise FileExistsError(f"{path} exists; pass overwrite=True to replace it.")
        self.build()
        write_file(path, self._label(), lambda aside: super(Keeping, self).save(aside, **kwargs))

    def _label(self) -> dict:
        """Return what a file says of its model."""
        history = getattr(self.history, "history", None) if hasattr(self, "history") else None
        return {
            "event_shape": self.event_shape,
            "context_shape": self.context_shape,
            "parameters": self.count_params(),
            "training": {
                "steps": int(self.optimizer.iterations.numpy()) if self.compiled else 0,
                "epochs": len(history["loss"]) if history and "loss" in history else None,
                "last": {key: float(values[-1]) for key, values in (history or {}).items()},
            },
        }

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
        count = (tf.TensorSpec([], tf.int32, "n"), _SEED)

        def sample(n, seed, context=None):
            return {"x": self._sample([n], _pair(seed), context)}

        def sample_and_log_prob(n, seed, context=None):
            self._require_exact("sample_and_log_prob", "the signatures sample and log_prob")
            events, log_prob = self._sample_and_log_prob([n], _pair(seed), context)
            return {"x": events, "log_prob": log_prob}

        return [
            self._endpoint_of_rows(
                "log_prob", self._log_density, "x", self.event_shape, "log_prob"
            ),
            self._endpoint("sample", sample, *count),
            self._endpoint("sample_and_log_prob", sample_and_log_prob, *count),
        ]

    def _endpoint_of_rows(self, name, function, argument, shape, answer) -> Endpoint:
        # The names of arguments are those of the signature.
        inputs = [tf.TensorSpec([None, *shape], self.variable_dtype, argument)]
        if self._draws:
            inputs.append(_SEED)

        def serve(rows, *others):
            seed = [_pair(others[0])] if self._draws else []
            context = others[len(seed)] if len(others) > len(seed) else None
            return {answer: function(rows, context, *seed)}

        return self._endpoint(name, serve, *inputs)

    def _endpoint(self, name, function, *inputs) -> Endpoint:
        if self.context_shape is not None:
            spec = tf.TensorSpec([None, *self.context_shape], self.variable_dtype, "context")
            inputs = (*inputs, spec)
        return Endpoint(name, function, inputs)


def _pair(seed):
    """Return a seed of one number s, which stands for (0, s), or of two as int32 [2]."""
    numbers = tf.reshape(seed, [-1])
    pair = tf.concat([tf.zeros([2 - tf.size(numbers)], tf.int32), numbers], 0)
    return tf.ensure_shape(pair, [2])
