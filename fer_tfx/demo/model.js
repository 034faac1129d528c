// fer_tfx.local_model and fer_tfx.views: what a model in this browser answers, with as many views of each face as it can.

import { Graph, fetchBytes } from "./litert.js";
import { round, SIDE_PX } from "./pixels.js";

const TINY = 2 ** -126; // the smallest number that float32 holds in full
const PLACES_PX = Array.from({ length: SIDE_PX }, (_, i) => (i - (SIDE_PX - 1) / 2) / 1.1 + (SIDE_PX - 1) / 2);
const ZOOM_PX = PLACES_PX.map(Math.trunc), ZOOM_SHARES = PLACES_PX.map((place, i) => round((place - ZOOM_PX[i]) * 256) / 256);

export class LocalModel {
  /** From a folder of this site, as a URL. */
  static async open(folder) {
    const [bytes, names, calibration] = await Promise.all(
      ["model.tflite", "class_names.txt", "calibration.json"].map((name) => fetchBytes(new URL(name, folder))));
    const read = (content) => new TextDecoder().decode(content);
    return new LocalModel(await Graph.open(bytes), read(names).trimEnd().split(/\r?\n/), JSON.parse(read(calibration)));
  }

  constructor(graph, classNames, calibration) {
    this.ownViews = calibration.views ?? 1;
    this.calibrations = { ...calibration.by_views, [this.ownViews]: calibration };
    // A mean can't be taken apart again, so only single views are combined.
    this.mostViews = this.ownViews === 1 ? Math.max(...Object.keys(this.calibrations).map(Number)) : this.ownViews;
    Object.assign(this, { graph, classNames });
  }

  /** Answers for crops, 2,304 bytes each; in a hurry, with as few views as the model knows. */
  async answer(crops, isHurried = false) {
    const views = isHurried ? this.ownViews : this.mostViews, answers = [];
    for (const crop of crops) {
      const all = [];
      for (const view of views === this.ownViews ? [crop] : makeViews(crop, views)) all.push((await this.graph.run(view))[0]);
      answers.push(this.judge(all, views));
    }
    return answers;
  }

  close() { this.graph.close(); }

  judge(all, views) {
    const own = this.calibrations[this.ownViews], { temperature, abstain_threshold: threshold } = this.calibrations[views];
    const probabilities = all.length === 1 ? [...all[0]] : averageViews(all, own.temperature / temperature);
    return { classNames: this.classNames, probabilities, abstain: Math.max(...probabilities) < threshold };
  }
}

/** The crop, with its mirror image, and both enlarged by 1.1. */
function makeViews(pixels, count) {
  const views = [pixels, mirror(pixels)];
  if (count > 2) {
    const enlarged = enlarge(pixels);
    views.push(enlarged, mirror(enlarged));
  }
  return views;
}

function mirror(pixels) {
  return pixels.map((_, i) => pixels[i - (i % SIDE_PX) + SIDE_PX - 1 - (i % SIDE_PX)]);
}

function enlarge(pixels) {
  const mix = (one, other, share) => one * (1 - share) + other * share;
  return pixels.map((_, i) => {
    const row = Math.trunc(i / SIDE_PX), column = i % SIDE_PX, upper = SIDE_PX * ZOOM_PX[row], lower = upper + SIDE_PX;
    const down = (x) => mix(pixels[upper + x], pixels[lower + x], ZOOM_SHARES[row]);
    return round(mix(down(ZOOM_PX[column]), down(ZOOM_PX[column] + 1), ZOOM_SHARES[column]));
  });
}

/** Of the probabilities of single views those of their mean logits. */
function averageViews(all, sharpening) {
  const logits = all[0].map((_, i) => (sharpening * all.reduce((sum, each) => sum + Math.log(Math.max(each[i], TINY)), 0)) / all.length);
  const powers = [...logits].map((logit) => Math.exp(logit - Math.max(...logits)));
  const total = powers.reduce((sum, power) => sum + power);
  return powers.map((power) => power / total);
}
