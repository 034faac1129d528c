// Finds and answers while the page stays free. A classic worker, as LiteRT.js loads its program by importScripts.
"use strict";

let parts = null; // a promise of the modules, with the detector
let model = null;
let tracker = null; // while the camera runs

async function load() {
  const [detection, pixels, local, server, tracking] = await Promise.all(
    ["detection", "pixels", "model", "server", "tracking"].map((name) => import(`./${name}.js`)));
  return { ...detection, ...pixels, ...local, ...server, ...tracking, detector: await detection.FaceDetector.open() };
}

const acts = {
  /** {folder} of this site, or {server}: a name of its models. */
  async useModel({ folder, server }) {
    const { LocalModel, RemoteModel } = await (parts ??= load());
    const before = model;
    model = server ? new RemoteModel(server) : await LocalModel.open(folder);
    before?.close();
    tracker = null;
  },

  /** The faces from left to right; a picture that is small enough is one face. */
  async answerPicture({ file, limits }) {
    const { detector, MAX_CROP_PX, toPixels, toBox, cropFace } = await parts;
    const picture = readPixels(await decode(file, limits));
    tracker = null;
    if (Math.max(picture.width, picture.height) <= MAX_CROP_PX) return answer(picture, [{ box: null, crop: toPixels(picture) }]);
    const faces = (await detector.detect(picture)).map(({ points }) => ({ points, box: toBox(points, picture) }));
    const seen = faces.filter(({ box }) => box.width > 0 && box.height > 0).sort((one, other) =>
      one.box.x - other.box.x || one.box.y - other.box.y || one.box.width - other.box.width || one.box.height - other.box.height);
    return answer(picture, seen.map(({ points, box }) => ({ box, crop: cropFace(picture, box, points) })));
  },

  /** The same for a frame of the camera, with one view of each face and over time. */
  async answerFrame({ bitmap, timeMs }) {
    const { detector, Tracker, smooth, toBox, cropFace } = await parts;
    const picture = readPixels(bitmap);
    tracker ??= new Tracker(detector);
    const tracks = await tracker.find(picture, timeMs);
    const seen = tracks.map((track) => ({ track, box: toBox(track.points, picture) })).filter(({ box }) => box.width > 0 && box.height > 0);
    const crops = seen.map(({ track, box }) => cropFace(picture, box, track.points));
    const answers = await model.answer(crops, true);
    const faces = seen.map(({ track, box }, i) => ({ box, crop: crops[i], number: track.number, ...smooth(track, answers[i], timeMs) }));
    return { width: picture.width, height: picture.height, faces };
  },

  endCamera() { tracker = null; },
};

async function answer({ width, height }, faces) {
  const answers = await model.answer(faces.map((face) => face.crop));
  return { width, height, faces: faces.map((face, i) => ({ ...face, number: i + 1, ...answers[i] })) };
}

async function decode(file, { bytes, pixels }) {
  if (file.size > bytes) throw new Error(`${file.name} is too large: ${Math.ceil(file.size / 1e6)} MB, at most ${bytes / 1e6} MB can be used.`);
  // As the file has them, without a profile of colours; turned as it notes.
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(() => null);
  if (!bitmap) throw new Error(`${file.name} is no picture that this browser can read: choose a PNG or JPEG file.`);
  const { width, height } = bitmap;
  if (width * height <= pixels) return bitmap;
  bitmap.close();
  throw new Error(`${file.name} is too large: ${width} x ${height} pixels, at most ${pixels / 1e6} megapixels can be used.`);
}

function readPixels(bitmap) {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

// One at a time, in order.
let last = Promise.resolve();
onmessage = ({ data: { id, act, details } }) => {
  last = last.then(() => acts[act](details)).then(
    (result) => postMessage({ id, result }), (error) => postMessage({ id, error: error.message }));
};
