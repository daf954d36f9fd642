"""The paper's encoders, without their upsamplers."""

from igconv_sr.encoders.atd import ATD
from igconv_sr.encoders.base import DIV2K_MEAN, Encoder
from igconv_sr.encoders.edsr import EDSR
from igconv_sr.encoders.hat import HAT
from igconv_sr.encoders.hit_srf import HiTSRF
from igconv_sr.encoders.mambair import MambaIR
from igconv_sr.encoders.plksr import PLKSR
from igconv_sr.encoders.rcan import RCAN
from igconv_sr.encoders.rdn import RDN
from igconv_sr.encoders.smfanet import SMFANet
from igconv_sr.encoders.srformer import SRFormer
from igconv_sr.encoders.swinir import SwinIR

__all__ = [
    "ATD",
    "DIV2K_MEAN",
    "EDSR",
    "HAT",
    "PLKSR",
    "RCAN",
    "RDN",
    "Encoder",
    "HiTSRF",
    "MambaIR",
    "SMFANet",
    "SRFormer",
    "SwinIR",
]
