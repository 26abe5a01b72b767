"""The PaddleOCR-VL engine: everything specific to PaddleOCR-VL and its model servers is in this package.

`spec` declares the engine. `builder` builds it: it locates the `weights`, connects to the model server or starts it,
and imports `adapter`, which runs Paddle. Only `adapter` and `download` import Paddle.
"""
