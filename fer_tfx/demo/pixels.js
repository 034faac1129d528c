// Pillow's resampling, to the bit: what Python makes of a picture, the page must make of it too, and no canvas does.
//
// A picture is {data, width, height}; data has four bytes a pixel, of which the fourth, alpha, is not looked at.

export const SIDE_PX = 48; // of what models take
const PRECISION_BITS = 22; // of the weights by which Pillow scales bytes
const LUMA_WEIGHTS = [0.299, 0.587, 0.114].map(Math.fround); // ITU-R BT.601

/** The nearest whole number, halves to the even one, as Python and NumPy round. */
export function round(value) {
  const floor = Math.floor(value), rest = value - floor;
  return rest === 0.5 ? floor + Math.abs(floor % 2) : Math.round(value);
}

export function makePicture(width, height) {
  return { data: new Uint8ClampedArray(4 * width * height), width, height };
}

/** `Image.crop` of a box within the picture. */
export function crop({ data, width }, left, top, right, bottom) {
  const part = makePicture(right - left, bottom - top);
  for (let y = top; y < bottom; y++) {
    part.data.set(data.subarray(4 * (y * width + left), 4 * (y * width + right)), 4 * (y - top) * part.width);
  }
  return part;
}

/** `Image.paste`; the picture lies within the canvas. */
export function paste(canvas, { data, width, height }, left, top) {
  for (let y = 0; y < height; y++) {
    canvas.data.set(data.subarray(4 * y * width, 4 * (y + 1) * width), 4 * ((top + y) * canvas.width + left));
  }
}

/** `Image.reduce`: each block of that many pixels becomes one. */
export function reduce(picture, factorX, factorY = factorX) {
  const { data, width, height } = picture;
  const small = makePicture(Math.ceil(width / factorX), Math.ceil(height / factorY));
  for (let y = 0; y < small.height; y++) {
    const bottom = Math.min((y + 1) * factorY, height);
    for (let x = 0; x < small.width; x++) {
      const right = Math.min((x + 1) * factorX, width);
      const count = (right - x * factorX) * (bottom - y * factorY);
      let red = count >> 1, green = red, blue = red;
      for (let row = y * factorY; row < bottom; row++) {
        for (let at = 4 * (row * width + x * factorX), end = 4 * (row * width + right); at < end; at += 4) {
          red += data[at];
          green += data[at + 1];
          blue += data[at + 2];
        }
      }
      // Pillow divides by a product in 32 bits, of a factor that is a float.
      const factor = Math.floor(Math.fround(2 ** 32 / (256 * count)));
      const to = 4 * (y * small.width + x);
      small.data[to] = Math.floor((red * factor) / 2 ** 24);
      small.data[to + 1] = Math.floor((green * factor) / 2 ** 24);
      small.data[to + 2] = Math.floor((blue * factor) / 2 ** 24);
    }
  }
  return small;
}

/** `Image.resize` by BILINEAR, with `reducing_gap` 2. */
export function resize(picture, width, height) {
  const [factorX, factorY] = [picture.width / width, picture.height / height].map((ratio) => Math.trunc(ratio / 2) || 1);
  const reduced = factorX > 1 || factorY > 1 ? reduce(picture, factorX, factorY) : picture;
  const across = findWeights(reduced.width, picture.width / factorX, width, toFixedPoint);
  const down = findWeights(reduced.height, picture.height / factorY, height, toFixedPoint);
  const narrow = across ? scaleRows(reduced, width, across) : reduced;
  return down ? scaleColumns(narrow, height, down) : narrow;
}

/** For each of `count` places the first of `size` pixels that it is made of, and their weights: a triangle as wide as the
 * step, cut off at the rims. `extent` is how much of the pixels the places cover. Null: nothing is to be scaled. */
function findWeights(size, extent, count, convert = (weight) => weight) {
  if (size === count && extent === size) return null;
  const scale = extent / count, reach = Math.max(scale, 1);
  return Array.from({ length: count }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0), end = Math.min(Math.trunc(centre + reach + 0.5), size);
    const weights = new Float64Array(end - first);
    for (let i = first; i < end; i++) weights[i - first] = Math.max(1 - Math.abs((i - centre + 0.5) / reach), 0);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => convert(weight / total)) };
  });
}

