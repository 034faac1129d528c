"""How TensorFlow Serving follows a folder of versions and `models.config`, one look at a time.

The rules are those of `server_core.cc` (UpdateModelVersionLabelMap), `availability_preserving_policy.cc`
(GetNextAction) and `file_system_storage_path_source.cc` with the policy `latest`, started with
`--allow_version_labels_for_unavailable_models=true`. A test decides which look comes when.
"""

from collections.abc import Collection
from pathlib import Path

from google.protobuf import text_format

from serving_double.double import AVAILABLE, TensorFlowServingDouble
from serving_double.received import ModelSpec

FAILED = "END"
_ROUNDS = 20


class FolderPolls:
    """Has a double serve what lies in a folder.

    Args:
        double: its versions, labels and states are overwritten.
        folder: of the versions.
        unloadable: versions whose loading fails on this server, whatever their files are.
    """

    def __init__(self, double: TensorFlowServingDouble, folder: Path, unloadable: Collection[int] = ()) -> None:
        self.double = double
        self.folder = folder
        self.unloadable = unloadable
        self._loaded_count = 1
        self._aspired: set[int] = set()
        double.labels, double.states = {}, {}

    def start(self) -> None:
        """As the server does before it listens."""
        self.settle()

    def settle(self) -> None:
        """Have everything seen and loaded: what a server does within `serving.settle_s`."""
        for _ in range(2):
            self.look_at_config()
            self.look_at_folder()
            self.try_again()
            for _ in range(_ROUNDS):
                self.work()
            self.look_at_config()

    def look_at_config(self) -> bool:
        """Take over `models.config`, all of it or, if a label can't move yet, nothing: whether it was taken."""
        from tensorflow_serving.config import model_server_config_pb2

        file = self.folder / "models.config"
        if not file.exists():
            return False
        parsed = text_format.Parse(file.read_text(), model_server_config_pb2.ModelServerConfig())
        (config,) = parsed.model_config_list.config
        labels = self.double.labels
        for label, version in config.version_labels.items():
            if self.double.states.get(version) != AVAILABLE and labels.get(label, version) != version:
                return False
        self.double.labels = dict(config.version_labels)
        self._loaded_count = config.model_version_policy.latest.num_versions
        return True

    def look_at_folder(self) -> None:
        """Aspire to the newest versions: whatever has a number for a name."""
        numbers = sorted(int(each.name) for each in self.folder.iterdir() if each.name.isdecimal())
        self._aspired = set(numbers[-self._loaded_count :])

    def work(self) -> None:
        """Load or unload one version."""
        ready = {version for version, state in self.double.states.items() if state == AVAILABLE}
        unaspired = ready - self._aspired
        if unaspired and (not self._aspired or ready & self._aspired or len(unaspired) > 1):
            del self.double.states[min(unaspired)]
        elif new := self._aspired - set(self.double.states):
            is_loadable = max(new) not in self.unloadable and (self.folder / str(max(new)) / "saved_model.pb").exists()
            self.double.states[max(new)] = AVAILABLE if is_loadable else FAILED
        for version in set(self.double.states) - self._aspired:
            if self.double.states[version] == FAILED:
                del self.double.states[version]

    def try_again(self) -> None:
        """Load anew what couldn't be loaded, as the server does each minute."""
        self.double.states = {each: state for each, state in self.double.states.items() if state != FAILED}

    def find_labelled(self, label: str) -> int:
        """The version that answers a request for a label. Raises ServingFault."""
        return self.double.find_version(ModelSpec(self.double.name, None, label))
