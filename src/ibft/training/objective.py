"""The IB-FT objective (paper eqs. 1-6, Algorithm 1) and its controls, for any decoder with a frozen linear head.

    h        = hidden state of layer l*                                  hidden_BTD
    mu, log sigma^2 = encoder(h);  z = mu + sigma * eps;  h' = decoder(z)
    paper    = CE(lm_head(h_last), y) + alpha * (KL(q(z|h) || N(0, I)) + beta * CE(lm_head(h'), y))
    vib      = CE(lm_head(h_last), y) + alpha * (CE(lm_head(h'), y) + b * KL(q(z|h) || N(0, I)))
    noise    = CE(lm_head(h_last), y) + alpha * CE(lm_head(h'), y),  h' = decoder(mu) + fixed noise
    rms      = CE(lm_head(h_last), y) + alpha * RMS(h)

`paper` is what the paper prints: its beta weighs prediction, so that below 1 the optimum is KL = 0. `vib` weighs KL, as
Alemi et al. 2017 (arXiv 1612.00410) do. docs/objective.md explains both, and what the two controls tell.

The heads and `ib_ft_loss` depend on torch alone and hold no global state, so that they can be lifted into another
project: call the decoder without its head, catch layer l* with a hook, pass both states here. Without `settings` the
loss is plain FT (alpha = 0) and nothing of the bottleneck is computed.

Both cross-entropies are means over response tokens. KL is summed over the bottleneck's dimensions, or their mean is
taken (`kl_reduction`), and averaged over the tokens in scope (`response`: those that predict a response token;
`sequence`: every token that is not padding), as is RMS(h).

The authors' released code computes another number, which these settings reproduce: `kl_scope="padded"`,
`kl_reduction="mean"` and an `IBHead` with `log_variance_limit=4`; see
docs/adr/0006-objective-of-the-released-code.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ibft.models.batching import send, states_at
from ibft.models.head import Head, accumulating
from ibft.training.linear_cross_entropy import linear_cross_entropy

KLScope = Literal["response", "sequence", "padded"]
KLReduction = Literal["sum", "mean"]
Objective = Literal["paper", "vib", "noise", "rms"]

IGNORED = -100  # label of a position that is not to be predicted, as everywhere in transformers


@dataclass(frozen=True)
class IBSettings:
    """These settings say what is added to CE, how strongly, and over which tokens and dimensions KL is taken.

    Attributes:
        alpha: strength of all that is added (paper eq. IB-FT).
        beta: of `paper`, the weight of CE_IB (paper eq. 6).
        kl_weight: of `vib`, the weight of KL.
    """

    alpha: float
    beta: float = 0.02
    kl_scope: KLScope = "response"
    kl_reduction: KLReduction = "sum"
    objective: Objective = "paper"
    kl_weight: float = 1e-3

    @property
    def weights(self) -> dict[str, float]:
        """The weight in the total of each term, by its name in `Loss`."""
        alpha = self.alpha
        return {
            "paper": {"kl": alpha, "ce_ib": alpha * self.beta},
            "vib": {"kl": alpha * self.kl_weight, "ce_ib": alpha},
            "noise": {"ce_ib": alpha},
            "rms": {"rms": alpha},
        }[self.objective]


@dataclass(frozen=True)
class TokenCounts:
    """Each mean divides by a count over the whole global batch, so that micro-batches and processes add up exactly."""

    response: int
    kl: int


class Loss(NamedTuple):
    """`total` carries the gradient; its terms are detached means, absent where the objective lacks them, as FT does.

    A new term is a field here, a column of TRAINING_LOG and a panel of the figure `training_curves`.
    """

    total: Tensor
    ce: Tensor
    kl: Tensor | None = None
    ce_ib: Tensor | None = None
    rms: Tensor | None = None
    weighted: Mapping[str, Tensor] = {}  # what `total` adds up, with gradients
    kl_Z: Tensor | None = None  # KL of each dimension, detached

    @classmethod
    def terms(cls) -> tuple[str, ...]:
        """Name the terms, which the training log has as columns."""
        return tuple(name for name in cls._fields if name not in ("total", "weighted", "kl_Z"))

    @classmethod
    def of(cls, terms: Mapping[str, Tensor], weights: Mapping[str, float], kl_Z: Tensor | None = None) -> Self:
        """Add up `terms` by their `weights`; CE has the weight 1."""
        weighted = {name: term * weights[name] if name in weights else term for name, term in terms.items()}
        parts = {name: term.detach() for name, term in terms.items()}
        return cls(total=torch.stack(list(weighted.values())).sum(), weighted=weighted, kl_Z=kl_Z, **parts)


class IBHead(nn.Module):
    """Token-wise variational bottleneck: encoder q(z|h) = N(mu, diag(sigma^2)) and decoder g(z), all linear."""

    def __init__(
        self,
        width: int,
        bottleneck: int,
        *,
        normalize_hidden: bool = False,
        log_variance_limit: float | None = None,
    ) -> None:
        """A head for states of `width` and latents of `bottleneck` dimensions.

        Args:
            normalize_hidden: divide each state by its root mean square before encoding it. The paper's equations do
                not; models whose states are large (attention sinks reach norms of 25,000) overflow exp(log sigma^2)
                without it.
            log_variance_limit: clamp log sigma^2 to plus or minus this. The paper's equations do not.
        """
        super().__init__()
        self.normalize_hidden = normalize_hidden
        self.log_variance_limit = log_variance_limit
        self.mean = nn.Linear(width, bottleneck)
        self.log_variance = nn.Linear(width, bottleneck)
        self.decoder = nn.Linear(bottleneck, width)
        self.noise_width = bottleneck

    def encode(self, hidden_ND: Tensor) -> tuple[Tensor, Tensor]:
        """mu_NZ and log sigma^2_NZ of layer-l* states."""
        if self.normalize_hidden:
            hidden_ND = _normalized(hidden_ND)
        mean_NZ, log_variance_NZ = self.mean(hidden_ND), self.log_variance(hidden_ND)
        if self.log_variance_limit is not None:
            log_variance_NZ = log_variance_NZ.clamp(-self.log_variance_limit, self.log_variance_limit)
        return mean_NZ, log_variance_NZ

    def decode(self, mean_NZ: Tensor, log_variance_NZ: Tensor, noise_NZ: Tensor) -> Tensor:
        """h'_ND from z = mu + sigma * eps (the reparameterization of paper appendix B)."""
        sigma_NZ = torch.exp(0.5 * log_variance_NZ.to(accumulating(log_variance_NZ)))
        decoded: Tensor = self.decoder(mean_NZ + sigma_NZ * noise_NZ)
        return decoded


