// The page's side of worker.js: calls -> promises.

// From a blob, so that the worker is bound by this page's policy too, whatever the host sends with its files.
function startWorker() {
  const url = new URL("worker.js", import.meta.url).href;
  const blob = URL.createObjectURL(new Blob([`importScripts(${JSON.stringify(url)})`], { type: "text/javascript" }));
  return new Worker(blob);
}

export class Engine {
  constructor() {
    this.waiting = new Map();
    this.count = 0;
    this.worker = startWorker();
    this.worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.waiting.values()) reject(new Error("This browser can't run the page: use a current one."));
      this.waiting.clear();
    };
  }

  useModel(model) { return this.call("useModel", model); }
  answerPicture(file, limits) { return this.call("answerPicture", { file, limits }); }
  answerFrame(bitmap, timeMs) { return this.call("answerFrame", { bitmap, timeMs }, [bitmap]); }
  endCamera() { return this.call("endCamera"); }

  call(act, details, moved = []) {
    return new Promise((resolve, reject) => {
      const id = ++this.count;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, act, details }, moved);
    });
  }
}
