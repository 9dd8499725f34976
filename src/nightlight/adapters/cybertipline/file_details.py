"""One uploaded file: what it is, what was seen of it, where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nightlight.adapters.cybertipline.contact import DeviceId, IpCaptureEvent
from nightlight.adapters.cybertipline.elements import attribute, fixed, text


class FileRelevance(StrEnum):
    """Schema type ``fileRelevance``."""

    REPORTED = "Reported"
    SUPPLEMENTAL_REPORTED = "Supplemental Reported"


class FileClassification(StrEnum):
    """Schema type ``fileClassification``."""

    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"


class MetadataType(StrEnum):
    """Schema type ``metadataTypes``."""

    EXIF = "EXIF"
    HASH = "HASH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hash:
    """A digest of the file as it was before the agency had it. ``hash_type``: SHA256, MD5 …"""

    value: str = text()
    hash_type: str = attribute()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnnotations:
    """What a person saw in the file. Each is said or not there."""

    anime_drawing_virtual_hentai: bool = fixed()
    potential_meme: bool = fixed()
    viral: bool = fixed()
    possible_self_production: bool = fixed()
    physical_harm: bool = fixed()
    violence_gore: bool = fixed()
    bestiality: bool = fixed()
    live_streaming: bool = fixed()
    infant: bool = fixed()
    generative_ai: bool = fixed()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameValue:
    """One entry of metadata."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Metadata of a file."""

    name_value_pair: tuple[NameValue, ...]
    type: MetadataType | None = attribute(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDetails:
    """``file_viewed_by_esp`` and ``exif_viewed_by_esp``: the truth, from the log, about whether a person looked."""

    report_id: int
    file_id: str
    file_name: str | None = None
    original_file_name: str | None = None
    uploaded_to_esp_timestamp: datetime | None = None
    location_of_file: str | None = None
    file_viewed_by_esp: bool | None = None
    exif_viewed_by_esp: bool | None = None
    publicly_available: bool | None = None
    file_relevance: FileRelevance | None = None
    potential_meme: bool | None = None
    file_annotations: FileAnnotations | None = None
    industry_classification: FileClassification | None = None
    original_file_hash: tuple[Hash, ...] = ()
    ip_capture_event: IpCaptureEvent | None = None
    device_id: tuple[DeviceId, ...] = ()
    details: tuple[Details, ...] = ()
    additional_info: tuple[str, ...] = ()
