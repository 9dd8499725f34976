"""The rooms of the evidence vault, as the settings describe them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from nightlight.adapters.objects import FolderObjects, Objects
from nightlight.adapters.vault import CaseVault, FlatFolder
from nightlight.cli.foundation import Foundation
from nightlight.flows.check_vault import VaultChecker
from nightlight.flows.file_identity import FileIdentity
from nightlight.flows.kept_files import KeptFiles
from nightlight.flows.seal_evidence import Sealer

if TYPE_CHECKING:
    from nightlight.adapters.s3_objects import S3Objects


class VaultRooms(Foundation):
    @cached_property
    def vault(self) -> CaseVault:
        return CaseVault(
            self._objects, FileIdentity(self.store, self.case_keys), FlatFolder(self.settings.data_dir / "attachments")
        )

    @cached_property
    def kept_files(self) -> KeptFiles:
        return KeptFiles(self.store, self.vault, self.clock)

    @cached_property
    def vault_checker(self) -> VaultChecker:
        return VaultChecker(self.store, self.vault, self.clock, self.settings.vault_check_days)

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.store, self.vault, self.clock)

    @property
    def _objects(self) -> Objects:
        url = self.settings.vault_url
        return _in_bucket(url) if url else FolderObjects(self.settings.data_dir / "vault")


def _in_bucket(url: str) -> S3Objects:
    # Loaded only where it is used: most installations have a folder.
    from nightlight.adapters.s3_objects import S3Objects

    return S3Objects(url)
