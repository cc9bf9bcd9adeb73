"""In a notebook each picture shows itself once, as the value of its cell."""

import base64

import nbclient
import nbformat
import pytest

from tfflows import plot

SETUP = """
import numpy as np, tfflows
from tfflows import plot

x = np.random.default_rng(0).normal(size=[30, 2]).astype("float32")
flow = tfflows.Flow([tfflows.layers.MaskedAutoregressive(
    tfflows.univariates.Affine(), hidden_units=(4,))], event_shape=2)
"""
CELLS = {
    "LiveDensity": "live = plot.LiveDensity(x, resolution=5)\n"
    "live.set_model(flow); live.on_train_begin(); live.on_epoch_end(0, {'loss': 1.0})",
    "calibration": "plot.calibration(flow, x)",
    "density": "plot.density(flow, x=x, resolution=5)",
    "flow": "plot.flow(flow, points=9)",
    "history": "plot.history({'loss': [1.0, 0.5]})",
    "latent": "plot.latent(flow, x)",
    "marginals": "plot.marginals(x, x)",
    "masks": "plot.masks(flow.bijector_layers[0])",
    "pairs": "plot.pairs(x, x)",
    "samples": "plot.samples(x, resolution=5)",
    "side_by_side": "plot.side_by_side({'one': flow, 'two': flow}, resolution=5)",
    "univariate": "plot.univariate(tfflows.univariates.Affine())",
}
OTHERS = {
    "an axes with a title": "ax = plot.history({'loss': [1.0]})\nax.set_title('title')\nax",
    "its figure": "ax.figure",
}
SILENT = {
    "an assignment": "ax = plot.density(flow, resolution=5)",
    "pyplot knows of none": "from matplotlib import pyplot\nassert not pyplot.get_fignums()",
}
INLINE = {f"{name}, inline": CELLS[name] for name in ("density", "pairs")}
INLINE["given axes"] = "_, ax = pyplot.subplots()\nplot.history({'loss': [1.0]}, ax=ax);"


@pytest.fixture(scope="module")
def outputs():
    """Return what each cell has shown, of one kernel for all."""
    named = {**CELLS, **OTHERS, **SILENT, "inline": "%matplotlib inline", **INLINE}
    cells = [SETUP, *named.values()]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    first, *others = notebook.cells
    assert first.outputs == []  # the import is quiet
    return {name: cell.outputs for name, cell in zip(named, others, strict=True)}


def test_every_picture_is_tried():
    assert sorted(CELLS) == sorted(plot.__all__)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CELLS, *OTHERS, *INLINE])
def test_a_picture_shows_itself_once(outputs, name):
    shown = [output for output in outputs[name] if output.output_type != "stream"]
    assert len(shown) == 1
    assert base64.b64decode(shown[0].data["image/png"]).startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SILENT, "inline"])
def test_other_cells_show_nothing(outputs, name):
    assert outputs[name] == []
