"""What napari shows of crispim-ij: a widget that denoises layers, and a specimen to try it on."""
