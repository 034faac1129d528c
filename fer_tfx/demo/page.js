// What the person does -> what the page shows.

import { Camera } from "./camera.js";
import { Engine } from "./engine.js";
import { count, describe, showFaces } from "./faces.js";

const LIMITS = { bytes: 20e6, pixels: 40e6 };
const NOTES = { empty: "For each face you will see how likely every expression is.", busy: "Looking for faces…" };
const NOTHING = { width: 1, height: 1, faces: [] };
const SIZES = { small: "small, 1.5 MB", accurate: "accurate, 2.9 MB", own: "your own" };
const find = (id) => document.getElementById(id);
const places = { boxes: find("boxes"), cards: find("faces") };

const engine = new Engine();
const camera = new Camera(find("video"), () => {
  endCamera();
  tell("The camera has gone. Connect it and start it again, or drop a picture instead.");
});
let ready = readSettings().then(useModel); // a promise: the model that is chosen can answer
let used = ""; // its name in the list
let file = null; // the picture that is shown, or is about to be
let seen = NOTHING; // the latest answer for the camera
let turn = 0; // counts what is shown: of two pictures that load at once the later one stays

// --- Models

async function readSettings() {
  const response = await fetch("site.json").catch(() => null);
  if (!response?.ok) throw new Error("The page could not load its settings. Reload it.");
  const { models, chosen, server } = await response.json();
  const options = models.map((name) => new Option(SIZES[name] ?? name, name, false, name === chosen));
  if (server) options.push(new Option(`${server}, on the server`, "", false, true));
  find("model").replaceChildren(...options);
  find("model").disabled = options.length < 2;
  find("model").dataset.server = server ?? "";
}

async function useModel() {
  const name = find("model").value, { server } = find("model").dataset;
  await engine.useModel(name ? { folder: new URL(`models/${name}/`, location).href } : { server });
  used = name;
  find("privacy").textContent = name
    ? "Nothing leaves this device: faces are found and named in your browser."
    : "No picture leaves this device: only 48x48 grey values of each face go to the server behind this page.";
}

async function changeModel() {
  const before = ready, changed = useModel();
  ready = changed;
  if (await attempt(async () => (await changed, true))) return file && openPicture(file);
  if (ready !== changed) return;
  ready = before; // which goes on answering
  find("model").value = used;
}

// --- Pictures

async function openPicture(chosen) {
  if (!chosen) return tell("Nothing there that is a file: save the picture first, then drop or choose that file.");
  if (camera.isOn) endCamera();
  const own = ++turn;
  file = chosen;
  tell("");
  showFaces(places, NOTHING);
  tellCount([], NOTES.busy);
  const answer = await attempt(async () => (await ready, engine.answerPicture(chosen, LIMITS)));
  if (own !== turn) return;
  if (!answer) file = null;
  show(answer ? find("picture") : null);
  if (!answer) return;
  URL.revokeObjectURL(find("picture").src);
  find("picture").src = URL.createObjectURL(chosen);
  find("picture").classList.toggle("tiny", Math.max(answer.width, answer.height) < 200);
  showFaces(places, answer);
  find("spoken").textContent = describe(answer.faces);
  tellCount(answer.faces, "No face found. One should take at least a twenty-fifth of the picture's longer side.");
}

async function openSample({ dataset }) {
  const response = await fetch(`samples/${dataset.file}`);
  await openPicture(new File([await response.blob()], dataset.file));
}

// --- Camera

async function startCamera() {
  const own = ++turn;
  file = null;
  tell("");
  find("camera").textContent = "Stop camera";
  const isStarted = await attempt(() => camera.start());
  if (own !== turn) return;
  show(isStarted ? find("video") : null);
  if (!isStarted) return;
  find("camera").textContent = "Stop camera";
  find("mirroring").hidden = find("rate").hidden = false;
  find("note").textContent = NOTES.busy;
  if (!(await attempt(async () => (await ready, true)))) return endCamera();
  await attempt(() => camera.run(answerFrame));
}

async function answerFrame(bitmap, timeMs, rate) {
  const own = turn, answer = await attempt(() => engine.answerFrame(bitmap, timeMs));
  if (own !== turn) return;
  if (!answer) return endCamera();
  seen = answer;
  showFaces(places, seen, find("mirror").checked);
  tellCount(answer.faces, "No face in sight.");
  if (find("spoken").textContent !== count(answer.faces)) find("spoken").textContent = count(answer.faces);
  if (rate) find("rate").textContent = `${rate.toFixed(0)} frames/s`;
}

function endCamera() {
  ++turn;
  camera.stop();
  engine.endCamera();
  show(null);
}

// --- What is shown

/** The picture, the video, or neither; without the faces of the last one. */
function show(shown) {
  for (const element of [find("picture"), find("video")]) element.hidden = element !== shown;
  find("frame").hidden = !shown;
  find("hint").hidden = Boolean(shown);
  document.body.classList.toggle("empty", !shown);
  find("camera").textContent = "Start camera";
  find("mirroring").hidden = find("rate").hidden = true;
  find("rate").textContent = find("spoken").textContent = "";
  find("found").textContent = "Faces";
  find("note").textContent = NOTES.empty;
  seen = NOTHING;
  showFaces(places, seen);
}

function tellCount(faces, none) {
  find("found").textContent = faces.length ? count(faces) : "Faces";
  find("note").textContent = faces.length ? "" : none;
}

/** What an act gives; undefined, with a message, if it fails. */
async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    tell(error.message);
  }
}

function tell(text) {
  find("message").textContent = text;
}

// --- Wiring

find("camera").addEventListener("click", () => (camera.isOn ? endCamera() : startCamera()));
find("mirror").addEventListener("change", () => {
  find("video").classList.toggle("mirrored", find("mirror").checked);
  showFaces(places, seen, find("mirror").checked);
});
find("video").classList.add("mirrored");
find("model").addEventListener("change", changeModel);
find("file").addEventListener("change", () => {
  if (find("file").files.length) openPicture(find("file").files[0]);
  find("file").value = "";
});
for (const sample of find("samples").children) sample.addEventListener("click", () => attempt(() => openSample(sample)));
// On the whole page: a picture dropped beside the stage would otherwise replace the page.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("stage").classList.add("dropping");
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) find("stage").classList.remove("dropping"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("stage").classList.remove("dropping");
  openPicture(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) openPicture(event.clipboardData.files[0]); });

show(null);
attempt(() => ready);
