"""How large a servable model is and how fast it answers, with a sentence for each bound that it misses."""

import dataclasses
import json
from dataclasses import dataclass

FIGURES_FILE = "serving.json"  # within ServingCheck's blessing, if the export could be served


@dataclass(frozen=True)
class ServingFigures:
    """Measured on the exported folder, as a server loads it."""

    model_bytes: int  # all files of the folder
    latency_ms: float  # median wall time of `serve_pixels` for one picture
    baseline_latency_ms: float | None  # that of the latency reference, measured in alternation; None: there was none

    @property
    def megabytes(self) -> float:
        return self.model_bytes / 1e6

    @property
    def latency_ratio(self) -> float | None:
        """Relative to the latency reference; None: there was none."""
        return None if self.baseline_latency_ms is None else self.latency_ms / self.baseline_latency_ms

    def find_excess(self, max_model_mb: float, max_latency_ratio: float) -> list[str]:
        """A sentence for each bound that was missed; without a latency reference there is no bound on the latency."""
        sentences = []
        if self.megabytes > max_model_mb:
            sentences.append(f"the export has {self.megabytes:.4g} MB, at most {max_model_mb:g} MB")
        if self.latency_ratio is not None and self.latency_ratio > max_latency_ratio:
            sentences.append(
                f"one picture takes {self.latency_ratio:.4g} times as long as the latency reference's"
                f" ({self.latency_ms:.2f} ms against {self.baseline_latency_ms:.2f} ms), at most"
                f" {max_latency_ratio:g} times"
            )
        return sentences

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ServingFigures":
        return cls(**json.loads(text))