class NoisyHead(nn.Module):
    """The control `noise`: the same encoder and decoder, with noise of a fixed relative size on h' in place of KL.

    The noise is `noise_scale` times the root mean square of h', so that no weight can outgrow it: the branch has a
    fixed signal-to-noise ratio, where that of `IBHead` is learned.
    """

    def __init__(self, width: int, bottleneck: int, noise_scale: float, *, normalize_hidden: bool = False) -> None:
        super().__init__()
        self.normalize_hidden = normalize_hidden
        self.noise_scale = noise_scale
        self.mean = nn.Linear(width, bottleneck)
        self.decoder = nn.Linear(bottleneck, width)
        self.noise_width = width

    def decode(self, hidden_ND: Tensor, noise_ND: Tensor) -> Tensor:
        """h'_ND of layer-l* states."""
        if self.normalize_hidden:
            hidden_ND = _normalized(hidden_ND)
        decoded_ND: Tensor = self.decoder(self.mean(hidden_ND))
        size_N = root_mean_square(decoded_ND)
        return decoded_ND + self.noise_scale * size_N[:, None] * noise_ND


def _normalized(hidden_ND: Tensor) -> Tensor:
    return functional.rms_norm(hidden_ND, hidden_ND.shape[-1:])


def root_mean_square(hidden_ND: Tensor) -> Tensor:
    """RMS of each state, [N], in float32 or float64; its gradient at a state of zeros is 0."""
    width: int = hidden_ND.shape[-1]
    size_N: Tensor = torch.linalg.vector_norm(hidden_ND.to(accumulating(hidden_ND)), dim=-1) / math.sqrt(width)
    return size_N


