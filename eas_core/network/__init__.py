"""The networks: the supernet with its views, what is cut out of it, and the architecture generator.

In: a search space. Out: modules; images to logits, or task and budget to gates.

- :mod:`~eas_core.network.supernet` one set of weights, three views; :mod:`~eas_core.network.elastic` its layers
- :mod:`~eas_core.network.subnetwork` one architecture as an ordinary module; :mod:`~eas_core.network.calibrate` its statistics
- :mod:`~eas_core.network.generator` task and budget to gates; :mod:`~eas_core.network.multi_path` the other encoding
- :mod:`~eas_core.network.latency` how long the parts of networks take on this device
- :mod:`~eas_core.network.norm`, :mod:`~eas_core.network.convolution`, :mod:`~eas_core.network.kernels` what makes a step fast
"""
