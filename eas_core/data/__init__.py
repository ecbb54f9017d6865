"""Images and tasks.

In: a profile's section ``data``, which names an entry of :mod:`data_prep.catalogue`. Out: the tasks (groups of classes)
and three splits of images, checked and cached.

- :mod:`~eas_core.data.tasks` groups of classes; :mod:`~eas_core.data.task_dropout` which of them compete
- :mod:`~eas_core.data.sources` what is known before an image is read
- :mod:`~eas_core.data.splits` images as tensors, their order and augmentation
- :mod:`~eas_core.data.photographs` packed photographs that are decoded while a network trains
"""
