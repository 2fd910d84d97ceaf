"""HTTP endpoints behind the answering layer, bodies of ten lines; `machine` describes the questions that the layer answers itself."""
