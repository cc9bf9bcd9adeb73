"""FlowJAX as an expert runs it: data on the device, a jitted scan over the batches of an epoch."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
import paramax
from flowjax.bijections import RationalQuadraticSpline
from flowjax.distributions import Normal
from flowjax.flows import masked_autoregressive_flow

from peers.base import Peer

__all__ = ["FlowjaxPeer"]


class FlowjaxPeer(Peer):
    def __init__(self, job):
        extra = {}
        if job.family == "spline":
            # It counts inner knots.
            extra["transformer"] = RationalQuadraticSpline(knots=job.bins - 1, interval=5)
        if len(set(job.hidden)) != 1:
            raise NotImplementedError("FlowJAX wants hidden layers of one width")
        flow = masked_autoregressive_flow(
            jr.key(0),
            base_dist=Normal(jnp.zeros(job.dimensions)),
            flow_layers=job.layers,
            nn_width=job.hidden[0],
            nn_depth=len(job.hidden),
            nn_activation=jax.nn.relu,
            **extra,
        )
        self.parameters, rest = eqx.partition(
            flow, eqx.is_inexact_array, is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable)
        )
        # Masks go in as arguments; as constants of a program they would slow its compilation.
        self.masks, self.static = eqx.partition(rest, eqx.is_array)

    def flow(self, parameters, masks):
        return eqx.combine(parameters, masks, self.static)

    def device(self):
        return str(jax.devices()[0])

    def weights(self):
        # The base distribution's location and scale are no part of the network.
        return sum(leaf.size for leaf in jax.tree.leaves(self.parameters.bijection))

    def fit(self, x, batch, epoch_done):
        optimizer = optax.adam(1e-3)

        def loss(parameters, masks, rows):
            return -paramax.unwrap(self.flow(parameters, masks)).log_prob(rows).mean()

        @jax.jit
        def epoch(parameters, masks, state, key, data):
            order = jr.permutation(key, len(data))[: len(data) // batch * batch]

            def step(carry, rows):
                parameters, state = carry
                value, gradient = jax.value_and_grad(loss)(parameters, masks, data[rows])
                updates, state = optimizer.update(gradient, state, parameters)
                return (optax.apply_updates(parameters, updates), state), value

            carry = (parameters, state)
            (parameters, state), values = jax.lax.scan(step, carry, order.reshape(-1, batch))
            return parameters, state, values.mean()

        data = jnp.asarray(x)
        parameters, key = self.parameters, jr.key(1)
        state = optimizer.init(parameters)
        stop = False
        while not stop:
            key, this = jr.split(key)
            parameters, state, value = jax.block_until_ready(
                epoch(parameters, self.masks, state, this, data)
            )
            stop = epoch_done(float(value))
        self.parameters = parameters

    def load(self, x):
        self.x = jnp.asarray(x)

    def compile_log_prob(self):
        def density(parameters, masks, x):
            return self.flow(parameters, masks).log_prob(x)

        self.density = jax.jit(density).lower(self.parameters, self.masks, self.x).compile()
        return True

    def log_prob(self):
        return jax.device_get(self.density(self.parameters, self.masks, self.x))

    def compile_sample(self, count):
        def draw(parameters, masks, key):
            return self.flow(parameters, masks).sample(key, (count,))

        self.draw = jax.jit(draw).lower(self.parameters, self.masks, jr.key(0)).compile()
        return True

    def sample(self, count, seed):
        return jax.device_get(self.draw(self.parameters, self.masks, jr.key(seed)))
