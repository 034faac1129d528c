// TensorFlow Serving, or `fer-tfx demo --url`, behind this page's own address. Signature `serve_pixels`: no more than 48x48
// grey values of a face leave the browser, and no decoder of pictures of the server is exposed to it.

import { SIDE_PX } from "./pixels.js";

const TIMEOUT_S = 10, MOST_FACES = 32; // 20 kB a face

export class RemoteModel {
  /** A model of this name there. */
  constructor(name) {
    this.name = name;
    this.url = new URL(`v1/models/${encodeURIComponent(name)}:predict`, import.meta.url);
  }

  /** Answers for crops, 2,304 bytes each. */
  async answer(crops) {
    const answers = [];
    for (let i = 0; i < crops.length; i += MOST_FACES) answers.push(...await this.ask(crops.slice(i, i + MOST_FACES)));
    return answers;
  }

  close() {}

  async ask(crops) {
    const body = JSON.stringify({ signature_name: "serve_pixels", instances: crops.map(toRows) });
    const response = await fetch(this.url, { method: "POST", body, signal: AbortSignal.timeout(TIMEOUT_S * 1000) }).catch((error) => {
      if (error.name === "TimeoutError") throw new Error(`The server did not answer within ${TIMEOUT_S} seconds.`);
      throw new Error("No answer from the server. Check that it runs.");
    });
    const reply = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(`The server refused (HTTP ${response.status}): ${reply.error ?? "it does not say why; is TensorFlow Serving running behind it?"}`);
    if (reply.predictions?.length !== crops.length) throw new Error(`Model ${this.name} did not answer for each face: is it one of fer-tfx?`);
    return reply.predictions.map((answer) => this.check(answer));
  }

  /** Rather an error than a bar beside the wrong class. */
  check({ probabilities, class_names: classNames, class_name: className, abstain }) {
    const sum = Array.isArray(probabilities) ? probabilities.reduce((a, b) => a + b, 0) : NaN;
    if (!(Math.abs(sum - 1) < 1e-3)) throw new Error(`Model ${this.name} did not answer with probabilities: is it one of fer-tfx?`);
    if (classNames?.length !== probabilities.length) throw new Error(`Model ${this.name} does not name its classes (output class_names): push one by a newer fer-tfx.`);
    const best = classNames[probabilities.indexOf(Math.max(...probabilities))];
    if (String(className) !== best) throw new Error(`Model ${this.name} contradicts itself: it answers ${className}, and ${best} is the most probable.`);
    if (typeof abstain !== "boolean") throw new Error(`Model ${this.name} does not say when it is unsure (output abstain): push one by a newer fer-tfx.`);
    return { classNames, probabilities, abstain };
  }
}

function toRows(crop) {
  return Array.from({ length: SIDE_PX }, (_, row) => Array.from(crop.subarray(row * SIDE_PX, (row + 1) * SIDE_PX), (value) => [value]));
}
