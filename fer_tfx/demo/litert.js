// LiteRT.js: files of models -> graphs that run here, in WebAssembly. For a worker that isn't a module, see engine.js.

const FOLDER = new URL("litert/", import.meta.url);
const NAME = "litert_wasm_compat_internal";
const GZIP_START = [0x1f, 0x8b];

let library = null; // a promise of it

async function loadLibrary() {
  const [loaded, wasmBinary] = await Promise.all([import("./litert/core.js"), fetchBytes(new URL(`${NAME}.wasm.gz`, FOLDER))]);
  self.Module = { wasmBinary: await unpack(wasmBinary), print() {}, printErr() {} }; // it logs what it does
  await loaded.loadLiteRt(new URL(`${NAME}.js`, FOLDER).href);
  return loaded;
}

/** A file of this site. */
export async function fetchBytes(url) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new Error(`${url} can't be loaded (${response ? `HTTP ${response.status}` : "no answer"}). Reload the page.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Some hosts unpack such a file themselves. */
async function unpack(bytes) {
  if (GZIP_START.some((byte, i) => bytes[i] !== byte)) return bytes;
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}

/** A model that answers one input at a time. */
export class Graph {
  /** From the bytes of a file; `dimensions` are [input's, ...outputs'] to take the place of its own. */
  static async open(bytes, dimensions = []) {
    library ??= loadLibrary();
    const { loadAndCompile } = await library;
    return new Graph(await loadAndCompile(adapt(bytes.slice(), dimensions), { accelerator: "wasm" }));
  }

  constructor(compiled) {
    this.compiled = compiled;
    this.inputShape = compiled.getInputDetails()[0].shape;
    this.outputShapes = compiled.getOutputDetails().map((each) => [...each.shape]);
  }

  /** The outputs, a Float32Array each, in the order of the file. */
  async run(values) {
    const { Tensor } = await library;
    const input = new Tensor(values, this.inputShape);
    const outputs = await this.compiled.run([input]);
    const found = outputs.map((each) => each.toTypedArray().slice());
    for (const each of [input, ...outputs]) each.delete();
    return found;
  }

  close() { this.compiled.delete(); }
}

/** LiteRT.js refuses a signature that doesn't name all outputs, and to run with other sizes than the file's: so the file
 * loses its signatures, which nothing else here asks for, and gets those sizes. Its bytes are a FlatBuffer, by TFLite's
 * schema: tables of fields by number, where every offset counts from its own place. */
function adapt(bytes, dimensions) {
  const view = new DataView(bytes.buffer);
  const follow = (place) => place + view.getUint32(place, true);
  const findFields = (table) => table - view.getInt32(table, true);
  const findEntry = (table, field) => findFields(table) + 4 + 2 * field;
  const open = (table, field) => follow(table + view.getUint16(findEntry(table, field), true));
  const item = (vector, index) => vector + 4 + 4 * index;
  const model = follow(0);
  const signatures = findEntry(model, 7); // Model.signature_defs
  if (signatures < findFields(model) + view.getUint16(findFields(model), true)) view.setUint16(signatures, 0, true);
  const graph = follow(item(open(model, 2), 0)); // Model.subgraphs
  const [tensors, inputs, outputs] = [0, 1, 2].map((field) => open(graph, field));
  dimensions.forEach((sizes, index) => {
    const number = view.getUint32(index ? item(outputs, index - 1) : item(inputs, 0), true);
    const shape = open(follow(item(tensors, number)), 0);
    sizes.forEach((size, axis) => view.setInt32(item(shape, axis), size, true));
  });
  return bytes;
}
