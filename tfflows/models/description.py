"""A flow in words: its layers, their options and shapes, and what they have taken from data."""

import html
import math
import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

import keras
import tensorflow as tf

from tfflows.interop.description import describe

__all__ = ["html_of", "represent", "summary"]


class _Part(NamedTuple):
    """A part of a flow, for a reader."""

    name: str
    what: str
    shapes: str
    parameters: int
    data: str


def represent(flow) -> str:
    """Return one line for the flow, and one for each part of it, from the data to the base."""
    if not hasattr(flow, "base"):  # while it is made
        return object.__repr__(flow)
    context = "" if flow.context_shape is None else f", context_shape={flow.context_shape}"
    first = f"{type(flow).__name__}(name={flow.name!r}, event_shape={flow.event_shape}{context})"
    lines = []
    for part in _parts(flow):
        line = f"{part.name}: {part.what}{part.data and ', '}{part.data}"
        lines += textwrap.wrap(
            re.sub(r"(?<=\d), (?=\d)", ",\xa0", line),  # numbers stay together
            78,
            initial_indent="  ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join([first, *lines]).replace("\xa0", " ")


def html_of(flow) -> str:
    """Return a table of the parts for a notebook."""
    rows = [
        "".join(f"<td style='text-align: left'>{html.escape(text)}</td>" for text in cells)
        for cells in (
            (part.name, part.what, part.shapes, f"{part.parameters:,}", part.data)
            for part in _parts(flow)
        )
    ]
    heads = ("from data to base", "what it is", "events", "parameters", "from the data")
    head = "".join(f"<th style='text-align: left'>{text}</th>" for text in heads)
    given = "" if flow.context_shape is None else f" given contexts of {flow.context_shape}"
    count = sum(part.parameters for part in _parts(flow))
    title = (
        f"<b>{html.escape(type(flow).__name__)}</b> <code>{html.escape(flow.name)}</code>: "
        f"events of {flow.event_shape}{given}, {count:,} parameters"
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<p>{title}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def summary(flow, line_length=None, positions=None, print_fn=None, **kwargs) -> None:
    """Print the table of Keras, what each layer is, and which make the log density a bound."""
    keras.Model.summary(flow, line_length, positions, print_fn, **kwargs)
    show = print_fn or print
    show(f" {represent(flow)}".replace("\n", "\n "))
    drawing = [layer for layer in flow.bijector_layers if not layer.exact]
    names = ", ".join(repr(layer.name) for layer in drawing)
    if drawing and all(layer.estimates for layer in drawing):
        show(f" log_prob: an unbiased estimate, for {names} estimates its log-determinant")
    elif drawing:
        show(f" log_prob: a lower bound of the log density, for {names} draws noise")


def _parts(flow) -> Iterator[_Part]:
    shape = flow.event_shape
    for layer in flow.bijector_layers:
        latent = tuple(layer.latent_shape(shape))
        shapes = f"{shape}" if shape == latent else f"{shape} → {latent}"
        yield _Part(layer.name, repr(layer), shapes, _count(layer), _from_data(layer))
        shape = latent
    base = flow.base
    yield _Part(base.name, describe(base.given), f"{shape}", _count(base), "")
    for layer in (flow.context_standardize, flow.context_network):
        if layer is not None:
            data = "" if layer is flow.context_network else _from_data(layer)
            yield _Part(layer.name, describe(layer), "context", _count(layer), data)


def _count(layer) -> int:
    return sum(math.prod(weight.shape) for weight in getattr(layer, "trainable_weights", ()))


def _from_data(layer) -> str:
    """Return what a layer has taken from data, or that it waits for them."""
    if not layer.adapts:
        return ""
    with tf.init_scope():
        if layer.needs_adapt:
            return "waits for data"
        found = layer.statistics.items()
        return ", ".join(f"{name} {describe(value)}" for name, value in found) or "set from data"
