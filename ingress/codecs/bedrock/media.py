"""Pictures and documents as Converse has them. Source: Amazon Bedrock API reference, "ImageBlock", "DocumentBlock"."""

from __future__ import annotations

import base64
import re
from typing import Any

from ingress.codecs.losses import Losses
from ingress.codecs.media import split_data_url
from schemas.conversation.parts import File, Image

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc", "text/html": "html",
    "text/plain": "txt", "text/markdown": "md", "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}  # fmt: skip
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9\s\-()\[\]]+")
_SPACES = re.compile(r"\s+")


def image_of(image: Image, losses: Losses) -> dict[str, Any] | None:
    """Bytes as base64, or an object of S3: this provider fetches no other address."""
    if image.detail:
        losses.drop("image.detail")
    if image.data:
        form = _IMAGES.get(image.media_type)
        if form is None:
            losses.drop("image.media_type")
            return None
        return {"image": {"format": form, "source": {"bytes": image.data}}}
    if image.url.startswith("s3://"):
        form = _IMAGES.get(image.media_type) or _extension(image.url, _IMAGES)
        if form is not None:
            return {"image": {"format": form, "source": {"s3Location": {"uri": image.url}}}}
    losses.drop("image.url")
    return None


def document_of(file: File, losses: Losses) -> dict[str, Any] | None:
    inline = split_data_url(file.data)
    media_type, data = inline if inline is not None else (file.media_type, file.data)
    name = _SPACES.sub(" ", _NOT_IN_NAMES.sub(" ", file.name.rpartition(".")[0] or file.name)).strip()[:200]
    form = _DOCUMENTS.get(media_type) or _extension(file.name or file.url, _DOCUMENTS)
    source: dict[str, Any]
    if file.text:
        form, source = form or "txt", {"bytes": base64.b64encode(file.text.encode("utf-8", "replace")).decode()}
    elif data:
        form, source = form or "pdf", {"bytes": data}
    elif file.url.startswith("s3://"):
        form, source = form or "pdf", {"s3Location": {"uri": file.url}}
    else:
        losses.drop("file.url" if file.url else "file.id" if file.id else "file")
        return None
    return {"document": {"format": form, "name": name or "document", "source": source}}


def _extension(name: str, forms: dict[str, str]) -> str | None:
    end = name.rpartition(".")[2].lower()
    return "jpeg" if end == "jpg" and "jpeg" in forms.values() else end if end in forms.values() else None
