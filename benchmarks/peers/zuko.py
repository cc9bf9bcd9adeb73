"""zuko in a plain PyTorch loop over shuffled rows of one tensor."""

import time

import torch
import zuko

from peers.base import Peer

__all__ = ["ZukoPeer"]

_TRIED_STEPS = 5


class ZukoPeer(Peer):
    def __init__(self, job):
        torch.manual_seed(0)
        kind = {"affine": zuko.flows.MAF, "spline": zuko.flows.NSF}[job.family]
        extra = {} if job.family == "affine" else {"bins": job.bins}
        self.threads = torch.get_num_threads()
        self.where = "cuda" if torch.cuda.is_available() else "cpu"
        self.flow = kind(
            job.dimensions,
            transforms=job.layers,
            hidden_features=list(job.hidden),
            activation=torch.nn.ReLU,
            **extra,
        ).to(self.where)

    def device(self):
        return self.where.upper()

    def weights(self):
        return sum(w.numel() for w in self.flow.parameters() if w.requires_grad)

    def fit(self, x, batch, epoch_done):
        data = torch.as_tensor(x, device=self.where)
        # The fused update is the fastest that PyTorch has.
        optimizer = torch.optim.Adam(self.flow.parameters(), lr=1e-3, fused=True)

        def step(rows):
            optimizer.zero_grad(set_to_none=True)
            loss = -self.flow().log_prob(data[rows]).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        def batches():
            return torch.randperm(len(data), device=self.where).split(batch)

        tried = batches()[:_TRIED_STEPS]
        self._choose_threads(lambda: [float(step(rows)) for rows in tried])
        stop = False
        while not stop:
            total = torch.zeros((), device=self.where)
            parts = batches()
            for rows in parts:
                total += step(rows)
            stop = epoch_done(float(total) / len(parts))

    def _choose_threads(self, work):
        """Compute on one thread or on all; small products are often faster on one."""
        taken = {}
        for threads in (1, self.threads):
            torch.set_num_threads(threads)
            work()
            start = time.perf_counter()
            work()
            taken[threads] = time.perf_counter() - start
        torch.set_num_threads(min(taken, key=taken.get))

    def load(self, x):
        self.x = torch.as_tensor(x, device=self.where)
        # Sampling multiplies as many rows by the same weights.
        self._choose_threads(self.log_prob)

    def log_prob(self):
        with torch.inference_mode():
            return self.flow().log_prob(self.x).cpu().numpy()

    def sample(self, count, seed):
        torch.manual_seed(seed)
        with torch.inference_mode():
            return self.flow().sample((count,)).cpu().numpy()
