// The camera: frames, one after the other, as fast as they are answered.

const REFUSALS = {
  NotAllowedError: "The browser did not let this page use the camera. Allow the camera for it beside the address bar and try again, or drop a picture instead.",
  NotFoundError: "No camera was found. Connect one and try again, or drop a picture instead.",
  NotReadableError: "The camera is in use by another program. Close that and try again, or drop a picture instead.",
};
const WANTED = { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } };
const COUNTED_MS = 1000;

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}

export class Camera {
  /** `onEnd` is called when the camera goes by itself. */
  constructor(video, onEnd) {
    Object.assign(this, { video, onEnd, stream: null, isOn: false, turn: 0 });
  }

  /** Whether it runs; false if it was stopped meanwhile. Throws an Error that says what to do. */
  async start() {
    const own = ++this.turn;
    this.isOn = true; // so that it can be stopped while the browser asks for leave
    try {
      await this.open(own);
    } catch (error) {
      if (own !== this.turn) return false; // as its video went away
      this.stop();
      throw error;
    }
    return own === this.turn;
  }

  async open(own) {
    if (!navigator.mediaDevices) throw new Error("Browsers lend the camera only to pages from https or from localhost. Open this page there, or drop a picture instead.");
    const stream = await navigator.mediaDevices.getUserMedia({ video: WANTED }).catch((error) => {
      throw new Error(REFUSALS[error.name] ?? `The camera could not be used (${error.message}). Drop a picture instead.`);
    });
    if (own !== this.turn) return end(stream);
    this.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => this.stream === stream && this.onEnd());
    this.video.srcObject = stream;
    await this.video.play();
  }

  stop() {
    ++this.turn;
    if (this.stream) end(this.stream);
    this.stream = this.video.srcObject = null;
    this.isOn = false;
  }

  /** Give each frame that comes while none is being answered to `answer`, with its time and the rate of the last second. */
  async run(answer) {
    const stream = this.stream;
    let times = [];
    while (true) {
      await this.waitForFrame();
      if (this.stream !== stream) return;
      const timeMs = performance.now(), bitmap = await createImageBitmap(this.video);
      await answer(bitmap, timeMs, times.length > 1 ? (1000 * (times.length - 1)) / (times.at(-1) - times[0]) : null);
      times = [...times.filter((each) => performance.now() - each < COUNTED_MS), performance.now()];
    }
  }

  waitForFrame() {
    return new Promise((resolve) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
    });
  }
}
