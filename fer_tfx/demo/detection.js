// fer_tfx.blazeface and fer_tfx.face_detection: the faces in a picture, searched at several scales, looked at again from
// close up, and cropped. Whatever changes there changes here; a test holds the answers equal.
//
// Points are eight pairs [x, y]: the box's upper left and lower right corner, right and left eye, nose, mouth, right and
// left ear, where right and left are the person's.

import { Graph, fetchBytes } from "./litert.js";
import { crop, makePicture, paste, reduce, resize, round, SIDE_PX, toPixels, transform } from "./pixels.js";

const MODEL = new URL("face_models/face_detection_short_range.tflite", import.meta.url);
const TRAINED_SIDE_PX = 128, LARGEST_STRIDE_PX = 16;
const GRIDS = [{ stride: 8, count: 2 }, { stride: 16, count: 6 }];
const GROUP_OVERLAP = 0.3, SAME_FACE_OVERLAP = 0.3, LARGEST_LOGIT = 80;
const SEARCH_SCALE = 0.9, SEARCH_SIDE_PX = 896, LEVEL_FACTOR = 3, SMALLEST_SIDE_PX = 96, MARGIN_PX = 16;
const SEEN_SCORE = 0.35, CANDIDATE_SCORE = 0.45, FOLLOWED_SCORE = 0.5;
const LARGEST_SHIFT = 0.3, LARGEST_GROWTH = 0.47;
const PARTS_PX = 8, PARTS_RADIAN = 128; // so that no last bit of a float decides what a close-up shows
const CLOSE_UP_SIDES = 2, TURNS = [-26 / PARTS_RADIAN, 26 / PARTS_RADIAN], FIRST_SCORE = 0.6, SCORE = 0.675, EYES_TO_MOUTH = 0.36;
const CROP_SIDES = 1.16, CROP_UP_SIDES = 0.05, USUAL_TILT = (20 * Math.PI) / 180, MOST_CROP_PX = 8 * SIDE_PX;
export const MAX_CROP_PX = 64;

const SCALED = Float32Array.from({ length: 256 }, (_, value) => Math.fround(value * Math.fround(1 / 127.5)) - 1);
const fround = Math.fround;

/** BlazeFace for pictures of one size. */
class BlazeFace {
  static async open(bytes, width, height) {
    const count = GRIDS.reduce((sum, { stride, count }) => sum + (count * width * height) / stride ** 2, 0);
    const graph = await Graph.open(bytes, [[1, height, width, 3], [1, count, 16], [1, count, 1]]);
    return new BlazeFace(graph, width, height);
  }

  constructor(graph, width, height) {
    Object.assign(this, { graph, width, height, anchors: makeAnchors(width, height) });
  }

  /** The faces in a picture of that size, [{points, score}], best first. */
  async find({ data }) {
    const values = new Float32Array(3 * this.width * this.height);
    for (let from = 0, to = 0; to < values.length; from += 4, to += 3) {
      values[to] = SCALED[data[from]];
      values[to + 1] = SCALED[data[from + 1]];
      values[to + 2] = SCALED[data[from + 2]];
    }
    const [regression, logits] = await this.graph.run(values);
    const found = [];
    logits.forEach((logit, i) => {
      const score = 1 / (1 + Math.exp(-Math.min(Math.max(logit, -LARGEST_LOGIT), LARGEST_LOGIT)));
      if (score >= SEEN_SCORE) found.push({ points: decode(regression.subarray(16 * i, 16 * i + 16), this.anchors[i]), score });
    });
    return mergeGroups(found);
  }
}

function makeAnchors(width, height) {
  const anchors = [];
  for (const { stride, count } of GRIDS) {
    for (let y = 0; y < height / stride; y++) {
      for (let x = 0; x < width / stride; x++) {
        const anchor = [(x + 0.5) * stride, (y + 0.5) * stride];
        for (let i = 0; i < count; i++) anchors.push(anchor);
      }
    }
  }
  return anchors;
}

function decode(numbers, [x, y]) {
  const points = Array.from({ length: 8 }, (_, i) => [fround(numbers[2 * i] + x), fround(numbers[2 * i + 1] + y)]);
  const centre = points[0], half = [numbers[2] / 2, numbers[3] / 2];
  points[1] = centre.map((value, axis) => fround(value + half[axis]));
  points[0] = centre.map((value, axis) => fround(value - half[axis]));
  return points;
}

/** Weighted suppression: of each group that overlaps its best one the mean by score, with the score of the best. */
function mergeGroups(found) {
  const merged = [];
  while (found.length) {
    const best = found.reduce((one, other) => (other.score > one.score ? other : one));
    const isIn = (each) => each === best || computeOverlap(best.points, each.points) > GROUP_OVERLAP;
    const group = found.filter(isIn);
    merged.push({ points: average(group.map((each) => each.points), group.map((each) => each.score)), score: best.score });
    found = found.filter((each) => !isIn(each));
  }
  return merged;
}

