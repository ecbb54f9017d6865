"""Training the teacher, the supernet and the generator.

In: networks, splits and settings. Out: trained weights and a curve; interrupted trainings continue.

- :mod:`~eas_core.training.loop` optimiser, schedule, checkpoints: the loop that all share
- :mod:`~eas_core.training.train_supernet` progressive shrinking, distillation, task dropout
- :mod:`~eas_core.training.train_generator` the generator through the frozen supernet
"""
