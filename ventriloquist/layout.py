"""The names of everything in VQ_HOME and in the folder of a training run."""

# VQ_HOME
DATABASE = "ventriloquist.db"
LOCK = "ventriloquist.lock"
CORRECTIONS = "corrections.toml"  # written by the user
OWN_RULES = "redact.txt"  # written by the user
RUNS = "runs"  # a folder for each training run
MODELS = "models"  # base models that were converted here
TOKENS = "tokens"  # token caches, as private as the messages that they encode
EXPORTS = "exports"
CHATS = "chats"
KEPT = "kept"  # in CHATS: the last chats, to go on with
TEMPORARY = "temporary"
DEMO_MARK = "demo.json"  # a folder with this file is a demo's, and may be emptied
DEMO_LOCK = f"{DEMO_MARK}.lock"  # held from a demo's first stage to its last
DEMO_MESSAGES = "Messages"  # the demo's chat.db, address book and exports

# a run, an export or a merged model
MANIFEST = "manifest.json"

# a run
SETTINGS = "settings.json"  # written when the run begins
DATA = "data.json"
LOG = "log.jsonl"
CURVE = "loss.svg"
CHECKPOINTS = "checkpoints"
BEST = "best-"  # and a step: the weights that did best on the validation messages so far
BASE = "base"  # the run's own base model
EVALUATION = "evaluation"
RECORDS = "records.jsonl"  # in EVALUATION
EXAMPLES = "examples.json"  # in EVALUATION
BLIND = "blind.json"  # in EVALUATION

# The beginnings of all names that a home may hold, including those that a user or the demo puts there.
HOME_PREFIXES = (
    *("ventriloquist.", ".env", CORRECTIONS, OWN_RULES, ".DS_Store", DEMO_MARK, DEMO_MESSAGES),
    *(RUNS, EXPORTS, TOKENS, CHATS, MODELS, TEMPORARY),
)
