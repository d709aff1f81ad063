"""What was measured, so that a comparison may be interrupted: a file with a line of JSON for each thing measured."""
import datetime
import json

import servers


class State:
    """Another version of anything wants another file."""

    def __init__(self, path, versions):
        self.path = path
        self.records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        for record in self.records:
            changed = [name for name in record.get("versions", {}) if record["versions"][name] != versions.get(name)]
            if changed:
                raise servers.Failure(f"{path} was measured with another {', '.join(changed)}: remove it, or --state")
        if not any(record.get("versions") == versions for record in self.records):
            self.add({"versions": versions})

    def add(self, record):
        self.records.append(record)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as file:
            file.write(json.dumps({**record, "date": str(datetime.date.today())}) + "\n")

    def find(self, scenario, server, options):
        """Oldest first."""
        return [one for one in self.records if one.get("scenario") == scenario and one["server"] == server and
                one["options"] == options]

    def dates(self):
        return sorted({record["date"] for record in self.records if "date" in record and "kind" in record})
