"""Deep Q-learning (Mnih et al., 2015): balance a pole on a cart.

    python dqn.py                       # some minutes, until it balances for 500 steps
    python dqn.py --smoke               # seconds

The cart-pole is built in: the equations of motion of Barto, Sutton and Anderson (1983), solved by
Euler steps.  The network tells what each action is worth; a slowly changing copy of it says what
the next state is worth, chosen by the network itself (double DQN, van Hasselt et al., 2016).
"""

import argparse
import collections

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import optimizers


class CartPole:
    """A cart on a track with a pole on a hinge; actions 0 and 1 push it left and right.

    The state is position (m), velocity (m/s), angle (rad) and angular velocity (rad/s).  An
    episode ends when the cart is off the track or the pole leans too far.
    """

    GRAVITY, CART, POLE, HALF_LENGTH, FORCE, STEP = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02  # SI units
    TRACK, LEAN, LONGEST = 2.4, np.deg2rad(12), 500

    def __init__(self, rng):
        self.rng = rng

    def reset(self):
        """Begin an episode; return the state, shape (4,)."""
        self.state, self.steps = self.rng.uniform(-0.05, 0.05, 4), 0
        return self.state.astype(np.float32)

    def step(self, action):
        """Push; return the state, the reward, and whether it fell and whether it ends."""
        _, v, angle, spin = self.state
        mass, moment = self.CART + self.POLE, self.POLE * self.HALF_LENGTH
        sin, cos = np.sin(angle), np.cos(angle)
        push = ((1 if action else -1) * self.FORCE + moment * spin**2 * sin) / mass
        turn = (self.GRAVITY * sin - cos * push) / (
            self.HALF_LENGTH * (4 / 3 - self.POLE * cos**2 / mass)
        )
        change = np.array([v, push - moment * turn * cos / mass, spin, turn])
        self.state = self.state + self.STEP * change
        self.steps += 1
        fell = bool(abs(self.state[0]) > self.TRACK or abs(self.state[2]) > self.LEAN)
        return self.state.astype(np.float32), 1.0, fell, fell or self.steps >= self.LONGEST


def td_loss(model, target, batch, discount):
    """Return how far the values are from the reward and the value of what came next."""
    states, actions, rewards, followers, fell = batch
    xp = model.xp
    with nnrun.no_backprop_mode():
        best = model(followers).array.argmax(axis=1)
        future = F.select_item(target(followers), best).array
    wanted = rewards + discount * xp.where(fell, xp.float32(0), future)
    return F.mean(F.huber_loss(F.select_item(model(states), actions), wanted, 1.0, reduce="no"))


def follow(target, model, share):
    """Move the parameters of the copy a little towards those of the network."""
    for slow, fast in zip(target.params(), model.params(), strict=True):
        slow.array += share * (fast.array - slow.array)


def main(argv=None):
    """Train, and return the lengths of all episodes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--unit", "-u", type=int, default=128)
    parser.add_argument("--batchsize", "-b", type=int, default=128)
    parser.add_argument("--discount", type=float, default=0.99)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="some episodes, a small network")
    args = parser.parse_args(argv)
    if args.smoke:
        args.episodes, args.unit, args.batchsize = 60, 64, 64

    np.random.seed(args.seed)
    rng = np.random.default_rng(args.seed)
    device = nnrun.get_device(args.device)
    device.use()
    model = nnrun.Sequential(
        L.Linear(4, args.unit),
        F.relu,
        L.Linear(args.unit, args.unit),
        F.relu,
        L.Linear(args.unit, 2),
    ).to_device(device)
    target = model.copy("copy")
    optimizer = optimizers.Adam(3e-3 if args.smoke else 5e-4).setup(model)

    world = CartPole(rng)
    memory = collections.deque(maxlen=20_000)
    lengths = []
    steps = 0
    for episode in range(args.episodes):
        state, done = world.reset(), False
        while not done:
            epsilon = max(0.02, 1 - steps / (500 if args.smoke else 3000))
            if rng.random() < epsilon:
                action = int(rng.integers(2))
            else:
                with nnrun.no_backprop_mode():
                    action = int(model(device.send(state[None])).array.argmax())
            follower, reward, fell, done = world.step(action)
            memory.append((state, np.int32(action), np.float32(reward), follower, fell))
            state = follower
            steps += 1
            if len(memory) >= 4 * args.batchsize:
                picked = [memory[i] for i in rng.integers(0, len(memory), args.batchsize)]
                batch = nnrun.dataset.concat_examples(picked, device)
                loss = td_loss(model, target, batch, args.discount)
                model.cleargrads()
                loss.backward()
                optimizer.update()
                follow(target, model, 0.05 if args.smoke else 0.005)
        lengths.append(world.steps)
        mean = float(np.mean(lengths[-20:]))
        if (episode + 1) % 20 == 0:
            print(f"episode {episode + 1:4}: balanced for {mean:6.1f} steps (mean of 20)")
        if len(lengths) >= 20 and mean > 475:
            break
    return lengths


if __name__ == "__main__":
    main()
