// Faces from one frame of the camera to the next: followed by a close-up each, which takes a fiftieth of a search, and their
// answers smoothed so that bars don't flicker.

import { computeOverlap } from "./detection.js";

const SEARCH_EVERY_MS = 700, SMOOTHING_MS = 250, SAME_FACE_OVERLAP = 0.3;

export class Tracker {
  constructor(detector) {
    Object.assign(this, { detector, tracks: [], searchedMs: -Infinity, count: 0 });
  }

  /** The faces in a frame at a time, [{number, points, score, smooth}]. */
  async find(picture, timeMs) {
    const followed = [];
    for (const track of this.tracks) {
      const found = await this.detector.follow(picture, track);
      if (found) followed.push(Object.assign(track, found));
    }
    const isLost = followed.length < this.tracks.length;
    this.tracks = followed.filter((track, i) => followed.slice(0, i).every((other) => computeOverlap(track.points, other.points) < SAME_FACE_OVERLAP));
    if (isLost || timeMs - this.searchedMs >= SEARCH_EVERY_MS) {
      this.searchedMs = timeMs;
      for (const face of await this.detector.detect(picture)) {
        if (this.tracks.some((track) => computeOverlap(track.points, face.points) >= SAME_FACE_OVERLAP)) continue;
        this.tracks.push({ ...face, number: ++this.count, smoothed: null, timeMs });
      }
    }
    return this.tracks;
  }
}

/** An exponential mean over the answers for a face; whether to abstain follows most of them. */
export function smooth(track, answer, timeMs) {
  const values = [...answer.probabilities, Number(answer.abstain)];
  const weight = track.smoothed ? 1 - Math.exp((track.timeMs - timeMs) / SMOOTHING_MS) : 1;
  track.smoothed = values.map((value, i) => (track.smoothed ? track.smoothed[i] + weight * (value - track.smoothed[i]) : value));
  track.timeMs = timeMs;
  return { ...answer, probabilities: track.smoothed.slice(0, -1), abstain: track.smoothed.at(-1) >= 0.5 };
}