def kl_to_standard_normal(mean_NZ: Tensor, log_variance_NZ: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) of each token and dimension, in nats: [N, Z]. Their sum is that of paper eq. 4.

    In float32, or float64 of float64: bfloat16 has 8 bits for exp(log sigma^2) - 1 - log sigma^2, which is near 0.
    """
    mean_NZ, log_variance_NZ = mean_NZ.to(accumulating(mean_NZ)), log_variance_NZ.to(accumulating(log_variance_NZ))
    return 0.5 * (mean_NZ.square() + log_variance_NZ.exp() - 1 - log_variance_NZ)


def ib_ft_loss(
    last_hidden_BTD: Tensor,
    labels_BT: Tensor,
    head: Head,
    counts: TokenCounts,
    *,
    ib_head: IBHead | NoisyHead | None = None,
    settings: IBSettings | None = None,
    layer_hidden_BTD: Tensor | None = None,
    valid_BT: Tensor | None = None,
    noise_NZ: Tensor | None = None,
) -> Loss:
    """Return the loss of one micro-batch, as its share of the global means in `counts`.

    Args:
        last_hidden_BTD: the decoder's output after its final norm, which the head reads.
        labels_BT: token ids, `IGNORED` where the token is prompt or padding; position t predicts label t + 1. Left on
            the CPU, like `valid_BT`, they let a GPU work without being waited for.
        head: the frozen head of the model.
        counts: response and KL tokens of the global batch (`count_tokens` of each micro-batch, added up).
        ib_head: the bottleneck; of objective `noise` a `NoisyHead`; None for FT and `rms`.
        settings: the objective and its weights; None for FT. With it, the following are needed.
        layer_hidden_BTD: states of layer l*.
        valid_BT: False on padding.
        noise_NZ: eps for every KL token of this micro-batch, row by row, as wide as `ib_head.noise_width`.

    Raises:
        ValueError: an objective without the head or the tensors that it needs.
    """
    predicts_BT = predicts_response(labels_BT)
    targets_N = labels_BT[:, 1:][predicts_BT[:, :-1]]
    if targets_N.device != last_hidden_BTD.device:
        targets_N = send(targets_N, last_hidden_BTD.device)

    def cross_entropy(hidden_ND: Tensor) -> Tensor:
        return linear_cross_entropy(hidden_ND, head, targets_N) / counts.response

    ce = cross_entropy(states_at(last_hidden_BTD, predicts_BT))
    if settings is None and ib_head is None:
        return Loss.of({"ce": ce}, {})
    if settings is None or layer_hidden_BTD is None or valid_BT is None:
        raise ValueError("IB-FT needs settings, layer_hidden_BTD, valid_BT and noise_NZ")
    scope_BT = kl_tokens(labels_BT, valid_BT, settings.kl_scope)
    hidden_ND = states_at(layer_hidden_BTD, scope_BT)
    if settings.objective == "rms":
        return Loss.of({"ce": ce, "rms": root_mean_square(hidden_ND).sum() / counts.kl}, settings.weights)
    if noise_NZ is None or ib_head is None:
        raise ValueError(f"objective {settings.objective} needs noise_NZ and an ib_head")
    predicting_N = predicts_BT[scope_BT]
    if isinstance(ib_head, NoisyHead):
        decoded_ND = ib_head.decode(*(states_at(each, predicting_N) for each in (hidden_ND, noise_NZ)))
        return Loss.of({"ce": ce, "ce_ib": cross_entropy(decoded_ND)}, settings.weights)
    mean_NZ, log_variance_NZ = ib_head.encode(hidden_ND)
    kl_Z = kl_to_standard_normal(mean_NZ, log_variance_NZ).sum(0) / counts.kl
    kl = kl_Z.sum() if settings.kl_reduction == "sum" else kl_Z.mean()
    decoded_ND = ib_head.decode(*(states_at(each, predicting_N) for each in (mean_NZ, log_variance_NZ, noise_NZ)))
    return Loss.of({"ce": ce, "kl": kl, "ce_ib": cross_entropy(decoded_ND)}, settings.weights, kl_Z.detach())


def count_tokens(labels_BT: Tensor, valid_BT: Tensor, kl_scope: KLScope) -> TokenCounts:
    """Count the tokens of one micro-batch that enter each mean."""
    return TokenCounts(
        response=int(predicts_response(labels_BT).sum()), kl=int(kl_tokens(labels_BT, valid_BT, kl_scope).sum())
    )


def kl_tokens(labels_BT: Tensor, valid_BT: Tensor, kl_scope: KLScope) -> Tensor:
    """Mask [B, T] of the positions whose KL is counted; `padded` counts all, as the released code does."""
    if kl_scope == "padded":
        return torch.ones_like(valid_BT)
    return valid_BT if kl_scope == "sequence" else predicts_response(labels_BT)


def predicts_response(labels_BT: Tensor) -> Tensor:
    """Return true at t where label t + 1 is a response token."""
    predicts_BT = torch.zeros_like(labels_BT, dtype=torch.bool)
    predicts_BT[:, :-1] = labels_BT[:, 1:] != IGNORED
    return predicts_BT
