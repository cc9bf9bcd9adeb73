"""Looking at a fitted model: check, explain, level."""

from tfflows import diagnostics

__all__ = ["Looking"]


class Looking:
    """The part of a model that looks at itself."""

    def check(
        self,
        x,
        context=None,
        *,
        train=None,
        train_context=None,
        seed: int = 0,
        rows: int = 10_000,
        tolerance: float = 0.05,
        alpha: float = 0.01,
    ):
        """Check the model on held-out rows, from its mathematics to its fit.

        The report prints as a table and can be asserted on. Its lines stand in the order of cause
        and effect; those about layers apply to models made of bijectors.

        Parameters
        ----------
        x : array
            Rows that the model was not fitted to, ``[N, *event_shape]``.
        context : array, optional
            Their contexts ``[N, *context_shape]``.
        train : array or pair of arrays, optional
            Rows that it was fitted to (or those and their contexts), to look for overfitting.
        train_context : array, optional
            Contexts of `train`.
        seed : int
            Seed of everything that is drawn; the same seed, the same report.
        rows : int
            Rows that the costly lines look at; all are looked at for numbers that are not finite.
        tolerance : float
            How far from perfect is good enough for the lines that compare distributions, as a
            difference of probabilities. At 0 they test whether the model is exactly right, which
            no fitted model is.
        alpha : float
            Probability that a model within the tolerance fails some line by chance.

        Returns
        -------
        Report
            ``report.ok``, ``report.failed``, and lines such as ``report["round_trip"]`` with
            ``value``, ``threshold``, ``ok``, ``reason``, ``advice`` and ``detail``.

        Raises
        ------
        ValueError
            If rows, shapes or arguments do not fit.

        Examples
        --------
        >>> import numpy as np, tfflows
        >>> flow = tfflows.SinhArcsinhNormal(2)
        >>> x = np.random.default_rng(0).normal(size=(500, 2)).astype("float32")
        >>> flow.adapt(x[:250])
        >>> report = flow.check(x[250:])
        >>> report.ok, report["round_trip"].ok, len(report.failed)
        (True, True, 0)
        """
        return diagnostics.check(
            self,
            x,
            context,
            train=train,
            train_context=train_context,
            seed=seed,
            rows=rows,
            tolerance=tolerance,
            alpha=alpha,
        )

    def explain(self, x, context=None):
        r"""Take the log densities of rows apart, to see why a row is unlikely.

        For a flow whose layers all move the coordinates in one order, the terms are
        :math:`\log p(x_i \mid x_{<i}, c)`. For others they are the log density of the base at the
        latent point and the log-determinant of each layer. For all of them, ``gain`` says what each
        coordinate costs: the nats that the row would gain by its best value.

        Parameters
        ----------
        x : array
            Events ``[N, *event_shape]``, or one.
        context : array, optional
            Contexts ``[N, *context_shape]``, or one.

        Returns
        -------
        Explanation
            ``terms`` ``[N, terms]`` with ``names``, which add up to ``log_prob``; ``gain``,
            ``replacement`` and ``ranking`` ``[N, D]``. It prints the least likely rows.

        Examples
        --------
        >>> import numpy as np, tfflows
        >>> flow = tfflows.MAF(2, transforms=1)
        >>> explanation = flow.explain(np.array([[0.0, 9.0]], "float32"))
        >>> explanation.names, explanation.terms.round(2).tolist()
        (('log p(x0)', 'log p(x1 | x0)'), [[-0.92, -41.42]])
        >>> explanation.ranking.tolist()
        [[1, 0]]
        """
        return diagnostics.explain(self, x, context)

    def level(self, alpha: float, calibration, context=None):
        """Return the density level above which a share `alpha` of events lie, and p-values.

        The coverage holds for fresh events of the kind of the calibration rows, whatever the model;
        with a context it holds on average over the contexts of the calibration rows.

        Parameters
        ----------
        alpha : float
            The coverage, between 0 and 1.
        calibration : array or pair of arrays
            Rows that the model was not fitted to, ``[N, *event_shape]`` (or those and their
            contexts).
        context : array, optional
            Their contexts ``[N, *context_shape]``.

        Returns
        -------
        Level
            ``contains(x)`` says whether events lie in the region, ``p_value(x)`` how unusual they
            are.

        Raises
        ------
        ValueError
            If `alpha` is not between 0 and 1, or needs more calibration rows than there are.

        Examples
        --------
        >>> import numpy as np, tfflows
        >>> x = np.random.default_rng(0).normal(size=(999, 2)).astype("float32")
        >>> level = tfflows.MAF(2, transforms=1).level(0.9, calibration=x)
        >>> level.contains(np.array([[0.0, 0.0], [4.0, 4.0]], "float32")).tolist()
        [True, False]
        >>> level.p_value(np.array([[4.0, 4.0]], "float32")).tolist()
        [0.001]
        """
        return diagnostics.level(self, alpha, calibration, context)
