"""Every setting of a run with its limits: one class a section of a profile, as in the YAML file.

A setting is documented by the comment above it, which the book's reference shows too. What one field cannot know about
another is checked in :mod:`eas_core.settings.profiles`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from data_prep.catalogue import SOURCES
from eas_core.space.architecture import DEPTHS, EXPANSIONS, KERNELS, SearchSpace

if TYPE_CHECKING:  # a type checker takes no values that are made elsewhere
    SourceName: TypeAlias = str
    Depth: TypeAlias = int
    Expansion: TypeAlias = int
    Kernel: TypeAlias = int
else:
    SourceName = Literal[tuple(SOURCES)]
    Depth, Expansion, Kernel = Literal[DEPTHS], Literal[EXPANSIONS], Literal[KERNELS]

Count = Annotated[int, Field(ge=1, le=10**9)]
Width = Annotated[int, Field(ge=1, le=2**14)]  # of a layer
Positive = Annotated[float, Field(gt=0, lt=1e9)]
NotNegative = Annotated[float, Field(ge=0, lt=1e9)]
Fraction = Annotated[float, Field(ge=0, le=1)]
PACKED = tuple(name for name, source in SOURCES.items() if source.packed)
LISTED = tuple(name for name, source in SOURCES.items() if source.listed)


class Settings(BaseModel):
    """What all sections have in common: an unknown key is an error, and values cannot be changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(Settings):
    """Which images, how many, and how they are augmented."""

    #: Drawn images, or photographs.
    source: SourceName
    #: Zip or folder of Tiny-ImageNet's photographs (downloaded if not given), or the folder that ``eas prepare`` filled.
    path: str | None = None
    #: Of drawing images and of the train/valid split; apart from the run's seed, so that seeds share their test images.
    #: ``null``: the run's own seed, so that each seed has images of its own.
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = 0
    #: Training images of a class; of photographs at most so many. The three numbers must not be given for imagenet-10 and
    #: imagenet-12, whose splits are as ``eas prepare`` packed them, nor for own-pictures, and must be given for all else.
    train_per_class: Count | None = None
    #: Images of a class held out for the generator's training and the choice of networks.
    valid_per_class: Count | None = None
    #: Images of a class for the final evaluation.
    test_per_class: Count | None = None
    #: Of ``own-pictures``, the CSV that ``eas init`` wrote; it names each picture in ``path`` with its class and split.
    listing: str | None = None
    #: Of ``own-pictures``, the tasks and the classes of each, as ``listing`` names them.
    groups: dict[str, tuple[str, ...]] | None = None
    #: Identifies the packed photographs of imagenet-10 or imagenet-12, or the ``listing`` of pictures. A run writes it into
    #: records; if it is given, other photographs are refused.
    digest: Annotated[str, Field(pattern="^[0-9a-f]{10}$")] | None = None
    #: Small translations, or random resized crops with mirroring.
    augment: Literal["shift", "crop"]
    #: The largest translation, in pixels.
    shift: Annotated[int, Field(ge=0, le=32)] = 2
    #: The smallest crop, as a share of the image.
    min_area: Annotated[float, Field(gt=0, le=1)] = 0.35

    #: Whether an epoch shows each training image once, or about as many of each class, those of small ones repeatedly.
    sampling: Literal["plain", "balanced"] = "plain"

    def drawn_with(self, seed: int) -> Data:
        """The section with a seed: its own, or else that of a run."""
        return self if self.seed is not None else self.model_copy(update={"seed": seed})


class Space(Settings):
    """What is not searched: :class:`eas_core.space.architecture.SearchSpace`. Defaults are once-for-all's MobileNetV3."""

    #: Classes of all tasks together.
    num_classes: Count
    #: Height and width of an image, in pixels.
    resolution: Annotated[int, Field(ge=8, le=1024)]
    #: Channels of the first convolution.
    stem_width: Width = 16
    #: Its stride.
    stem_stride: Literal[1, 2] = 2
    #: Channels of the fixed first block.
    first_width: Width = 16
    #: Output channels of each of the five units.
    widths: tuple[Width, Width, Width, Width, Width] = (24, 40, 80, 112, 160)
    #: Stride of the first block of each unit.
    strides: tuple[Literal[1, 2], Literal[1, 2], Literal[1, 2], Literal[1, 2], Literal[1, 2]] = (2, 2, 2, 1, 2)
    #: Whether a unit's activation is hard swish, else ReLU.
    hswish: tuple[bool, bool, bool, bool, bool] = (False, False, True, True, True)
    #: Whether a unit's blocks have squeeze-excite.
    squeeze_excite: tuple[bool, bool, bool, bool, bool] = (False, True, False, True, True)
    #: Channels of the last convolution, before pooling.
    final_width: Width = 960
    #: Units of the hidden layer before the classifier.
    head_width: Width = 1280


class Optimizer(Settings):
    """An optimiser: :func:`eas_core.training.loop.make_optimizer`."""

    #: SGD is with Nesterov momentum.
    kind: Literal["sgd", "adamw", "adam"]
    #: Peak learning rate.
    lr: Positive
    #: Not applied to biases and BatchNorm.
    weight_decay: NotNegative = 0.0
    #: SGD only.
    momentum: Fraction = 0.9


