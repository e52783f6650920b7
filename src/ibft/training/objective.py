"""The IB-FT objective (paper eqs. 1-6, Algorithm 1), for any decoder whose head is a frozen linear layer.

    h        = hidden state of layer l*                                  hidden_BTD
    mu, log sigma^2 = encoder(h);  z = mu + sigma * eps;  h' = decoder(z)
    loss     = CE(lm_head(h_last), y) + alpha * (KL(q(z|h) || N(0, I)) + beta * CE(lm_head(h'), y))

`IBHead` and `ib_ft_loss` depend on torch alone and hold no global state, so that they can be lifted into another
project: call the decoder without its head, catch layer l* with a hook, pass both states here. With `ib_head=None` the
loss is plain FT (alpha = 0) and nothing of the bottleneck is computed.

Both cross-entropies are means over response tokens. KL is summed over the bottleneck's dimensions and averaged over
the tokens in scope (`response`: those that predict a response token; `sequence`: every token that is not padding).

The authors' released code computes another number, which these settings reproduce: `kl_scope="padded"`,
`kl_mean_over_dimensions=True` and an `IBHead` with `log_variance_limit=4`; see
docs/adr/0006-objective-of-the-released-code.md.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ibft.models.batching import send, states_at
from ibft.models.head import Head, accumulating
from ibft.training.linear_cross_entropy import linear_cross_entropy

KLScope = Literal["response", "sequence", "padded"]

IGNORED = -100  # label of a position that is not to be predicted, as everywhere in transformers


@dataclass(frozen=True)
class IBSettings:
    """alpha and beta of paper eq. (IB-FT), and what KL is averaged over: which tokens, and z's dimensions or not."""

    alpha: float
    beta: float
    kl_scope: KLScope = "response"
    kl_mean_over_dimensions: bool = False


@dataclass(frozen=True)
class TokenCounts:
    """Each mean divides by a count over the whole global batch, so that micro-batches and processes add up exactly."""

    response: int
    kl: int


class Loss(NamedTuple):
    """`total` carries the gradient; its terms are detached means, absent for FT where there is no bottleneck.

    A new term is a field here, a column of TRAINING_LOG and a panel of the figure `training_curves`.
    """

    total: Tensor
    ce: Tensor
    kl: Tensor | None = None
    ce_ib: Tensor | None = None


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

    def encode(self, hidden_ND: Tensor) -> tuple[Tensor, Tensor]:
        """mu_NZ and log sigma^2_NZ of layer-l* states."""
        if self.normalize_hidden:
            hidden_ND = functional.rms_norm(hidden_ND, hidden_ND.shape[-1:])
        mean_NZ, log_variance_NZ = self.mean(hidden_ND), self.log_variance(hidden_ND)
        if self.log_variance_limit is not None:
            log_variance_NZ = log_variance_NZ.clamp(-self.log_variance_limit, self.log_variance_limit)
        return mean_NZ, log_variance_NZ

    def decode(self, mean_NZ: Tensor, log_variance_NZ: Tensor, noise_NZ: Tensor) -> Tensor:
        """h'_ND from z = mu + sigma * eps (the reparameterization of paper appendix B)."""
        sigma_NZ = torch.exp(0.5 * log_variance_NZ.to(accumulating(log_variance_NZ)))
        decoded: Tensor = self.decoder(mean_NZ + sigma_NZ * noise_NZ)
        return decoded


def kl_to_standard_normal(mean_NZ: Tensor, log_variance_NZ: Tensor) -> Tensor:
    """KL(N(mu, diag(sigma^2)) || N(0, I)) of each token, in nats, summed over Z: shape [N] (paper eq. 4).

    In float32, or float64 of float64: bfloat16 has 8 bits for exp(log sigma^2) - 1 - log sigma^2, which is near 0.
    """
    mean_NZ, log_variance_NZ = mean_NZ.to(accumulating(mean_NZ)), log_variance_NZ.to(accumulating(log_variance_NZ))
    return 0.5 * (mean_NZ.square() + log_variance_NZ.exp() - 1 - log_variance_NZ).sum(-1)


def ib_ft_loss(
    last_hidden_BTD: Tensor,
    labels_BT: Tensor,
    head: Head,
    counts: TokenCounts,
    *,
    ib_head: IBHead | None = None,
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
        ib_head: the bottleneck; None for FT. With it, all of the following are needed.
        settings: alpha, beta, scope of KL.
        layer_hidden_BTD: states of layer l*.
        valid_BT: False on padding.
        noise_NZ: eps for every KL token of this micro-batch, row by row.

    Raises:
        ValueError: a bottleneck without the tensors it needs.
    """
    predicts_BT = _predicts_response(labels_BT)
    targets_N = labels_BT[:, 1:][predicts_BT[:, :-1]]
    if targets_N.device != last_hidden_BTD.device:
        targets_N = send(targets_N, last_hidden_BTD.device)
    ce = linear_cross_entropy(states_at(last_hidden_BTD, predicts_BT), head, targets_N) / counts.response
    if ib_head is None:
        return Loss(total=ce, ce=ce.detach())
    if settings is None or layer_hidden_BTD is None or valid_BT is None or noise_NZ is None:
        raise ValueError("IB-FT needs settings, layer_hidden_BTD, valid_BT and noise_NZ")
    scope_BT = kl_tokens(labels_BT, valid_BT, settings.kl_scope)
    mean_NZ, log_variance_NZ = ib_head.encode(states_at(layer_hidden_BTD, scope_BT))
    kl = kl_to_standard_normal(mean_NZ, log_variance_NZ).sum() / counts.kl
    if settings.kl_mean_over_dimensions:
        kl = kl / mean_NZ.shape[-1]
    predicting_N = predicts_BT[scope_BT]
    decoded_ND = ib_head.decode(*(states_at(each, predicting_N) for each in (mean_NZ, log_variance_NZ, noise_NZ)))
    ce_ib = linear_cross_entropy(decoded_ND, head, targets_N) / counts.response
    total = ce + settings.alpha * (kl + settings.beta * ce_ib)
    return Loss(total=total, ce=ce.detach(), kl=kl.detach(), ce_ib=ce_ib.detach())


def count_tokens(labels_BT: Tensor, valid_BT: Tensor, kl_scope: KLScope) -> TokenCounts:
    """Count the tokens of one micro-batch that enter each mean."""
    return TokenCounts(
        response=int(_predicts_response(labels_BT).sum()), kl=int(kl_tokens(labels_BT, valid_BT, kl_scope).sum())
    )


def kl_tokens(labels_BT: Tensor, valid_BT: Tensor, kl_scope: KLScope) -> Tensor:
    """Mask [B, T] of the positions whose KL is counted; `padded` counts all, as the released code does."""
    if kl_scope == "padded":
        return torch.ones_like(valid_BT)
    return valid_BT if kl_scope == "sequence" else _predicts_response(labels_BT)


def _predicts_response(labels_BT: Tensor) -> Tensor:
    """Return true at t where label t + 1 is a response token."""
    predicts_BT = torch.zeros_like(labels_BT, dtype=torch.bool)
    predicts_BT[:, :-1] = labels_BT[:, 1:] != IGNORED
    return predicts_BT
