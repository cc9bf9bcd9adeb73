"""What a kernel of TFP knows of a state, renewed when the state is moved by another kernel."""

__all__ = ["renewed"]

# What kernels carry from step to step that does not belong to the state: step sizes, and what those
# that adapt them count. All else is taken anew: a field too many starts an adaptation again, a
# field too few would leave the density of another state in its place, and draws would be wrong.
_CARRIED = {
    "adaptation_rate",
    "decay_rate",
    "error_sum",
    "exploration_shrinkage",
    "log_averaging_step",
    "log_shrinkage_target",
    "new_step_size",
    "num_adaptation_steps",
    "num_leapfrog_steps",
    "step",
    "step_count_smoothing",
    "step_size",
    "target_accept_prob",
}


def renewed(old, fresh):
    """Return the results of a kernel for a new state, with its step sizes as they were.

    Parameters
    ----------
    old : structure of tf.Tensor
        Results of the last step, of any kernel of ``tfp.mcmc`` and those within it.
    fresh : structure of tf.Tensor
        What ``bootstrap_results`` of the same kernel returns for the new state.

    Returns
    -------
    structure of tf.Tensor
        The fresh results, but for what adaptation has reached.

    Examples
    --------
    >>> import collections
    >>> Results = collections.namedtuple("Results", ["target_log_prob", "step_size"])
    >>> renewed(Results(-3.0, 0.2), Results(-1.0, 0.1))
    Results(target_log_prob=-1.0, step_size=0.2)
    """
    if not hasattr(fresh, "_fields"):
        return fresh
    return type(fresh)(
        *(
            getattr(old, name)
            if name in _CARRIED
            else renewed(getattr(old, name), getattr(fresh, name))
            for name in fresh._fields
        )
    )
