"""``make check``: the JSON Schemas under docs/schemas are the ones that the code has. ``--write`` makes them so."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from channels.alerts.event import json_schema as alert_schema
from channels.alerts.plain import PlainAlert
from channels.alerts.zabbix import ZabbixEvent
from channels.ivr.event import json_schema as ivr_schema
from config.schema import json_schemas as policy_schemas
from gateway.codec import json_schemas as bus_schemas

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


def wanted() -> Mapping[Path, str]:
    schemas: dict[Path, Any] = {FOLDER / "bus" / f"{name}.json": s for name, s in bus_schemas().items()}
    schemas |= {FOLDER / "policy" / f"{Path(name).stem}.json": s for name, s in policy_schemas().items()}
    schemas[FOLDER / "ivr.v1.json"] = ivr_schema()
    schemas[FOLDER / "alert-plain.v1.json"] = alert_schema(PlainAlert)
    schemas[FOLDER / "alert-zabbix.v1.json"] = alert_schema(ZabbixEvent)
    return {path: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for path, schema in schemas.items()}


def main() -> int:
    stale = [p for p, text in wanted().items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    if "--write" in sys.argv:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted()[path], encoding="utf-8")
        print(f"{len(stale)} schemas written")
        return 0
    for path in stale:
        print(f"{path.relative_to(FOLDER.parents[1])} is not what the code has: run `make docs`")
    print(f"{len(wanted())} schemas looked at")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
