"""Train soft actor-critics on gymnasium's Pendulum, with two heads of the policy.

The heads are the squashed normal distribution of SAC (Haarnoja et al. 2018, arXiv:1801.01290), and
the same with three radial maps behind it that are the same for all states, as in SAC-NF (Mazoure et
al. 2019, arXiv:1905.06893); ``--heads`` also knows one whose radial maps a network moves with the
state. All else is the
same: the networks, the twin critics, the temperature, which is tuned to an entropy of -1 nat, and
one step of all three optimizers for each step of the pendulum. The return is that of ten episodes
of 200 steps in which the policy acts without noise, from the same ten starts each time.

The picture is that of the chapter on policies: the mean over the seeds, and their range.

    pip install -e ".[rl]"
    python benchmarks/policies.py         # three seeds of each; writes results/policies.json
    python benchmarks/policies.py --seeds 1 --steps 2000 --output /tmp/policies.json
    python benchmarks/policies.py --picture    # that of the results that are there
"""

import argparse
import json
import pathlib
import time

import gymnasium
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import tfflows
from tfflows import layers, policies

FOLDER = pathlib.Path(__file__).parent
RESULTS = FOLDER / "results" / "policies.json"
PICTURE = FOLDER.parent / "tutorials" / "practice" / "policies.png"
EPISODE, EVERY, STARTS = 200, 500, 10
BATCH, WARM_UP = 128, 500
DISCOUNT, MIXED, RATE = 0.98, 0.01, 1e-3
WIDTHS = (64, 64)


def gaussian() -> tfflows.Flow:
    return policies.GaussianPolicy(1, 3, -2.0, 2.0, hidden_units=WIDTHS)


def flow() -> tfflows.Flow:
    return policies.FlowPolicy(1, 3, None, -2.0, 2.0, hidden_units=WIDTHS)


def conditional() -> tfflows.Flow:
    radial = [layers.Invert(layers.Radial(hidden_units=(32,))) for _ in range(3)]
    return policies.FlowPolicy(1, 3, radial, -2.0, 2.0, conditional=True, hidden_units=WIDTHS)


COLORS = ("#0072B2", "#E69F00", "#7F7F7F")
HEADS = {"gaussian": gaussian, "flow": flow, "conditional": conditional}


class Agent:
    """A policy, twin critics with slow copies, and a temperature."""

    def __init__(self, policy: tfflows.Flow):
        self.policy = policy
        self.critics, self.slow = self._critics(), self._critics()
        for critic, slow in zip(self.critics, self.slow, strict=True):
            slow.set_weights(critic.get_weights())
        self.log_temperature = tf.Variable(0.0)
        self.entropy = -1.0
        self.optimizers = [keras.optimizers.Adam(RATE) for _ in range(3)]
        self._trained = (
            policy.trainable_variables,
            [v for critic in self.critics for v in critic.trainable_variables],
            [self.log_temperature],
        )
        for optimizer, variables in zip(self.optimizers, self._trained, strict=True):
            optimizer.build(variables)

    @staticmethod
    def _critics() -> list:
        made = []
        for _ in range(2):
            hidden = [keras.layers.Dense(width, "relu") for width in WIDTHS]
            made.append(keras.Sequential([keras.Input([4]), *hidden, keras.layers.Dense(1)]))
        return made

    @staticmethod
    def _least(critics, states, actions):
        pairs = tf.concat([states, actions], -1)
        return tf.minimum(*(critic(pairs)[:, 0] for critic in critics))

    @tf.function
    def act(self, states):
        """Return actions without noise."""
        return self.policy.forward(tf.zeros([len(states), 1]), states)

    @tf.function(jit_compile=True)
    def learn(self, batch, seed, state):
        """Take a step of all optimizers, and return an action for the state of the pendulum."""
        states, actions, rewards, following = batch
        temperature = tf.exp(self.log_temperature)
        # An episode ends by the clock, so that every value goes on.
        ahead, log_ahead = self.policy.rsample_and_log_prob(
            seed=tfflows.random.fold_in(seed, 0), context=following
        )
        soft = self._least(self.slow, following, ahead) - temperature * log_ahead
        wanted = tf.stop_gradient(rewards + DISCOUNT * soft)
        with tf.GradientTape() as of_critics:
            pairs = tf.concat([states, actions], -1)
            errors = [tf.square(critic(pairs)[:, 0] - wanted) for critic in self.critics]
            loss = tf.reduce_mean(sum(errors))
        with tf.GradientTape() as of_policy:
            drawn, log_drawn = self.policy.rsample_and_log_prob(
                seed=tfflows.random.fold_in(seed, 1), context=states
            )
            value = self._least(self.critics, states, drawn)
            regret = tf.reduce_mean(temperature * log_drawn - value)
        # By its logarithm: more of it where the entropy is too low.
        too_low = tf.reduce_mean(log_drawn) + self.entropy
        gradients = (
            of_policy.gradient(regret, self._trained[0]),
            of_critics.gradient(loss, self._trained[1]),
            [-too_low],
        )
        for optimizer, variables, found in zip(
            self.optimizers, self._trained, gradients, strict=True
        ):
            optimizer.apply(found, variables)
        for critic, slow in zip(self.critics, self.slow, strict=True):
            for new, old in zip(critic.trainable_variables, slow.trainable_variables, strict=True):
                old.assign(old + MIXED * (new - old))
        action, _ = self.policy.rsample_and_log_prob(
            seed=tfflows.random.fold_in(seed, 2), context=state[tf.newaxis]
        )
        return action[0]


