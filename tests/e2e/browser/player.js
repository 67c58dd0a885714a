// Plays the clip of the task from its first frame to its last, then seeks; posts what every picture showed.
"use strict";

const video = document.querySelector("video");
const canvas = new OffscreenCanvas(1, 1);
const paper = canvas.getContext("2d", { willReadFrequently: true });

/**
 * The picture on display: its media time in seconds, and the mean brightness, 0 to 255, of the middle of each cell of
 * the code in its top-left corner, row by row. Time and pixels are of one frame, however late this is called.
 */
function picture({ cell, columns, rows }) {
  const frame = new VideoFrame(video);
  paper.drawImage(frame, 0, 0);
  const time = frame.timestamp / 1e6;
  frame.close();
  const { data } = paper.getImageData(0, 0, columns * cell, rows * cell);
  const margin = cell / 4;
  const cells = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let y = row * cell + margin; y < (row + 1) * cell - margin; y++) {
        for (let x = column * cell + margin; x < (column + 1) * cell - margin; x++) {
          sum += data[4 * (y * columns * cell + x) + 1];
        }
      }
      cells.push(Math.round(sum / (cell - 2 * margin) ** 2));
    }
  }
  return { time, cells };
}

function once(name) {
  return new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    const fail = () => reject(new Error(`${video.error.code}: ${video.error.message}`));
    video.addEventListener("error", fail, { once: true });
  });
}

/** Until a picture is presented; half a second if the one on display stays. */
function presented() {
  return new Promise((resolve) => {
    const waiting = video.requestVideoFrameCallback(resolve);
    setTimeout(() => {
      video.cancelVideoFrameCallback(waiting);
      resolve();
    }, 500);
  });
}

async function seek(time, code) {
  const sought = once("seeked");
  const shown = presented();
  video.currentTime = time;
  await sought;
  await shown;
  return picture(code);
}

/** Every picture that was presented while playing at `rate`. */
async function play(rate, code) {
  const frames = [await seek(0, code)];
  let waiting = 0;
  const watch = () => {
    waiting = video.requestVideoFrameCallback(watch);
    frames.push(picture(code));
  };
  waiting = video.requestVideoFrameCallback(watch);
  video.playbackRate = rate;
  const ended = once("ended");
  await video.play();
  await ended;
  await new Promise((resolve) => setTimeout(resolve, 200));
  video.cancelVideoFrameCallback(waiting);
  return frames;
}

/** Runs the script of a player of playlists. */
function loaded(script) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.onload = resolve;
    element.onerror = reject;
    element.src = script;
    document.head.append(element);
  });
}

/** Players of playlists, each with what attaches it to a source. */
const PLAYERS = {
  "hls.js": (source) =>
    new Promise((_, reject) => {
      const player = new Hls();
      player.on(Hls.Events.ERROR, (_event, data) => data.fatal && reject(new Error(data.details)));
      player.loadSource(source);
      player.attachMedia(video);
    }),
  "dash.js": (source) =>
    new Promise((_, reject) => {
      const player = dashjs.MediaPlayer().create();
      player.on("error", ({ error }) => reject(new Error(error.message)));
      player.initialize(video, source, false);
    }),
  shaka: (source) =>
    new Promise((_, reject) => {
      const player = new shaka.Player();
      player.addEventListener("error", ({ detail }) => reject(new Error(`${detail.code}`)));
      player.attach(video).then(() => player.load(source)).catch(reject);
    }),
};

/** What the task is about, attached; the promise never ends well, and fails with the player. */
async function attach(task) {
  if (!task.player) {
    video.src = "clip.mp4";
    return new Promise(() => {});
  }
  await loaded("stream.js");
  return PLAYERS[task.player](task.source);
}

async function run() {
  const task = await (await fetch("task.json")).json();
  const ready = once("loadeddata");
  return Promise.race([attach(task), ready.then(() => showing(task))]);
}

async function showing(task) {
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const result = { duration: video.duration, width: video.videoWidth, height: video.videoHeight, plays: [], seeks: [] };
  const seen = new Set();
  for (const rate of task.rates) {
    const frames = await play(rate, task.code);
    result.plays.push(frames);
    for (const frame of frames) seen.add(frame.time);
    if (seen.size >= task.frames) break;
  }
  for (const time of task.seeks) result.seeks.push(await seek(time, task.code));
  return result;
}

run()
  .catch((error) => ({ error: String(error) }))
  .then((result) => fetch("result", { method: "POST", body: JSON.stringify(result) }));
