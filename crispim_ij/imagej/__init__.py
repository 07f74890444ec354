"""ImageJ itself: the embedded 1.53q or a user's own Fiji, behind one small gateway."""

from crispim_ij.imagej.gateway import GatewaySettings, ImageJGateway, open_gateway

__all__ = ["GatewaySettings", "ImageJGateway", "open_gateway"]