class Teacher(Settings):
    """Training of the largest sub-network alone (section 6.2)."""

    #: Passes over the training split; parts of one count too.
    epochs: Positive
    #: Images of a step.
    batch_size: Count
    #: Its learning rate falls to zero as a cosine.
    optimizer: Optimizer
    #: Share of the steps in which the learning rate rises linearly.
    warmup: Fraction = 0.0
    #: Probability taken from the true class and spread over all.
    label_smoothing: Fraction = 0.0


class Shrinking(Settings):
    """One stage of progressive shrinking (not of a run): what may be sampled, for how long, at which peak learning rate."""

    #: The name that records and figures show.
    name: str
    #: Depths of a unit that may be sampled.
    depths: tuple[Depth, ...]
    #: Expansion ratios that may be sampled.
    expansions: tuple[Expansion, ...]
    #: Kernel sizes that may be sampled.
    kernels: tuple[Kernel, ...]
    #: Passes over the training split; parts of one count too.
    epochs: Positive
    #: Peak learning rate; that of the optimiser if not given.
    lr: Positive | None = None


class TaskDropout(Settings):
    """Task dropout: :func:`eas_core.data.task_dropout.task_dropout_mask` and :func:`eas_core.data.task_dropout.apply_mask`."""

    #: Drop rate of Eq. (A)-(B).
    q: Fraction
    #: Whether dropped classes leave the softmax, or their logits become zero as Eq. (A) is written.
    reading: Literal["exclude", "zero"] = "exclude"


class Supernet(Settings):
    """Training of the supernet: progressive shrinking with distillation and task dropout (section 3.1)."""

    #: In their order.
    stages: tuple[Shrinking, ...] = Field(min_length=1)
    #: Images of a step.
    batch_size: Count
    #: Its ``lr`` is that of stages that give none of their own.
    optimizer: Optimizer
    #: Share of a stage's steps in which the learning rate rises linearly.
    warmup: Fraction = 0.0
    #: Random sub-networks whose loss a step averages.
    subnets_per_step: Count = 1
    #: Weight of the teacher's soft labels beside the cross-entropy.
    distillation: NotNegative = 1.0
    #: Whether the teacher looks at each image once, as it is, or at every augmented batch.
    cached_teacher: bool = False
    #: What is hidden from the loss.
    task_dropout: TaskDropout

    def peak_lr(self, stage: Shrinking) -> float:
        """The peak learning rate of a stage: its own, or else the optimiser's."""
        return self.optimizer.lr if stage.lr is None else stage.lr


class Calibration(Settings):
    """BatchNorm statistics of an extracted network: :func:`eas_core.network.calibrate.calibrate`."""

    #: Random training images.
    images: Count
    #: Images of a step.
    batch_size: Count


class Generator(Settings):
    """The architecture generator and its training: Algorithm 1."""

    #: Updates of the weights.
    steps: Count
    #: The paper's is Adam.
    optimizer: Optimizer
    #: B_L and B_H, millions of multiply-adds.
    budget: tuple[Positive, Positive]
    #: K, the number of budgets with an embedding of their own.
    anchors: Annotated[int, Field(ge=2, le=1000)] = 10
    #: Length of the embeddings of a task and of a budget.
    embedding: Width = 32
    #: Units of the LSTM.
    hidden: Width = 64
    #: Temperature of Eq. (I).
    tau: Positive = 1.0
    #: Lambda of Eq. (D), for the cost in millions.
    lam: Positive
    #: Scenarios of a step that enter both losses.
    scenarios_per_step: Count = 1
    #: Whether the learning rate stays or falls to zero as a cosine.
    schedule: Literal["constant", "cosine"] = "constant"
    #: Decay of the moving average of the weights that training returns, or 0 for the weights of the last step.
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    #: How a gate's gradient is estimated, by Eq. (I)-(J) as printed or with both ends of the gate weighed.
    estimator: Literal["straight-through", "second-order"] = "straight-through"
    #: What L_val is, cross-entropy or the expected error 1 - p with p the probability of the right class; the latter is
    #: about a third in size, and so should lambda be.
    loss: Literal["cross-entropy", "error"] = "cross-entropy"
    #: Extra scenarios of a step that enter L_C only.
    cost_scenarios: Annotated[int, Field(ge=0, le=100000)] = 0
    #: Images of the task, a scenario and step.
    task_images: Count
    #: Images of all tasks beside them, for batch statistics.
    context_images: Annotated[int, Field(ge=0, le=100000)] = 0
    #: Train towards ``aim`` times B, so that most samples stay within B.
    aim: Annotated[float, Field(gt=0, le=1)] = 1.0


class MultiPath(Settings):
    """The multi-path generator of the ablation: the generator's settings, but for these."""

    #: Updates of the weights.
    steps: Count
    #: Scenarios of a step that enter both losses.
    scenarios_per_step: Count = 1


