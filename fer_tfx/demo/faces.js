// Answers -> boxes over the picture and a card for each face. Elements stay with their face from frame to frame.

const SIDE_PX = 48;

/** Show the faces of a picture of this size; `isMirrored` is how it is seen. */
export function showFaces({ boxes, cards }, { width, height, faces }, isMirrored = false) {
  keep(boxes, faces.filter((face) => face.box), buildBox, (element, face) => fillBox(element, face, width, height, isMirrored));
  keep(cards, faces, buildCard, fillCard);
}

function keep(parent, faces, build, fill) {
  const known = new Map([...parent.children].map((element) => [element.dataset.face, element]));
  const wanted = faces.map((face) => {
    const name = `${face.number} ${face.classNames}`; // another model may have other classes
    const element = known.get(name) ?? build(face);
    element.dataset.face = name;
    fill(element, face);
    return element;
  });
  if (wanted.length !== parent.children.length || wanted.some((element, i) => parent.children[i] !== element)) parent.replaceChildren(...wanted);
}

function buildBox() {
  const box = document.createElement("div");
  box.className = "box";
  box.append(document.createElement("span"));
  return box;
}

function fillBox(element, { box, number, ...answer }, width, height, isMirrored) {
  const left = isMirrored ? width - box.x - box.width : box.x;
  const style = { left: left / width, top: box.y / height, width: box.width / width, height: box.height / height };
  for (const [name, share] of Object.entries(style)) element.style[name] = percent(share, 3);
  element.classList.toggle("unsure", answer.abstain);
  element.firstChild.textContent = `${number} ${answer.abstain ? "unsure" : findBest(answer).name}`;
}

function buildCard({ classNames }) {
  const card = document.createElement("li"), crop = document.createElement("canvas"), bars = document.createElement("ul");
  Object.assign(crop, { width: SIDE_PX, height: SIDE_PX });
  crop.setAttribute("role", "img");
  crop.setAttribute("aria-label", "What the model sees of the face");
  bars.append(...classNames.map(buildBar));
  card.append(crop, document.createElement("h3"), document.createElement("p"), bars);
  return card;
}

function buildBar(name) {
  const bar = document.createElement("li");
  const [text, track, fill, figure] = ["span", "span", "span", "span"].map((tag) => document.createElement(tag));
  text.textContent = name;
  track.className = "track";
  track.setAttribute("aria-hidden", "true"); // the figure beside it says the same
  track.append(fill);
  bar.append(text, track, figure);
  return bar;
}

function fillCard(card, { number, crop, ...answer }) {
  const [canvas, title, note, bars] = card.children, best = findBest(answer);
  const image = new ImageData(SIDE_PX, SIDE_PX);
  new Uint32Array(image.data.buffer).set(Array.from(crop, (value) => 0xff000000 | (value * 0x010101)));
  canvas.getContext("2d").putImageData(image, 0, 0);
  title.dataset.number = number;
  title.textContent = answer.abstain ? "unsure" : best.name;
  note.textContent = answer.abstain ? `most likely ${best.name}` : `confidence ${percent(best.probability)}`;
  card.classList.toggle("unsure", answer.abstain);
  answer.probabilities.forEach((probability, i) => {
    const [, track, figure] = bars.children[i].children;
    bars.children[i].classList.toggle("best", i === best.index);
    track.firstChild.style.width = percent(probability, 2);
    figure.textContent = percent(probability, 1);
  });
}

function findBest({ classNames, probabilities }) {
  const index = probabilities.indexOf(Math.max(...probabilities));
  return { index, name: classNames[index], probability: probabilities[index] };
}

export function count(faces) { return faces.length === 1 ? "1 face" : `${faces.length} faces`; }

/** In words, for those who hear the page. */
export function describe(faces) {
  const words = faces.map((face) => (face.abstain ? "unsure" : `${findBest(face).name} ${percent(findBest(face).probability)}`));
  return [count(faces), ...words].join(", ");
}

function percent(share, digits = 0) { return `${(100 * share).toFixed(digits)}%`; }