function average(all, weights = all.map(() => 1)) {
  const total = weights.reduce((sum, weight) => sum + weight);
  return mapPoints(all[0], (_, i, axis) => fround(all.reduce((sum, points, k) => sum + points[i][axis] * weights[k], 0) / total));
}

function mapPoints(points, change) { return points.map((point, i) => point.map((value, axis) => change(value, i, axis))); }

/** Intersection over union of two boxes. */
export function computeOverlap(one, other) {
  const area = ([[left, top], [right, bottom]]) => Math.max(right - left, 0) * Math.max(bottom - top, 0);
  const corner = (i, choose) => [0, 1].map((axis) => choose(one[i][axis], other[i][axis]));
  const shared = area([corner(0, Math.max), corner(1, Math.min)]);
  return shared / Math.max(area(one) + area(other) - shared, 1e-9);
}

/** The best of those that overlap, best first. */
function merge(detections) {
  const kept = [];
  for (const each of [...detections].sort((one, other) => other.score - one.score)) {
    if (kept.every((other) => computeOverlap(each.points, other.points) <= SAME_FACE_OVERLAP)) kept.push(each);
  }
  return kept;
}

/** Finds faces, and follows them. Not to be asked twice at a time. */
export class FaceDetector {
  static async open() {
    const bytes = await fetchBytes(MODEL);
    return new FaceDetector(bytes, await BlazeFace.open(bytes, TRAINED_SIDE_PX, TRAINED_SIDE_PX));
  }

  constructor(bytes, judging) {
    Object.assign(this, { bytes, judging, searching: null });
  }

  /** The faces in a picture, [{points, score}]. */
  async detect(picture) {
    const scale = Math.min(SEARCH_SCALE, SEARCH_SIDE_PX / Math.max(picture.width, picture.height));
    const small = resize(picture, ...[picture.width, picture.height].map((side) => Math.max(1, round(side * scale))));
    const judged = [];
    for (const { points, score } of merge(await this.search(small))) {
      const face = await this.judge(picture, { points: mapPoints(points, (value) => fround(value / scale)), score });
      if (face) judged.push(face);
    }
    return merge(judged);
  }

  /** Where a face of the frame before is in this one; null: it is lost. */
  async follow(picture, { points }) {
    const found = await this.look(picture, points, 0);
    return found && found.score >= FOLLOWED_SCORE ? found : null;
  }

  /** Candidates in px of the picture. All scales lie on one canvas. */
  async search(picture) {
    const levels = [picture];
    do levels.push(reduce(levels.at(-1), LEVEL_FACTOR)); while (Math.max(levels.at(-1).width, levels.at(-1).height) >= SMALLEST_SIDE_PX);
    const corners = [[0, 0]];
    let left = MARGIN_PX;
    for (const level of levels.slice(1)) {
      corners.push([left, picture.height + MARGIN_PX]);
      left += level.width + MARGIN_PX;
    }
    const canvas = makePicture(roundUp(Math.max(picture.width, left)), roundUp(picture.height + levels[1].height + 2 * MARGIN_PX));
    levels.forEach((level, i) => paste(canvas, level, ...corners[i]));
    const candidates = [];
    for (const { points, score } of await (await this.openSearch(canvas)).find(canvas)) {
      if (score < CANDIDATE_SCORE) continue;
      const middle = findCentre(points);
      levels.forEach((level, i) => {
        const [x, y] = middle.map((value, axis) => value - corners[i][axis]);
        if (x < 0 || x >= level.width || y < 0 || y >= level.height) return;
        candidates.push({ points: mapPoints(points, (value, _, axis) => (value - corners[i][axis]) * LEVEL_FACTOR ** i), score });
      });
    }
    return candidates;
  }

  async openSearch({ width, height }) {
    if (this.searching?.width !== width || this.searching.height !== height) {
      this.searching?.graph.close();
      this.searching = null;
      this.searching = await BlazeFace.open(this.bytes, width, height);
    }
    return this.searching;
  }

  /** A candidate as its close-ups show it; null: it is no face. */
  async judge(picture, candidate) {
    const first = await this.look(picture, candidate.points, 0), looks = [];
    if (!first || (candidate.score + first.score) / 2 < FIRST_SCORE) return null;
    for (const angle of TURNS) looks.push(await this.look(picture, first.points, angle));
    const seen = looks.filter(Boolean);
    const score = [candidate, first, ...seen].reduce((sum, each) => sum + each.score, 0) / (2 + TURNS.length);
    if (score < SCORE) return null;
    const points = average(seen.map((look) => look.points)), eyes = findCentre(points.slice(2, 4));
    const eyesToMouth = Math.hypot(points[5][0] - eyes[0], points[5][1] - eyes[1]);
    return eyesToMouth >= EYES_TO_MOUTH * findSide(points) ? { points, score } : null;
  }