function toFixedPoint(weight) { return Math.trunc(0.5 + weight * 2 ** PRECISION_BITS); }

function scaleRows({ data, width, height }, count, places) {
  const scaled = makePicture(count, height);
  places.forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) sumUp(data, 4 * (y * width + first), 4, weights, scaled.data, 4 * (y * count + x));
  });
  return scaled;
}

function scaleColumns({ data, width }, count, places) {
  const scaled = makePicture(width, count);
  places.forEach(({ first, weights }, y) => {
    for (let x = 0; x < width; x++) sumUp(data, 4 * (first * width + x), 4 * width, weights, scaled.data, 4 * (y * width + x));
  });
  return scaled;
}

function sumUp(data, at, step, weights, to, place) {
  let red = 1 << (PRECISION_BITS - 1), green = red, blue = red;
  for (let i = 0; i < weights.length; i++, at += step) {
    red += weights[i] * data[at];
    green += weights[i] * data[at + 1];
    blue += weights[i] * data[at + 2];
  }
  to[place] = red >> PRECISION_BITS;
  to[place + 1] = green >> PRECISION_BITS;
  to[place + 2] = blue >> PRECISION_BITS;
}

/** `Image.transform` by AFFINE and BILINEAR to a square: [a, b, c, d, e, f] say where in the picture a pixel comes from;
 * beyond it is black. */
export function transform({ data, width, height }, size, [a, b, c, d, e, f]) {
  const square = makePicture(size, size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const fromX = a * (x + 0.5) + b * (y + 0.5) + c, fromY = d * (x + 0.5) + e * (y + 0.5) + f;
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue;
      const column = Math.floor(fromX - 0.5), row = Math.floor(fromY - 0.5);
      const shareX = fromX - 0.5 - column, shareY = fromY - 0.5 - row;
      const left = 4 * Math.max(column, 0), right = 4 * Math.min(column + 1, width - 1);
      const upper = 4 * width * Math.max(row, 0), lower = 4 * width * (row + 1);
      for (let band = 0; band < 3; band++) {
        const above = mix(data[upper + left + band], data[upper + right + band], shareX);
        const below = row + 1 < height ? mix(data[lower + left + band], data[lower + right + band], shareX) : above;
        square.data[4 * (y * size + x) + band] = Math.floor(mix(above, below, shareY));
      }
    }
  }
  return square;
}

function mix(one, other, share) { return one + (other - one) * share; }

/** `fer_tfx.pictures.to_pixels`: 48 rows of 48 grey values; each side is scaled by itself, in float, colour by colour. */
export function toPixels({ data, width, height }) {
  const across = findWeights(width, width, SIDE_PX), down = findWeights(height, height, SIDE_PX);
  const grey = new Float32Array(SIDE_PX * SIDE_PX);
  LUMA_WEIGHTS.forEach((luma, band) => {
    let values = Float32Array.from({ length: width * height }, (_, i) => data[4 * i + band]);
    if (across) values = scaleFloats(values, height, width, 1, across);
    if (down) values = scaleFloats(values, SIDE_PX, 1, SIDE_PX, down);
    values.forEach((value, i) => { grey[i] += Math.fround(luma * value); });
  });
  return Uint8Array.from(grey, (value) => Math.min(Math.max(round(value), 0), 255));
}

/** Of each of `lines` lines, which begin `stride` apart, the places; their values lie `step` apart, before and after. */
function scaleFloats(values, lines, stride, step, places) {
  const scaled = new Float32Array(lines * places.length), outStride = step === 1 ? places.length : 1;
  places.forEach(({ first, weights }, place) => {
    for (let line = 0; line < lines; line++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += values[line * stride + (first + i) * step] * weights[i];
      scaled[line * outStride + place * step] = sum;
    }
  });
  return scaled;
}
