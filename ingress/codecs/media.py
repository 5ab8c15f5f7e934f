"""Pictures, sound and files inside requests: data URLs and media types. No wire format lives here."""

from __future__ import annotations

from schemas.conversation.parts import File, Image

FORMATS = {
    "audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/flac": "flac",
    "audio/aac": "aac", "audio/ogg": "ogg", "audio/opus": "opus", "audio/pcm": "pcm16", "audio/aiff": "aiff",
}  # fmt: skip
MEDIA_TYPES = {
    "wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "aac": "audio/aac", "ogg": "audio/ogg",
    "opus": "audio/opus", "pcm16": "audio/pcm", "aiff": "audio/aiff",
}  # fmt: skip


def split_data_url(url: str) -> tuple[str, str] | None:
    """(media type, base64) of a data URL in base64 (RFC 2397); None for every other URL."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    return head[: -len(";base64")].partition(";")[0], data


def data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def image_of(url: str, detail: str = "", *, cache: bool = False) -> Image:
    """An image as a URL names it."""
    found = split_data_url(url)
    if found is None:
        return Image(url=url, detail=detail, cache=cache)
    return Image(data=found[1], media_type=found[0], detail=detail, cache=cache)


def url_of(media: Image | File) -> str:
    """The address, or the bytes as a data URL; empty when there is neither."""
    if media.url:
        return media.url
    return data_url(media.media_type or "application/octet-stream", media.data) if media.data else ""