  /** The candidate in a close-up, levelled and then turned; null: it isn't there. Its box stays upright. */
  async look(picture, points, turned) {
    const centre = findCentre(points).map((value) => roundTo(value, PARTS_PX)), angle = computeAngle(points[2], points[3]) + turned;
    const boxSide = roundTo(findSide(points), PARTS_PX);
    const tile = cut(picture, centre, CLOSE_UP_SIDES * boxSide, angle, TRAINED_SIDE_PX);
    const scale = (CLOSE_UP_SIDES * boxSide) / TRAINED_SIDE_PX;
    for (const { points: found, score } of await this.judging.find(tile)) {
      const seen = mapPoints(found, (value) => (value - TRAINED_SIDE_PX / 2) * scale);
      const middle = findCentre(seen), half = [0, 1].map((axis) => (seen[1][axis] - seen[0][axis]) / 2);
      if (Math.max(...middle.map(Math.abs)) >= LARGEST_SHIFT * boxSide) continue;
      if (!(Math.abs(Math.log((2 * Math.max(...half)) / boxSide)) < LARGEST_GROWTH)) continue;
      const moved = seen.map((point) => turn(point, angle).map((value, axis) => value + centre[axis]));
      const newCentre = findCentre(moved);
      moved[0] = newCentre.map((value, axis) => value - half[axis]);
      moved[1] = newCentre.map((value, axis) => value + half[axis]);
      return { points: mapPoints(moved, fround), score };
    }
    return null;
  }
}

function roundUp(side) { return Math.ceil(side / LARGEST_STRIDE_PX) * LARGEST_STRIDE_PX; }

function findCentre([[left, top], [right, bottom]]) { return [(left + right) / 2, (top + bottom) / 2]; }

function findSide([[left, top], [right, bottom]]) { return Math.max(right - left, bottom - top); }

/** By how much the line from right to left eye is turned; clockwise in the picture is positive. */
function computeAngle(rightEye, leftEye) {
  return roundTo(Math.atan2(leftEye[1] - rightEye[1], leftEye[0] - rightEye[0]), PARTS_RADIAN);
}

function roundTo(value, parts) { return round(value * parts) / parts; }

function turn([x, y], angle) {
  return [Math.cos(angle) * x - Math.sin(angle) * y, Math.sin(angle) * x + Math.cos(angle) * y];
}

/** The square about a centre, turned back by an angle, as `size` x `size` px; black beyond the picture. */
function cut(picture, centre, side, angle, size) {
  const reach = (side * (Math.abs(Math.cos(angle)) + Math.abs(Math.sin(angle)))) / 2 + 2;
  const [left, top] = centre.map((each) => Math.max(0, Math.floor(each - reach)));
  const [right, bottom] = [picture.width, picture.height].map((whole, axis) => Math.min(whole, Math.ceil(centre[axis] + reach)));
  if (left >= picture.width || top >= picture.height) return makePicture(size, size);
  let part = crop(picture, left, top, Math.max(right, left + 1), Math.max(bottom, top + 1));
  const factor = Math.max(1, Math.trunc(side / size));
  if (factor > 1) part = reduce(part, factor);
  const step = side / size / factor;
  const [a, d] = turn([step, 0], angle), [b, e] = turn([0, step], angle);
  const x = (centre[0] - left) / factor - (a * size) / 2 - (b * size) / 2;
  const y = (centre[1] - top) / factor - (d * size) / 2 - (e * size) / 2;
  return transform(part, size, [a, b, x, d, e, y]);
}

/** In whole px, none of it beyond the picture. */
export function toBox([corner, opposite], { width, height }) {
  const clip = ([x, y]) => [Math.min(Math.max(round(x), 0), width), Math.min(Math.max(round(y), 0), height)];
  const [x, y] = clip(corner), [right, bottom] = clip(opposite);
  return { x, y, width: right - x, height: bottom - y };
}

/** The face as models take it, 48 rows of 48 grey values, levelled if it is tilted more than usual. */
export function cropFace(picture, box, points) {
  const tilt = computeAngle(points[2], points[3]), boxSide = Math.max(box.width, box.height);
  const angle = Math.abs(tilt) > USUAL_TILT ? tilt : 0, up = turn([0, -CROP_UP_SIDES * boxSide], angle);
  const centre = [box.x + box.width / 2 + up[0], box.y + box.height / 2 + up[1]], side = CROP_SIDES * boxSide;
  return toPixels(cut(picture, centre, side, angle, Math.max(SIDE_PX, Math.min(round(side), MOST_CROP_PX))));
}
