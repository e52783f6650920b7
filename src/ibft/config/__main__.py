"""`python -m ibft.config` prints the JSON schema of the configuration, for editors."""

import json

from ibft.config.config import Config

print(json.dumps(Config.model_json_schema(), indent=2))
