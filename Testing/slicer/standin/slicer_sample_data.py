"""Modules/Scripted/SampleData/SampleData.py: the registration of samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass
class SampleDataSource:
    """What was registered; lists are of one length, as upstream demands."""

    sampleName: str  # noqa: N815
    uris: list[str]
    fileNames: list[str]  # noqa: N815
    nodeNames: list[str]  # noqa: N815
    checksums: list[str | None]
    thumbnailFileName: str | None = None  # noqa: N815
    loadFileType: list[str] = field(default_factory=list)  # noqa: N815


class SampleDataLogic:
    """`sources` holds what was registered, by category."""

    sources: ClassVar[dict[str, list[SampleDataSource]]] = {}

    @staticmethod
    def registerCustomSampleDataSource(  # noqa: N802
        category: str = "Custom",
        sampleName: str | None = None,  # noqa: N803
        uris: Any = None,
        fileNames: Any = None,  # noqa: N803
        nodeNames: Any = None,  # noqa: N803
        customDownloader: Any = None,  # noqa: N803
        thumbnailFileName: str | None = None,  # noqa: N803
        loadFileType: Any = "VolumeFile",  # noqa: N803
        loadFiles: Any = None,  # noqa: N803
        loadFileProperties: Any = None,  # noqa: N803
        checksums: Any = None,
    ) -> None:
        if customDownloader is not None or loadFiles is not None or loadFileProperties:
            raise NotImplementedError("the stand-in knows plain files only")
        several = isinstance(uris, list | tuple)
        columns = [
            list(column) if isinstance(column, list | tuple) else [column] * (len(uris) if several else 1)
            for column in (uris, fileNames, nodeNames, checksums, loadFileType)
        ]
        if len({len(column) for column in columns}) != 1 or sampleName is None:
            raise ValueError("All fields of a sample data source must have the same length.")
        source = SampleDataSource(sampleName, *columns[:4], thumbnailFileName, columns[4])
        registered = SampleDataLogic.sources.setdefault(category, [])
        if source not in registered:
            registered.append(source)