class Amortised(Settings):
    """Amortised search, an extension: the generator's settings, but for these, and its teacher is OFA-T's predictor."""

    #: Updates of the weights.
    steps: Count = 3000
    #: Scenarios of a step.
    scenarios_per_step: Count = 64
    #: Its learning rate falls to zero as a cosine.
    optimizer: Optimizer = Optimizer(kind="adam", lr=0.003)
    #: Lambda of Eq. (D), for the cost in millions.
    lam: Positive = 0.2
    #: Of the predicted accuracy (a fraction), which takes the place of L_val with a minus.
    weight: Positive = 3.0


class Pairs(Settings):
    """Architecture-accuracy pairs for OFA-V and OFA-T (section 6.2)."""

    #: How many.
    count: Annotated[int, Field(ge=10, le=10**7)]
    #: Whether architectures are drawn uniformly (once-for-all), or with costs spread evenly over the generator's budgets.
    costs: Literal["uniform", "budgets"] = "uniform"
    #: Of the validation split; all if not given.
    images_per_class: Count | None = None
    #: Share of the pairs that only tests the predictor.
    hold_out: Annotated[float, Field(gt=0, lt=1)] = 0.2


class Predictor(Settings):
    """The accuracy predictor and its training (section 6.2)."""

    #: Passes over the pairs.
    epochs: Count = 250
    #: Pairs of a step.
    batch_size: Count = 256
    #: Units of each hidden layer.
    hidden: Width = 400
    #: Hidden layers.
    layers: Annotated[int, Field(ge=1, le=20)] = 3
    #: The paper's.
    optimizer: Optimizer = Optimizer(kind="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4)


class Evolution(Settings):
    """Evolutionary search; the defaults are once-for-all's."""

    #: Architectures of a generation.
    population: Annotated[int, Field(ge=4, le=10**5)] = 100
    #: So many populations may be evaluated after the first.
    generations: Count = 500
    #: Share of the population that has children.
    parents: Annotated[float, Field(gt=0, le=1)] = 0.25
    #: Probability that a gene of a mutated child is drawn anew.
    mutation: Fraction = 0.1


class Ablation(Settings):
    """Supernets trained beside the profile's own, to compare with it."""

    #: Drop rates; the profile's own need not be listed.
    q: tuple[Fraction, ...] = ()
    #: Readings of Eq. (A) besides the profile's own.
    readings: tuple[Literal["exclude", "zero"], ...] = ()


class Specialize(Settings):
    """From a scenario to a network: :mod:`eas_core.search.specialize`."""

    #: Architectures drawn a scenario in one go.
    samples: Count
    #: How many of those that fit are compared on the validation split, at most.
    candidates: Count
    #: Validation images of a class, the last ones, that do nothing but rank candidates. The generators and the pairs use
    #: the others; all serve for both if not given.
    images_per_class: Count | None = None
    #: How far below its budget a candidate may cost, as a share of it.
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    #: Levels of the results table, millions of multiply-adds.
    budgets: tuple[Positive, ...] = Field(min_length=1)

    @property
    def middle(self) -> float:
        """The level at which more is measured than at the others."""
        return self.budgets[len(self.budgets) // 2]


class Evaluation(Settings):
    """The final evaluation on the test split."""

    #: Images of a step; changes memory, not results.
    batch_size: Count
    #: Random architectures of equal cost, at each budget level.
    random_architectures: Annotated[int, Field(ge=0, le=1000)]
    #: Random architectures of about equal cost, to measure how much they differ.
    spread_architectures: Annotated[int, Field(ge=0, le=1000)]
    #: How far their cost may be off, as a share of it.
    cost_window: Annotated[float, Field(gt=0, lt=0.5)] = 0.02


class Profile(Settings):
    """All settings of a run; a section each, as in the YAML file."""

    #: The first part of the path under ``runs/``.
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    data: Data
    space: Space
    teacher: Teacher
    supernet: Supernet
    calibration: Calibration
    generator: Generator
    multi_path: MultiPath = MultiPath(steps=300)
    amortised: Amortised = Amortised()
    specialize: Specialize
    pairs: Pairs = Pairs(count=200)
    predictor: Predictor = Predictor()
    evolution: Evolution = Evolution()
    ablation: Ablation = Ablation()
    evaluation: Evaluation

    def search_space(self) -> SearchSpace:
        """The section ``space`` as the value that the library works with."""
        return SearchSpace(**self.space.model_dump())

    def dump(self, *sections: str, whole: bool = True) -> dict[str, Any]:
        """Plain JSON-able settings of sections or of single ones (``"section.key"``): all for records, less for keys.

        Unless ``whole``, what has the default of its section is left out, names of the supernet's stages, and sections
        of which nothing else is left.
        """
        leave_out = {} if whole else {"exclude_defaults": True, "exclude": {"stages": {"__all__": {"name"}}}}
        settings: dict[str, dict[str, Any]] = {}
        for name in sections:
            section, _, key = name.partition(".")
            values = getattr(self, section).model_dump(mode="json", **leave_out)
            if key:
                values = {key: values[key]} if key in values else {}
            if values:
                settings.setdefault(section, {}).update(values)
        return settings
