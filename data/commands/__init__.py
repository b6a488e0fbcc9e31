"""The commands of `python -m data`, a file for each thing one does with a session."""

from data.commands.check import Check, Migrate, Recover
from data.commands.combine import Merge, Pack, Split
from data.commands.edit import Delete, Tag, Trim
from data.commands.exchange import Import
from data.commands.export import Export
from data.commands.inspect import Inspect
from data.commands.report import Report, Video
from data.commands.view import View

COMMANDS: dict[str, type] = {
    "inspect": Inspect,
    "check": Check,
    "recover": Recover,
    "trim": Trim,
    "tag": Tag,
    "delete": Delete,
    "split": Split,
    "merge": Merge,
    "pack": Pack,
    "import": Import,
    "export": Export,
    "report": Report,
    "video": Video,
    "view": View,
    "migrate": Migrate,
}
