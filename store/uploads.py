"""Files that wait for the message which will name them (``domain.ports.Uploads``)."""

from datetime import datetime

from sqlalchemy import delete, insert, select

from domain.ids import BlobKey
from domain.message import StoredFile
from domain.ports import Ids
from store.engine import Engines, faults
from store.tables import UploadRow
from store.tables.base import table
from store.writer import Turn, Writer

_uploads = table(UploadRow)


class SqlUploads:
    def __init__(self, engines: Engines, writer: Writer, ids: Ids) -> None:
        self._engines = engines
        self._writer = writer
        self._ids = ids

    async def add(self, file: StoredFile, now: datetime) -> str:
        upload_id = self._ids.new()
        values = {"id": upload_id, "blob": file.blob, "name": file.name, "size": file.size}
        async with self._writer.turn(Turn.PERSON):
            with faults():
                async with self._engines.write.begin() as connection:
                    await connection.execute(
                        insert(_uploads).values(**values, media_type=file.media_type, created_at=now)
                    )
        return upload_id

    async def find(self, upload_id: str) -> StoredFile | None:
        with faults():
            async with self._engines.read.connect() as connection:
                row = (await connection.execute(select(_uploads).where(_uploads.c.id == upload_id))).first()
        if row is None:
            return None
        return StoredFile(blob=BlobKey(row.blob), name=row.name, size=row.size, media_type=row.media_type)

    async def forget(self, before: datetime) -> int:
        """Drops what nobody named; returns how many. The contents stay: another message may hold the same."""
        async with self._writer.turn(Turn.HOUSEKEEPING):
            with faults():
                async with self._engines.write.begin() as connection:
                    done = await connection.execute(delete(_uploads).where(_uploads.c.created_at < before))
        return int(done.rowcount)