def evaluate(agent: Agent, pendulums: list) -> float:
    """Return the mean return of episodes in which the policy acts without noise."""
    states = np.stack([p.reset(seed=1000 + i)[0] for i, p in enumerate(pendulums)])
    total = np.zeros(len(pendulums))
    for _ in range(EPISODE):
        actions = agent.act(tf.constant(states, tf.float32)).numpy()
        found = [p.step(a) for p, a in zip(pendulums, actions, strict=True)]
        states = np.stack([step[0] for step in found])
        total += [step[1] for step in found]
    return float(total.mean())


def trained(head: str, seed: int, steps: int) -> dict:
    """Return the returns of an agent while it learns."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    agent = Agent(HEADS[head]())
    pendulum = gymnasium.make("Pendulum-v1")
    pendulums = [gymnasium.make("Pendulum-v1") for _ in range(STARTS)]
    memory = [np.zeros([steps, *shape], "float32") for shape in ((3,), (1,), (), (3,))]
    state, _ = pendulum.reset(seed=seed)
    action = rng.uniform(-2.0, 2.0, 1)
    returns, start = [], time.perf_counter()
    for step in range(steps):
        following, reward, _, over, _ = pendulum.step(action)
        # Rewards of about one are easier on the critics; returns are reported as they are.
        for rows, value in zip(memory, (state, action, reward / 10.0, following), strict=True):
            rows[step] = value
        state = pendulum.reset()[0] if over else following
        if step < WARM_UP:
            action = rng.uniform(-2.0, 2.0, 1)
        else:
            rows = rng.integers(0, step + 1, BATCH)
            batch = tuple(tf.constant(part[rows]) for part in memory)
            action = agent.learn(batch, tf.constant([seed, step]), tf.constant(state)).numpy()
        if (step + 1) % EVERY == 0:
            returns.append(evaluate(agent, pendulums))
    return {"returns": returns, "seconds": time.perf_counter() - start}


def picture(results: dict) -> None:
    """Draw returns against steps."""
    figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
    for (head, runs), color in zip(results["heads"].items(), COLORS, strict=False):
        returns = np.array([run["returns"] for run in runs])
        steps = results["every"] * (1 + np.arange(returns.shape[1]))
        ax.plot(steps, returns.mean(0), color=color, label=head)
        ax.fill_between(steps, returns.min(0), returns.max(0), color=color, alpha=0.2, lw=0)
    ax.set(xlabel="steps of the pendulum", ylabel="return of an episode")
    ax.legend(loc="lower right")
    figure.savefig(PICTURE, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=["gaussian", "flow"])
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--picture", action="store_true", help="draw, and train nothing")
    arguments = parser.parse_args()
    if arguments.picture:
        picture(json.loads(arguments.output.read_text()))
        return
    results: dict = {"every": EVERY, "steps": arguments.steps, "heads": {}}
    for head in arguments.heads:
        results["heads"][head] = []
        for seed in range(arguments.seeds):
            run = trained(head, seed, arguments.steps)
            results["heads"][head].append(run)
            last = [round(value) for value in run["returns"][-4:]]
            print(f"{head:12} seed {seed}: {last}, {run['seconds']:.0f} s", flush=True)
            arguments.output.write_text(json.dumps(results, indent=1) + "\n")
    if arguments.output == RESULTS:
        picture(results)


if __name__ == "__main__":
    main()
